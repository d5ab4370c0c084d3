# Table 2, CReg+EN with NMS. Same weights as creg-en_iou.py.
_base_ = 'creg-en_iou.py'
model = dict(test_cfg=dict(postprocess='nms'))
