# VOT2018, short-term, supervised: started again five frames after a failure.
_base_ = 'mmtrack::_base_/datasets/vot2018.py'
val_dataloader = dict(dataset=dict(data_root='{{$TLPG_DATA:data}}/'))
test_dataloader = val_dataloader
test_evaluator = dict(_delete_=True, type='TLPGSOTMetric', metric='VOT', conventions=['vot2018'])
test_cfg = dict(_delete_=True, type='ResumableTestLoop')
