# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Every patch of another library: MMTracking 1.0.0rc1 on a current stack (torch 2.x, mmcv 2.1).

MMTracking's last release is older than the libraries it is used with today. `import tlpg_mmtrack`
calls :func:`.stack.install`, which costs nothing: the patches are applied when mmtrack, mmdet,
mmcls or ``mmcv.ops`` is first imported, by whomever. Each does nothing where it is not needed.

- :func:`.releases.check_releases`: other releases end in assertions with wrong advice.
- :func:`.stack.reported_mmcv_version`: mmdet, mmcls and mmtrack refuse mmcv 2.1.
- :func:`.stack.accepted_mmdet`: mmtrack refuses mmdet 3.0.0 and later.
- :func:`.patches.allow_one_element_arrays`: numpy 2.4 refuses arrays that mmtrack's crops pass.
- :func:`.stand_ins.stand_ins`: mmtrack imports packages that only multi-object tracking uses.
- :func:`.compiled_ops.stand_in_for_compiled_ops`: mmcv-lite has no compiled operators.
- :func:`.compiled_ops.give_mmtrack_prroi_pool`: mmcv's PrRoIPool is for CUDA and float32 only.
- :func:`.vot.stand_in_for_vot_toolkit`: mmtrack's VOT protocol needs the VOT toolkit (GPL).
- :func:`.checkpoints.allow_mmengine_checkpoints`: torch 2.6 refuses mmengine's checkpoints.
- :func:`.patches.allow_distributed_on_cpu`: mmengine's launchers need CUDA.
- :func:`.patches.lay_out_configs_once`: mmengine lays a config out three times for each runner.
"""
