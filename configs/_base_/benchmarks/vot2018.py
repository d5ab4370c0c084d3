# VOT2018, short-term, supervised: started again five frames after a failure.
_base_ = 'mmtrack::_base_/datasets/vot2018.py'
val_dataloader = dict(dataset=dict(data_root='{{$TLPG_DATA:data}}/'))
test_dataloader = val_dataloader
test_evaluator = dict(_delete_=True, type='TLPGSOTMetric', metric='VOT', conventions=['vot2018'])
test_cfg = dict(_delete_=True, type='ResumableTestLoop')
# Crop, memory and iterations of DiMP's settings for this benchmark, in which a failure costs more
# than elsewhere. Its thresholds, window and learning rate are not taken over.
vot_tracking = dict(
    test_mode='VOT',
    crop_size=224,
    search_scale=4.0,
    memory_size=250,
    first_iters=25,
    update_iters=3,
    hard_negative_iters=3,
    update_interval=10,
    # The protocol starts a lost tracker again.
    redetection=None,
)
