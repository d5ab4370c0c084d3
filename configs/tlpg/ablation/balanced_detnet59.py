# Table 3, balanced neck on DetNet-59. Stem and stages 2 to 4 start from ResNet-50's ImageNet
# weights, stage 5 at random: torchvision has none of DetNet. NOT RUN.
_base_ = 'balanced_r50.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='DetNet',
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    neck=dict(in_channels=(512, 1024, 1024)),
)
