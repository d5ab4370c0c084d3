# Table 1, DCC+NMS, which is table 2's single stage with NMS. Same weights as dcc_iou.py.
_base_ = 'dcc_iou.py'
model = dict(test_cfg=dict(postprocess='nms'))
