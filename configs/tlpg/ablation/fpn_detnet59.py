# Table 3, FPN on DetNet-59. NOT RUN.
_base_ = 'fpn_r50.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='DetNet',
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    neck=dict(in_channels=[512, 1024, 1024]),
)
