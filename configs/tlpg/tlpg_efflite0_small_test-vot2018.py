# The shipped model on VOT2018. NOT RUN: the data were not at hand. Its weights saw some of these
# videos in training (docs/model_zoo.md).
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/benchmarks/vot2018.py',
    '../_base_/default_runtime.py',
]
model = dict(test_cfg={{_base_.vot_tracking}})
