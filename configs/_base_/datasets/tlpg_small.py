# Training data that fits on a laptop: still images with masks, cut and pasted over one another,
# and short videos. TLPG_DATA names the folder that holds train/ (default: data).
data_root = '{{$TLPG_DATA:data}}/train/'

crop = dict(size=288, search_scale=5.0, template_jitter=(3.0, 0.25), search_jitter=(4.5, 0.35))
train_pipeline = [
    dict(type='SampleTrackingFrames', num_template_frames=3, num_search_frames=1, max_gap=30),
    dict(type='LoadTrackingFrames'),
    dict(
        type='CutAndPaste',
        prob=0.6,
        min_size=24.0,
        aspect=0.4,
        rotation=15.0,
        colour=0.15,
        motion_blur_prob=0.2,
        drift=0.2,
        **crop,
    ),
    dict(type='TrackingCrop', flip_prob=0.5, still_aspect=0.2, still_rotation=10.0, **crop),
    dict(type='PasteDistractors', prob=0.35, frame_prob=0.8),
    dict(type='PasteOccluders', prob=0.15, max_size=0.9),
    dict(
        type='TrackingPhotometric',
        shared_colour=0.25,
        frame_colour=0.15,
        grey_prob=0.05,
        blur_prob=0.15,
        jpeg_prob=0.1,
        noise_prob=0.1,
    ),
    dict(
        type='PackTrackInputs',
        ref_prefix='search',
        num_template_frames=3,
        default_meta_keys=('img_path', 'frame_id', 'video_id', 'video_length'),
    ),
]
stills = dict(
    type='TrackingImageDataset',
    data_root=data_root + 'stills',
    ann_file='annotations.json',
    data_prefix=dict(img_path='images'),
    min_size=12.0,
    max_cover=0.25,
    pipeline=train_pipeline,
)
videos = dict(
    type='TrackingVideoDataset',
    data_root=data_root + 'videos',
    min_size=12.0,
    max_cover=0.6,
    pipeline=train_pipeline,
)

image_dataset = dict(
    type='WeightedTrackingDataset',
    seed=0,
    datasets=[
        # Photographs with many objects: the most varied of it.
        dict(include=['coco_*'], **stills),
        # Six narrow domains, and one of pseudo masks.
        dict(exclude=['coco_*', 'caltech_*'], **stills),
        dict(include=['caltech_*'], **stills),
        # Real motion.
        videos,
    ],
    weights=[0.4, 0.15, 0.15, 0.3],
)
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='QuotaSampler', samples_per_epoch=1000),
    dataset=image_dataset,
)
