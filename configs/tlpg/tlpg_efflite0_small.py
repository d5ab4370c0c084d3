# EfficientNet-Lite0 on the small corpus: the model that is shipped in tlpg_mmtrack/weights.
# It trains as a whole, from images. The shipped weights come from the two configs beside it,
# which train its two parts on stored features (docs/training.md).
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/datasets/tlpg_small.py',
    '../_base_/datasets/dev_test.py',
    '../_base_/schedules/adamw_cosine.py',
    '../_base_/default_runtime.py',
]
