# Table 1, RC+IoU: a regular filter, one stage. The box is the last one, put where the filter finds
# the target, and IoU-Net searches around it.
_base_ = 'base_efflite0.py'
model = dict(
    head=dict(learner=dict(type='FilterLearner'), offset_prior='square'),
    refiner=None,
    test_cfg=dict(postprocess='iou_search'),
)
