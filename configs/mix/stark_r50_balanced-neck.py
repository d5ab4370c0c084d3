# STARK with the balanced neck over the strides 8, 16 and 32.
_base_ = [
    'mmtrack::sot/stark/stark-st1_r50_8xb16-500e_got10k-lasot-trackingnet-coco_base.py',
    '../_base_/datasets/dev_test.py',
]
custom_imports = dict(imports=['tlpg_mmtrack'], allow_failed_imports=False)
model = dict(
    backbone=dict(
        num_stages=4, strides=(1, 2, 2, 2), dilations=(1, 1, 1, 1), out_indices=(1, 2, 3)
    ),
    neck=dict(_delete_=True, type='BalancedNeck', in_channels=(512, 1024, 2048), out_channels=256),
)
