# LaSOT's 280 test videos: over the frames that show the target as mmtrack counts, which divides by
# the number of all frames, and over those frames alone.
_base_ = 'mmtrack::_base_/datasets/lasot.py'
val_dataloader = dict(dataset=dict(data_root='{{$TLPG_DATA:data}}/'))
test_dataloader = val_dataloader
test_evaluator = dict(
    _delete_=True, type='TLPGSOTMetric', conventions=['mmtrack', 'lasot'], only_eval_visible=True
)
test_cfg = dict(_delete_=True, type='ResumableTestLoop')
