# The shipped model on GOT-10k's validation videos. NOT RUN: the data were not at hand.
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/benchmarks/got10k-val.py',
    '../_base_/default_runtime.py',
]
