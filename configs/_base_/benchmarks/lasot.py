# LaSOT's 280 test videos: over the frames that show the target, as a share of all frames, as
# mmtrack counts and as LaSOT's toolkit does.
_base_ = 'mmtrack::_base_/datasets/lasot.py'
val_dataloader = dict(dataset=dict(data_root='{{$TLPG_DATA:data}}/'))
test_dataloader = val_dataloader
test_evaluator = dict(
    _delete_=True, type='TLPGSOTMetric', conventions=['mmtrack', 'lasot'], only_eval_visible=True
)
test_cfg = dict(_delete_=True, type='ResumableTestLoop')
