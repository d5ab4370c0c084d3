# TLPG-R50 with mmdet's FPN as its neck. What is None is found from the backbone and the neck.
_base_ = '../tlpg/tlpg_r50_1xb10-60e_trackingnet-lasot-got10k.py'
model = dict(
    neck=dict(_delete_=True, type='mmdet.FPN', out_channels=256, num_outs=3),
    head=dict(in_channels=None),
    refiner=dict(head=dict(in_channels=None), enhancer=dict(in_channels=None)),
)
