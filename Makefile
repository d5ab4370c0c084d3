# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
# `make help` lists the commands.

# light: mmcv-lite, no compiler needed; full: mmcv with compiled operators.
MMCV ?= light
# The Python that makes .venv (light) or .venv-full (full) where no environment is active.
PYTHON ?= python3
# What pip installs where there is no torch.
TORCH ?= torch==2.13.0
# Release of mmdet; where none is named, the one that is there, else 3.0.0rc5.
MMDET ?=
# full: a folder that may hold a wheel of mmcv.
WHEELS ?=
# Arguments for tools/web.py, for example WEB_ARGS="--folder my_videos".
WEB_ARGS ?=
# Arguments for pytest, for example PYTEST_ARGS="-k tracker -x".
PYTEST_ARGS ?=

# An active environment is used as it is; conda's `base` is nobody's choice, so it does not count.
ifneq ($(VIRTUAL_ENV),)
ENVIRONMENT := $(VIRTUAL_ENV)
else ifneq ($(filter-out base,$(CONDA_DEFAULT_ENV)),)
ENVIRONMENT := $(CONDA_PREFIX)
else ifeq ($(MMCV),full)
ENVIRONMENT := .venv-full
else
ENVIRONMENT := .venv
endif
RUN := $(ENVIRONMENT)/bin/python

.PHONY: help setup demo web test lint docs clean

help:  ## List the commands and variables
	@grep -hE '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 16
	@echo
	@echo 'Variables: MMCV=light|full  PYTHON=python3  TORCH="torch==2.13.0"  MMDET=3.3.0'
	@echo '           WHEELS=folder  WEB_ARGS="--folder videos"  PYTEST_ARGS="-k name"'
	@echo '`bash tools/setup.sh --help` explains them. An active virtualenv or conda environment is used.'

setup:  ## Install everything into the active environment, or into .venv (MMCV=full: .venv-full)
	@MMCV='$(MMCV)' PYTHON='$(PYTHON)' TORCH='$(TORCH)' MMDET='$(MMDET)' WHEELS='$(WHEELS)' \
		bash tools/setup.sh '$(RUN)'

demo: setup  ## Track an object in the demo clip; writes outputs/demo/
	'$(RUN)' tools/demo.py --out outputs/demo

web: setup  ## Serve the page in which objects are drawn and tracked, at http://127.0.0.1:7860
	'$(RUN)' -m pip install --quiet --disable-pip-version-check -r requirements/web.txt
	'$(RUN)' tools/web.py $(WEB_ARGS)

# One thread in each process: the tests are many small operations, for which a second only waits.
test: setup  ## Run the tests, a process for each core
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} '$(RUN)' -m pytest --numprocesses auto --dist worksteal \
		$(PYTEST_ARGS)

lint: setup  ## Check style, format and docstring coverage
	'$(RUN)' -m ruff check .
	'$(RUN)' -m ruff format --check .
	'$(RUN)' -m interrogate tlpg_mmtrack tools

docs: setup  ## Build the documentation into build/docs; a warning is an error
	'$(RUN)' -m pip install --quiet --disable-pip-version-check -r requirements/docs.txt
	'$(RUN)' -m sphinx -W --keep-going --quiet docs build/docs
	@echo 'wrote build/docs/index.html'

clean:  ## Remove the environments made here and what was built
	rm -rf .venv .venv-full .venv*-old-* build dist *.egg-info docs/api
