# Table 2, BReg with IoU-Net: the residuals are regressed on stage 1's own map.
_base_ = 'breg-en_iou.py'
model = dict(refiner=dict(enhancer=None))
