# The shipped model on OTB-100. NOT RUN: the data were not at hand.
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/benchmarks/otb100.py',
    '../_base_/default_runtime.py',
]
