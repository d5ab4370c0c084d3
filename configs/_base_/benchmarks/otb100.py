# OTB-100: success and precision as mmtrack counts, and as the benchmark does.
_base_ = 'mmtrack::_base_/datasets/otb100.py'
val_dataloader = dict(dataset=dict(data_root='{{$TLPG_DATA:data}}/'))
test_dataloader = val_dataloader
test_evaluator = dict(_delete_=True, type='TLPGSOTMetric', conventions=['mmtrack', 'otb'])
test_cfg = dict(_delete_=True, type='ResumableTestLoop')
