# TLPG on mmdet's Swin-T. What is None is found from the backbone. A patch is a tile of the image,
# so cells sit in the middle of their tiles.
_base_ = '../tlpg/tlpg_r50_1xb10-60e_trackingnet-lasot-got10k.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdet.SwinTransformer',
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        window_size=7,
        drop_path_rate=0.2,
        out_indices=(1, 2, 3),
        convert_weights=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://github.com/SwinTransformer/storage/releases/download/v1.0.0/'
            'swin_tiny_patch4_window7_224.pth',
        ),
    ),
    neck=dict(in_channels=None),
    head=dict(in_channels=None, cell_offset=7.5),
    refiner=dict(head=dict(in_channels=None, cell_offset=7.5), enhancer=dict(in_channels=None)),
    iou_head=dict(in_channels=None, cell_offsets=(3.5, 7.5)),
)
