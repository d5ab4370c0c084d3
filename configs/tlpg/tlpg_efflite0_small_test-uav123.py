# The shipped model on UAV123. NOT RUN: the data were not at hand. Its weights saw some of these
# videos in training (docs/model_zoo.md).
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/benchmarks/uav123.py',
    '../_base_/default_runtime.py',
]
