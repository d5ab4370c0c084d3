# TLPG on mmdet's MobileNetV2. What is None is found from the backbone. Kernels are odd and padded
# symmetrically: cells sit on multiples of the stride.
_base_ = '../tlpg/tlpg_r50_1xb10-60e_trackingnet-lasot-got10k.py'
# mmdet's backbone ends in a layer behind C5, which nothing reads.
find_unused_parameters = True
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdet.MobileNetV2',
        out_indices=(2, 4, 6),
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint='open-mmlab://mmdet/mobilenet_v2'),
    ),
    neck=dict(in_channels=None),
    head=dict(in_channels=None),
    refiner=dict(head=dict(in_channels=None), enhancer=dict(in_channels=None)),
    iou_head=dict(in_channels=None),
)
