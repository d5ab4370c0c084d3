# The small corpus as the tracker's own crops, with look-alikes in nearly every sample, as backbone
# maps that were computed once with tools/store_features.py. TLPG_FEATURES names their folder. A
# tenth of the pictures and three crowded videos are held out.
_base_ = 'tlpg_small.py'
crop = dict(size=256, search_scale=3.75, template_jitter=(1.5, 0.25), search_jitter=(2.4, 0.35))
frames = dict(num_template_frames=4, num_search_frames=2)
changed_steps = dict(
    SampleTrackingFrames=frames,
    CutAndPaste=crop,
    TrackingCrop=crop,
    PasteDistractors=dict(prob=0.9, max_count=2, copy_prob=0.4),
    PackTrackInputs=dict(num_template_frames=4),
)
train_pipeline = [
    dict(step, **changed_steps.get(step['type'], {})) for step in _base_.train_pipeline
]
stills = dict(_base_.stills, pipeline=train_pipeline)
videos = dict(_base_.videos, pipeline=train_pipeline)
image_dataset = dict(
    datasets=[
        dict(stills, include=['coco_*'], exclude=['*7.jpg']),
        dict(stills, exclude=['coco_*', 'caltech_*', '*7.jpg']),
        dict(stills, include=['caltech_*'], exclude=['*7.jpg']),
        dict(videos, exclude=['otb_Human3*', 'tld_pedestrian3', 'uav_group2_2']),
    ],
    weights=[0.5, 0.08, 0.12, 0.3],
)
train_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        _delete_=True,
        type='StoredFeatureDataset',
        folder='{{$TLPG_FEATURES:data/features}}',
    ),
)
