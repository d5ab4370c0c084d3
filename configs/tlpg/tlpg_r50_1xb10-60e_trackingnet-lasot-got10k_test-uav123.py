# Test on UAV123. NOT RUN: the data were not at hand.
_base_ = ['./tlpg_r50_1xb10-60e_trackingnet-lasot-got10k.py', '../_base_/benchmarks/uav123.py']
