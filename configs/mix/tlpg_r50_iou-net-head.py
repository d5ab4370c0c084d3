# TLPG-R50 with mmtrack's IoU-Net, of PrDiMP's settings; the search is its gradient ascent.
_base_ = '../tlpg/tlpg_r50_1xb10-60e_trackingnet-lasot-got10k.py'
model = dict(
    iou_head=dict(
        _delete_=True,
        type='MMTrackIoUHead',
        head=dict(
            type='IouNetHead',
            loss_bbox=dict(type='KLMCLoss'),
            bbox_cfg=dict(
                box_refine_step_length=2.5e-3, box_refine_iter=10, box_refine_step_decay=1
            ),
            train_cfg=dict(
                proposals_sigma=[(0.05, 0.05), (0.5, 0.5)],
                gt_bboxes_sigma=(0.05, 0.05),
                num_samples=128,
                add_first_bbox=False,
                loss_weights=dict(bbox=0.0025),
            ),
        ),
    ),
    test_cfg=dict(postprocess='iou_search'),
)
