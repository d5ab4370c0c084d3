# Test on VOT2018. NOT RUN: the data were not at hand.
_base_ = ['./tlpg_r50_1xb10-60e_trackingnet-lasot-got10k.py', '../_base_/benchmarks/vot2018.py']
model = dict(test_cfg={{_base_.vot_tracking}})
