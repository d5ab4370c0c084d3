# Table 2, BReg with NMS. Same weights as breg_iou.py.
_base_ = 'breg_iou.py'
model = dict(test_cfg=dict(postprocess='nms'))
