# EfficientNet-Lite0 on the small corpus: what is shipped in tlpg_mmtrack/weights.
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/datasets/tlpg_small.py',
    '../_base_/datasets/dev_test.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]
