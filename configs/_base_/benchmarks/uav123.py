# UAV123, counted as OTB-100 is.
_base_ = 'mmtrack::_base_/datasets/uav123.py'
val_dataloader = dict(dataset=dict(data_root='{{$TLPG_DATA:data}}/'))
test_dataloader = val_dataloader
test_evaluator = dict(_delete_=True, type='TLPGSOTMetric', conventions=['mmtrack', 'otb'])
test_cfg = dict(_delete_=True, type='ResumableTestLoop')
