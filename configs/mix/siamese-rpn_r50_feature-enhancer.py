# SiamRPN++ with the feature enhancer after its neck, whose three maps have one size.
_base_ = './siamese-rpn_r50_balanced-neck.py'
model = dict(
    neck=dict(
        _delete_=True,
        type='EnhancedNeck',
        in_channels=(512, 1024, 2048),
        neck=dict(
            type='mmdet.ChannelMapper',
            out_channels=256,
            kernel_size=1,
            norm_cfg=dict(type='BN'),
            act_cfg=None,
        ),
        enhancer=dict(type='FeatureEnhancer', in_channels=(256, 256, 256), channels=128),
    )
)
