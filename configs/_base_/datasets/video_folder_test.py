# Videos of your own, one folder each: NAME/img/ and NAME/groundtruth.txt or groundtruth_rect.txt.
# docs/custom_data.md has the layout. The pixels go to the tracker as they were read: it normalises
# its crops.
test_pipeline = [
    dict(type='LoadFrame'),
    dict(type='LoadTrackAnnotations', with_instance_id=False),
    dict(type='PackTrackInputs', pack_single_img=True),
]
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='VideoSampler'),
    dataset=dict(
        type='VideoFolderDataset',
        data_root='{{$TLPG_DATA:data}}/test',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_evaluator = dict(type='TLPGSOTMetric')
test_cfg = dict(type='ResumableTestLoop')
