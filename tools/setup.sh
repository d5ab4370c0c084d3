#!/usr/bin/env bash
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
# Sets up one flavour of the stack; `make setup` calls it. Running it again is quick when nothing
# changed, and goes on where an interrupted run stopped.
set -euo pipefail

usage() {
    cat <<'HELP'
Usage: [VARIABLE=value ...] bash tools/setup.sh ENV_PYTHON

ENV_PYTHON  Python of the environment to set up. Missing: a virtual environment is made for it
            (.venv/bin/python makes .venv), which sees the torch of PYTHON when that has one.

Variables:
  MMCV=light|full  light: mmcv-lite, no compiler (default); full: mmcv with compiled operators
  PYTHON=python3   Python that makes the virtual environment
  TORCH=...        what pip installs where there is no torch (default: torch==2.13.0), options
                   included: TORCH="torch --index-url https://download.pytorch.org/whl/cpu"
  MMDET=3.3.0      release of mmdet (default: the one that is there already, else 3.0.0rc5, the last
                   that mmtrack's STARK runs with)
  WHEELS=folder    full: take mmcv's wheel from this folder if one there fits, else build it
HELP
}

if [[ $# -ne 1 || $1 == -* ]]; then
    usage
    [[ ${1:-} == --help || ${1:-} == -h ]] && exit 0 || exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

env_python=$1
env_folder=$(dirname "$(dirname "$env_python")")
flavour=${MMCV:-light}
base_python=${PYTHON:-python3}
torch_spec=${TORCH:-torch==2.13.0}
mmdet=${MMDET:-}
wheels=${WHEELS:-}

say() { echo "set-up ($flavour): $*"; }
fail() { echo "set-up ($flavour): $*" >&2; exit 1; }
pip() { "$env_python" -m pip --disable-pip-version-check "$@"; }
has() { "$env_python" -c "import $1" 2>/dev/null; }

[[ $flavour == light || $flavour == full ]] \
    || fail "MMCV must be 'light' or 'full', got '$flavour'"
[[ -z $wheels || -d $wheels ]] || fail "WHEELS: no folder '$wheels'"

# The environment. One that was made here and is broken, or whose set-up was killed (pip then leaves
# packages half replaced, and fails on them), is made again. One that the user made is the user's.
made_here=$env_folder/.tlpg_mmtrack-made-here
unfinished=$env_folder/.tlpg_mmtrack-unfinished

# Python in a half-made virtual environment runs, but as the Python that it was made from.
is_environment() {
    local prefix
    prefix=$("$env_python" -c 'import pip, sys; print(sys.prefix)' 2>/dev/null) \
        && [[ $prefix -ef $env_folder ]]
}

make_environment() {
    "$base_python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
        || fail "PYTHON=$base_python must be Python 3.10 or later"
    local options=()
    # A virtual environment sees the packages of a Python installation, not of another environment.
    if "$base_python" -c 'import sys, torch; sys.exit(sys.prefix != sys.base_prefix)' 2>/dev/null
    then
        say "using the torch of $base_python"
        options=(--system-site-packages)
    fi
    say "making $env_folder"
    if [[ -e $env_folder ]]; then
        mv "$env_folder" "$env_folder-old-$$"
        rm -rf "$env_folder-old-$$"
    fi
    mkdir -p "$env_folder"
    touch "$made_here"
    "$base_python" -m venv "${options[@]}" "$env_folder"
}

if [[ ! -e $env_folder || -f $made_here && -f $unfinished ]]; then
    make_environment
elif ! is_environment; then
    [[ -f $made_here ]] || fail "$env_folder is no environment with pip, and was not made here:
remove it, or give it pip (python -m ensurepip), or activate another environment"
    make_environment
fi

# What decides whether anything is to be done: requirements, Python, torch, where the repository is.
fingerprint() {
    cat requirements/*.txt setup.cfg tools/setup.sh
    pwd
    echo "$mmdet"
    "$env_python" - <<'SCRIPT'
import sys
from importlib import metadata

print(sys.version)
for name in ('torch', 'mmcv', 'mmcv-lite', 'mmtrack', 'mmdet', 'numpy'):
    try:
        print(name, metadata.version(name))
    except metadata.PackageNotFoundError:
        print(name, 'missing')
SCRIPT
}
stamp=$env_folder/.tlpg_mmtrack-$flavour
if [[ -f $stamp && $(cat "$stamp") == "$(fingerprint | cksum)" ]]; then
    exit 0
fi
rm -f "$stamp"

install_torch() {
    if has torch; then
        say "torch is here already and stays as it is"
        return
    fi
    say "installing $torch_spec"
    # shellcheck disable=SC2086  # TORCH may hold options
    pip install --quiet $torch_spec
}

# pip may not change the torch that is here, whatever the other packages ask for.
write_constraints() {
    "$env_python" -c 'from importlib.metadata import version; print("torch==" + version("torch"))' \
        >"$1"
    if [[ -n $mmdet ]]; then
        echo "mmdet==$mmdet" >>"$1"
    elif ! pip show --quiet mmdet 2>/dev/null; then
        echo "mmdet==3.0.0rc5" >>"$1"
    fi
}

compiled_ops_load() { "$env_python" -c 'import torch, mmcv._ext' 2>/dev/null; }

build_mmcv() {
    local cuda
    cuda=$("$env_python" - <<'SCRIPT'
import torch
from torch.utils.cpp_extension import CUDA_HOME

print(int(torch.cuda.is_available() and CUDA_HOME is not None))
SCRIPT
    )
    say "building mmcv's operators (CUDA: $cuda); 13 minutes on two cores"
    local without_cuda=()
    # mmcv's build takes a visible GPU for a CUDA compiler; hide the one that has none.
    [[ $cuda == 1 ]] || without_cuda=(CUDA_VISIBLE_DEVICES=)
    pip install --quiet ninja psutil
    # No pip cache: a wheel it holds may have been built without operators or for another torch.
    env "${without_cuda[@]}" MMCV_WITH_OPS=1 FORCE_CUDA="$cuda" CFLAGS="${CFLAGS:-} -g0" \
        PATH="$(dirname "$env_python"):$PATH" "$env_python" -m pip install --quiet \
        --disable-pip-version-check --no-cache-dir --no-build-isolation --no-deps \
        --force-reinstall --no-binary mmcv -r requirements/full.txt
    compiled_ops_load || fail "mmcv was built, but its operators do not load:
$("$env_python" -c 'import torch, mmcv._ext' 2>&1 | tail -n 1)"
}

install_mmcv() {
    # mmcv and mmcv-lite are one package under two names: only one may be there.
    if [[ $flavour == light ]]; then
        if compiled_ops_load; then
            say "mmcv with compiled operators is here already and stays as it is"
            return
        fi
        pip uninstall --quiet --yes mmcv 2>/dev/null || true
        pip install --quiet --no-deps -r requirements/light.txt
        return
    fi
    compiled_ops_load && return
    pip uninstall --quiet --yes mmcv-lite 2>/dev/null || true
    if [[ -n $wheels ]] && pip install --quiet --no-deps --no-index --find-links "$wheels" \
        --only-binary mmcv --force-reinstall -r requirements/full.txt && compiled_ops_load; then
        say "took mmcv's wheel from $wheels"
        return
    fi
    build_mmcv
}

# opencv-python loads libGL, which servers and containers often lack; the headless wheel is the same
# OpenCV without windows. Both install the same files, so only one may be there.
replace_opencv_without_gl() {
    has cv2 && return
    say "opencv-python does not load here, taking opencv-python-headless (no windows):
$("$env_python" -c 'import cv2' 2>&1 | tail -n 1)"
    pip uninstall --quiet --yes opencv-python
    pip install --quiet --no-deps "$(grep '^opencv-python' requirements/runtime.txt \
        | sed 's/opencv-python/opencv-python-headless/')"
}

constraints=$(mktemp)
touch "$unfinished"
finish() {
    local status=$?
    rm -f "$constraints"
    # Killed, by Ctrl-C or otherwise: 128 and more. An error of pip's own leaves things in order.
    [[ $status -ge 128 ]] || rm -f "$unfinished"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

install_torch
write_constraints "$constraints"
say "installing the requirements"
pip install --quiet -c "$constraints" -r requirements/runtime.txt -r requirements/demo.txt \
    -r requirements/export.txt -r requirements/tests.txt wheel
replace_opencv_without_gl
# After setuptools<80, which mmcv's build needs, and after torch, which it compiles against.
install_mmcv
pip install --quiet --no-deps -r requirements/mmtrack.txt
pip install --quiet --no-deps --no-build-isolation --editable .
say "checking that everything imports"
"$env_python" -c 'import tlpg_mmtrack.components' || fail "the check failed; remove $env_folder if it is \
this project's own, and run the set-up again"
fingerprint | cksum >"$stamp"
say "done: $env_folder"
