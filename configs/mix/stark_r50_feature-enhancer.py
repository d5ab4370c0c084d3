# STARK with the feature enhancer after its neck.
_base_ = './stark_r50_balanced-neck.py'
model = dict(
    neck=dict(
        _delete_=True,
        type='EnhancedNeck',
        in_channels=(512, 1024, 2048),
        neck=dict(type='mmdet.ChannelMapper', out_channels=256, kernel_size=1, act_cfg=None),
        enhancer=dict(type='FeatureEnhancer', in_channels=(256, 256, 256), channels=128),
    )
)
