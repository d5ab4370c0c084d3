# Box regression alone, on stored features, as IoU-Net is trained in the config beside this one.
# Not validated: it regresses the boxes of a trained IoU-Net.
_base_ = './tlpg_efflite0_small_iou.py'
model = dict(
    frozen_modules=['neck', 'head', 'refiner', 'iou_head'],
    test_cfg=dict(postprocess='regression'),
)
train_dataloader = dict(sampler=dict(samples_per_epoch=6000))
val_dataloader = val_evaluator = val_cfg = None
