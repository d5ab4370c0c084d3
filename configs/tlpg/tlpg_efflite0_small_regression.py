# Box regression alone, on stored features, as IoU-Net is trained in the config beside this one.
_base_ = './tlpg_efflite0_small_iou.py'
model = dict(frozen_modules=['neck', 'head', 'refiner', 'iou_head'])
train_dataloader = dict(sampler=dict(samples_per_epoch=6000))
