default_scope = 'mmtrack'
custom_imports = dict(imports=['tlpg_mmtrack'], allow_failed_imports=False)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='MainProcessLoggerHook', interval=20),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='GuardedCheckpointHook',
        interval=1,
        max_keep_ckpts=2,
        # Beside the last ones, where a config has a validation.
        save_best='sot/success',
        rule='greater',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='TrackVisualizationHook', draw=False),
)
custom_hooks = [
    dict(type='InterruptHook'),
    dict(type='EpochSeedHook'),
    dict(type='FittingCheckpointHook'),
    # At every iteration: a later look might come after the epoch's checkpoint.
    dict(type='mmdet.CheckInvalidLossHook', interval=1),
]
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=1),
    # Seconds. A process whose videos are tracked waits for the others; torch would give up after
    # 10 or 30 minutes.
    dist_cfg=dict(backend='nccl', timeout=6 * 3600),
)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='TrackLocalVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)
log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0)
