# Sequences in OTB layout, TLPG_DATA/dev, evaluated by mmtrack's OTB100Dataset and SOTMetric.
# In the files boxes are counted from 1, and mmtrack leaves them so: the tracker is started, and
# judged, a pixel to the right and below. The pixels go to the tracker as they were read: it
# normalises its crops.
test_pipeline = [
    dict(type='LoadImageFromFile'),
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
        type='OTB100Dataset',
        data_root='{{$TLPG_DATA:data}}/dev/',
        ann_file='annotations/dev_infos.txt',
        data_prefix=dict(img_path=''),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_evaluator = dict(
    type='SOTMetric',
    metric='OPE',
    metric_options=dict(only_eval_visible=False),
)
test_cfg = dict(type='TestLoop')
