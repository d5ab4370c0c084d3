#!/usr/bin/env bash
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
# bash launch.sh dist|slurm train|test ...: what dist_train.sh, slurm_test.sh and the like do.
set -euo pipefail

launcher=$1
tool=$2
shift 2

usage() {
    if [[ $launcher == dist ]]; then
        cat <<HELP
Usage: [VARIABLE=value ...] bash tools/dist_$tool.sh CONFIG PROCESSES [options of tools/$tool.py]

Run tools/$tool.py in several processes, one for each GPU.
Where there is no GPU, or with CUDA_VISIBLE_DEVICES=-1, the processes share the CPU: the nccl
backend of the configs (env_cfg.dist_cfg.backend) is then replaced by gloo, nothing else is
needed. Give each process its share of the cores with OMP_NUM_THREADS.

Variables, for several machines:
  NNODES=1  NODE_RANK=0  MASTER_ADDR=127.0.0.1  MASTER_PORT=29500  PYTHON=python
HELP
    else
        cat <<HELP
Usage: [VARIABLE=value ...] bash tools/slurm_$tool.sh PARTITION CONFIG PROCESSES [options]

Run tools/$tool.py on a slurm cluster, one process for each GPU. The options are those of
tools/$tool.py. All nodes must see the config, the data and the work folder.

Variables:
  GPUS_PER_NODE=8  CPUS_PER_TASK=5  JOB_NAME=<the config's name>  PYTHON=python
  SRUN_ARGS="--qos normal --time 2-0"   further options of srun
HELP
    fi
}

least=2
[[ $launcher == dist ]] || least=3
case ${1:-} in -h | --help) usage && exit 0 ;; esac
[[ $# -ge $least ]] || { usage && exit 2; }
script=$(dirname "${BASH_SOURCE[0]}")/$tool.py
python=${PYTHON:-python}

if [[ $launcher == dist ]]; then
    config=$1
    processes=$2
    shift 2
    exec "$python" -m torch.distributed.run \
        --nnodes="${NNODES:-1}" \
        --node_rank="${NODE_RANK:-0}" \
        --master_addr="${MASTER_ADDR:-127.0.0.1}" \
        --master_port="${MASTER_PORT:-29500}" \
        --nproc_per_node="$processes" \
        "$script" "$config" --launcher pytorch "$@"
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
    "$python" -u "$script" "$config" --launcher slurm "$@"
