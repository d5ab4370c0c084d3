# TrackingNet's test videos: an archive for its server, results/submission.zip in the work folder.
_base_ = 'mmtrack::_base_/datasets/trackingnet.py'
val_dataloader = dict(dataset=dict(data_root='{{$TLPG_DATA:data}}/'))
test_dataloader = val_dataloader
test_evaluator = dict(_delete_=True, type='TLPGSOTMetric', submission='trackingnet')
test_cfg = dict(_delete_=True, type='ResumableTestLoop')
