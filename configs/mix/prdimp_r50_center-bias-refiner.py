# PrDiMP with centre-bias refinement between its classifier and its IoU-Net.
_base_ = './prdimp_r50.py'
model = dict(
    bbox_head=dict(
        _delete_=True,
        type='CenterBiasBoxHead',
        refiner=dict(
            type='CenterBiasRefiner',
            head=dict(type='DCCHead', in_channels=1024),
            enhancer=dict(
                type='FeatureEnhancer',
                in_channels=(512, 1024, 1024),
                channels=128,
                # PrDiMP has no map of stride 32.
                low_source='conv',
            ),
        ),
        iou_head={{_base_.model.bbox_head}},
    )
)
