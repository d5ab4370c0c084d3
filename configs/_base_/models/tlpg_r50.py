# The paper's model: ResNet-50 with ImageNet weights, x as wide as C4 (1024 channels, eq. 7),
# filter features of 512 channels as in DiMP. The widths of the enhancer and of IoU-Net, which the
# paper does not give, are small: benchmarks/track.py r50 holds a frame's time against PrDiMP's.
stage = dict(type='DCCHead', in_channels=1024, feat_channels=512, cell_offset=0.0)
model = dict(
    type='TLPG',
    data_preprocessor=dict(type='TLPGDataPreprocessor'),
    backbone=dict(
        type='TrackingResNet',
        depth=50,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    neck=dict(type='BalancedNeck', in_channels=(512, 1024, 2048)),
    head=stage,
    refiner=dict(
        type='CenterBiasRefiner',
        head=stage,
        enhancer=dict(type='FeatureEnhancer', in_channels=(1024, 1024, 1024), channels=128),
    ),
    iou_head=dict(type='IoUNetHead', in_channels=(512, 1024)),
    test_cfg=dict(postprocess='iou'),
)
