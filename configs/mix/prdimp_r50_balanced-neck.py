# PrDiMP with the balanced neck; its channels are found from the backbone.
_base_ = './prdimp_r50.py'
model = dict(
    backbone=dict(
        num_stages=4, strides=(1, 2, 2, 2), dilations=(1, 1, 1, 1), out_indices=(1, 2, 3)
    ),
    neck=dict(type='BalancedNeck'),
)
