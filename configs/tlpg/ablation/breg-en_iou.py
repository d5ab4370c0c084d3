# Table 2, BReg+EN with IoU-Net: stage 2 regresses the proposals' residuals, on enhanced features.
_base_ = 'base_efflite0.py'
model = dict(
    refiner=dict(
        _delete_=True,
        type='BoxRegressionRefiner',
        in_channels=112,
        cell_offset=9.0,
        enhancer=dict(type='FeatureEnhancer', in_channels=(112, 112, 112), channels=64),
    ),
    test_cfg=dict(postprocess='iou_search'),
)
