# Parts of objects for targets, in place of objects: what tools/store_features.py draws from for
# the second half of the two `-parts` trainings.
_base_ = './tlpg_efflite0_small.py'
parts = dict(
    type='TrackingPartDataset',
    data_root=_base_.data_root + 'stills',
    ann_file='annotations.json',
    data_prefix=dict(img_path='images'),
    min_size=16.0,
    max_cover=0.25,
    pipeline=_base_.train_pipeline,
)
image_dataset = dict(
    _delete_=True,
    type='WeightedTrackingDataset',
    seed=0,
    datasets=[
        dict(include=['coco_*'], **parts),
        dict(exclude=['coco_*', 'caltech_*'], **parts),
        dict(include=['caltech_*'], **parts),
    ],
    weights=[0.5, 0.25, 0.25],
)
train_dataloader = dict(dataset=image_dataset)
