# The development sequences, also to validate a training on.
_base_ = 'dev_test.py'
val_dataloader = {{_base_.test_dataloader}}
val_evaluator = {{_base_.test_evaluator}}
val_cfg = dict(type='ValLoop')
