# The shipped model on TrackingNet, for its server. NOT RUN: the data were not at hand.
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/benchmarks/trackingnet.py',
    '../_base_/default_runtime.py',
]
