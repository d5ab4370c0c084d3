# Development sequences, TLPG_DATA/dev/data, evaluated by mmtrack's SOTMetric. As by mmtrack's
# OTB100Dataset, boxes are left 1-based, as they are in the files: the tracker is started, and
# judged, a pixel to the right and below.
_base_ = 'video_folder_test.py'
test_dataloader = dict(dataset=dict(data_root='{{$TLPG_DATA:data}}/dev/data', one_based=False))
test_evaluator = dict(
    _delete_=True,
    type='SOTMetric',
    metric='OPE',
    metric_options=dict(only_eval_visible=False),
)
test_cfg = dict(_delete_=True, type='TestLoop')
