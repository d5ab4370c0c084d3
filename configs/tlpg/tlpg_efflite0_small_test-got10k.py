# The shipped model on GOT-10k's test videos, for its server. NOT RUN: the data were not at hand.
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/benchmarks/got10k.py',
    '../_base_/default_runtime.py',
]
