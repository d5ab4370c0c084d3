# The shipped model on VOT2018. NOT RUN: the data were not at hand. Its weights saw some of these
# videos in training (docs/model_zoo.md).
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/benchmarks/vot2018.py',
    '../_base_/default_runtime.py',
]
# Crop, memory and iterations of DiMP's settings for this benchmark, in which a failure costs more
# than elsewhere. Its thresholds, window and learning rate are not taken over.
model = dict(
    test_cfg=dict(
        test_mode='VOT',
        crop_size=224,
        search_scale=4.0,
        memory_size=250,
        first_iters=25,
        update_iters=3,
        hard_negative_iters=3,
        update_interval=10,
    )
)
