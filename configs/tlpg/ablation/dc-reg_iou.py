# Table 1, DC+Reg+IoU: the points' extremes are boxes, with a regression loss. Not yet central: the
# label is a Gaussian without a centre region, every cell near the target learns the box whatever
# its proposal overlaps, and no negative is pushed off it in training.
_base_ = 'base_efflite0.py'
model = dict(
    head=dict(assigner=dict(type='DCCAssigner', center_shrink=0.0, positive_iou=0.0)),
    refiner=None,
    test_cfg=dict(postprocess='iou_search'),
)
