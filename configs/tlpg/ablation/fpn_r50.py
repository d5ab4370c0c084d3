# Table 3, FPN on ResNet-50: its map of stride 16, 256 channels as FPN's paper has it. NOT RUN.
_base_ = 'balanced_r50.py'
stage = dict(in_channels=256)
model = dict(
    neck=dict(
        _delete_=True,
        type='mmdet.FPN',
        in_channels=[512, 1024, 2048],
        out_channels=256,
        num_outs=3,
    ),
    head=stage,
    refiner=dict(head=stage, enhancer=dict(in_channels=(256, 256, 256))),
)
