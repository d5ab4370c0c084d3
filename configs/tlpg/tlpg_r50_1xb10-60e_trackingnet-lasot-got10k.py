# TLPG-Tracker as in the paper. NOT RUN beyond single steps on random crops
# (tests/test_configs.py): there is no checkpoint. One GPU, ten sequences a step: the rates of
# schedules/paper.py are meant for that. The configs named ..._test-* add a benchmark to test on.
_base_ = [
    '../_base_/models/tlpg_r50.py',
    '../_base_/datasets/tlpg_full.py',
    '../_base_/schedules/paper.py',
    '../_base_/default_runtime.py',
]
