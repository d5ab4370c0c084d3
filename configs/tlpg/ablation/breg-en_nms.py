# Table 2, BReg+EN with NMS. Same weights as breg-en_iou.py.
_base_ = 'breg-en_iou.py'
model = dict(test_cfg=dict(postprocess='nms'))
