# The paper's training sets, TrackingNet, LaSOT and GOT-10k, by mmtrack's dataset classes. The
# folder TLPG_DATA (default: data) is laid out as mmtrack's guide to datasets describes. Of
# TrackingNet the first four chunks, as in DiMP; of GOT-10k mmtrack's list without VOT's videos.
# NOT RUN: none of the three sets was at hand. tests/test_configs.py draws samples from small
# folders of the same layout.
data_root = '{{$TLPG_DATA:data}}/'

# mmtrack's DiMP pipeline (PrDiMP's own), at DiMP's settings: these datasets draw from the global
# random state, so the transforms of tlpg_small.py, which get a generator from the dataset, do not
# fit them. The crops are pixel values: TLPG normalises them itself.
train_pipeline = [
    dict(type='DiMPSampling', num_search_frames=3, num_template_frames=3, max_frame_range=30),
    dict(
        type='TransformBroadcaster',
        share_random_params=True,
        transforms=[
            dict(type='LoadImageFromFile', to_float32=True),
            dict(type='LoadTrackAnnotations', with_instance_id=False),
            dict(type='GrayAug', prob=0.05),
        ],
    ),
    # One factor a frame, three templates and three search frames; the side of a crop is
    # crop_size_factor times the root of the jittered box's area.
    dict(
        type='SeqBboxJitter',
        center_jitter_factor=[3, 3, 3, 4.5, 4.5, 4.5],
        scale_jitter_factor=[0.25, 0.25, 0.25, 0.5, 0.5, 0.5],
        crop_size_factor=[5, 5, 5, 5, 5, 5],
    ),
    dict(
        type='TransformBroadcaster',
        share_random_params=False,
        transforms=[
            dict(type='CropLikeTracker', crop_size_factor=5, output_size=288),
            dict(type='BrightnessAug', jitter_range=0.2),
        ],
    ),
    dict(type='PackTrackInputs', ref_prefix='search', num_template_frames=3),
]
train_dataloader = dict(
    batch_size=10,
    num_workers=8,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='QuotaSampler', samples_per_epoch=26000),
    dataset=dict(
        type='RandomSampleConcatDataset',
        # DiMP's shares.
        dataset_sampling_weights=[1, 0.25, 1],
        datasets=[
            dict(
                type='TrackingNetDataset',
                chunks_list=[0, 1, 2, 3],
                data_root=data_root,
                ann_file='TrackingNet/annotations/trackingnet_train_infos.txt',
                data_prefix=dict(img_path='TrackingNet'),
                pipeline=train_pipeline,
            ),
            dict(
                type='LaSOTDataset',
                data_root=data_root,
                ann_file='LaSOT_full/annotations/lasot_train_infos.txt',
                data_prefix=dict(img_path='LaSOT_full/LaSOTBenchmark'),
                pipeline=train_pipeline,
            ),
            dict(
                type='GOT10kDataset',
                data_root=data_root,
                ann_file='GOT10k/annotations/got10k_train_vot_infos.txt',
                data_prefix=dict(img_path='GOT10k'),
                pipeline=train_pipeline,
            ),
        ],
    ),
)
