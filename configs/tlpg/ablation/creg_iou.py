# Table 2, CReg with IoU-Net: centre-bias refinement on stage 1's own map.
_base_ = 'creg-en_iou.py'
model = dict(refiner=dict(enhancer=None))
