# Table 2, CReg with NMS. Same weights as creg_iou.py.
_base_ = 'creg_iou.py'
model = dict(test_cfg=dict(postprocess='nms'))
