#!/usr/bin/env bash
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
set -euo pipefail

if [[ $# -lt 3 || $1 == -h || $1 == --help ]]; then
    cat <<'HELP'
Usage: [VARIABLE=value ...] bash tools/slurm_train.sh PARTITION CONFIG PROCESSES [options]

Train a model on a slurm cluster, one process for each GPU. The options are those of
tools/train.py. All nodes must see the config, the data and the work folder.

Variables:
  GPUS_PER_NODE=8  CPUS_PER_TASK=5  JOB_NAME=<the config's name>  PYTHON=python
  SRUN_ARGS="--qos normal --time 2-0"   further options of srun
HELP
    [[ ${1:-} == -h || ${1:-} == --help ]] && exit 0 || exit 2
fi

partition=$1
config=$2
processes=$3
shift 3
per_node=${GPUS_PER_NODE:-8}
[[ $processes -ge $per_node ]] || per_node=$processes
read -ra srun_args <<<"${SRUN_ARGS:-}"
exec srun \
    --partition="$partition" \
    --job-name="${JOB_NAME:-$(basename "$config" .py)}" \
    --ntasks="$processes" \
    --ntasks-per-node="$per_node" \
    --gres="gpu:$per_node" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 \
    "${srun_args[@]}" \
    "${PYTHON:-python}" -u "$(dirname "${BASH_SOURCE[0]}")/train.py" "$config" \
    --launcher slurm "$@"
