# SiamRPN++ with the balanced neck: one level, of one correlation instead of three.
_base_ = [
    'mmtrack::sot/siamese_rpn/siamese-rpn_r50_8xb28-20e_imagenetvid-imagenetdet-coco_base.py',
    '../_base_/datasets/dev_test.py',
]
custom_imports = dict(imports=['tlpg_mmtrack'], allow_failed_imports=False)
model = dict(
    neck=dict(_delete_=True, type='BalancedNeck', in_channels=(512, 1024, 2048), out_channels=256),
    head=dict(in_channels=[256], weighted_sum=False),
)
