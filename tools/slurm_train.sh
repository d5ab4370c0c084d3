#!/usr/bin/env bash
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
exec bash "$(dirname "${BASH_SOURCE[0]}")/launch.sh" slurm train "$@"
