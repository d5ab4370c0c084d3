# Table 3, no neck: x is C4, and the enhancer reads C3 and C5 as the backbone has them.
_base_ = 'creg-en_iou.py'
model = dict(neck=None, refiner=dict(enhancer=dict(in_channels=(40, 112, 320))))
