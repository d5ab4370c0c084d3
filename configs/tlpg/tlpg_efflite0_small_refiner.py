# The second stage alone, on stored features; the neck and the first stage stay as they start.
_base_ = './tlpg_efflite0_small_stages.py'
model = dict(frozen_modules=['neck', 'head', 'iou_head', 'box_head'])
