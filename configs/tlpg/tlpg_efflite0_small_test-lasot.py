# The shipped model on LaSOT's 280 test videos. NOT RUN: the data were not at hand.
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/benchmarks/lasot.py',
    '../_base_/default_runtime.py',
]
