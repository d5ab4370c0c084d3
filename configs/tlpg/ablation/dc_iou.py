# Table 1, DC+IoU: a deformable filter, whose offsets the classification loss alone teaches. The
# box is found as in rc_iou.py.
_base_ = 'rc_iou.py'
model = dict(head=dict(learner=dict(type='JointLearner', boxes=False, gradient_scale=1.0)))
