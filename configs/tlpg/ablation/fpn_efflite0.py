# Table 3, FPN: its map of stride 16; the enhancer reads the other two. As wide as the balanced
# neck's. All of it starts at random, so it is nothing without a training, and learns at the full
# rate where the others' pretrained features move slowly.
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
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(neck=dict(lr_mult=1.0))))
