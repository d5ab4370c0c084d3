# Table 2, CReg+EN with IoU-Net: the whole tracker; table 3's balanced neck on this backbone.
_base_ = 'base_efflite0.py'
model = dict(test_cfg=dict(postprocess='iou_search'))
