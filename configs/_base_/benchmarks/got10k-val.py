# GOT-10k's validation videos, whose boxes are public: average overlap and success rates.
_base_ = 'mmtrack::_base_/datasets/got10k.py'
val_dataloader = dict(
    dataset=dict(
        type='GOT10kValidationDataset',
        data_root='{{$TLPG_DATA:data}}/',
        ann_file='GOT10k/annotations/got10k_val_infos.txt',
    )
)
test_dataloader = val_dataloader
test_evaluator = dict(_delete_=True, type='TLPGSOTMetric', conventions=['mmtrack', 'got10k'])
test_cfg = dict(_delete_=True, type='ResumableTestLoop')
