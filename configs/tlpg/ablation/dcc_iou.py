# Table 1, DCC+IoU, which is table 2's single stage with IoU-Net.
_base_ = 'base_efflite0.py'
model = dict(refiner=None, test_cfg=dict(postprocess='iou_search'))
