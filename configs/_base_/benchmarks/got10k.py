# GOT-10k's test videos: an archive for its server, results/submission.zip in the work folder.
_base_ = 'mmtrack::_base_/datasets/got10k.py'
val_dataloader = dict(dataset=dict(data_root='{{$TLPG_DATA:data}}/'))
test_dataloader = val_dataloader
test_evaluator = dict(_delete_=True, type='TLPGSOTMetric', submission='got10k')
test_cfg = dict(_delete_=True, type='ResumableTestLoop')
