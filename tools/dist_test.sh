#!/usr/bin/env bash
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
set -euo pipefail

if [[ $# -lt 2 || $1 == -h || $1 == --help ]]; then
    cat <<'HELP'
Usage: [VARIABLE=value ...] bash tools/dist_test.sh CONFIG PROCESSES [options of tools/test.py]

Test and evaluate a model in several processes, one for each GPU.
Where there is no GPU, or with CUDA_VISIBLE_DEVICES=-1, the processes share the CPU: the nccl
backend of the configs (env_cfg.dist_cfg.backend) is then replaced by gloo, nothing else is
needed. Give each process its share of the cores with OMP_NUM_THREADS.

Variables, for several machines:
  NNODES=1  NODE_RANK=0  MASTER_ADDR=127.0.0.1  MASTER_PORT=29500  PYTHON=python
HELP
    [[ ${1:-} == -h || ${1:-} == --help ]] && exit 0 || exit 2
fi

config=$1
processes=$2
shift 2
exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${MASTER_PORT:-29500}" \
    --nproc_per_node="$processes" \
    "$(dirname "${BASH_SOURCE[0]}")/test.py" "$config" --launcher pytorch "$@"
