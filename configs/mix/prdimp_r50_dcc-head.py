# PrDiMP with deformable central correlation as its classifier.
_base_ = './prdimp_r50.py'
model = dict(
    cls_head=dict(_delete_=True, type='DCCClsHead', head=dict(type='DCCHead', in_channels=1024)),
    # The crop's centre is the target's last place, as the head's localisation takes for granted.
    test_cfg=dict(border_mode='replicate'),
)
