# Table 3, FPN: its map of stride 16; the enhancer reads the other two. As wide as the balanced
# neck's. All of it starts at random, so it is nothing without a training.
_base_ = 'creg-en_iou.py'
model = dict(
    neck=dict(
        _delete_=True,
        type='mmdet.FPN',
        in_channels=[40, 112, 320],
        out_channels=112,
        num_outs=3,
    )
)
