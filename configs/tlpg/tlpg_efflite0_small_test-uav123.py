# The shipped model on UAV123. NOT RUN: the data were not at hand.
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/benchmarks/uav123.py',
    '../_base_/default_runtime.py',
]
