# EfficientNet-Lite0 on the small corpus: the model that is shipped in tlpg_mmtrack/weights.
# It trains as a whole, from images. The configs beside it train its parts on stored features; the
# shipped weights come from three of them (docs/model_zoo.md).
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/datasets/tlpg_small.py',
    '../_base_/datasets/dev_val.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]
