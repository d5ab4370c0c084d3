# Test on LaSOT's 280 test videos. NOT RUN: the data were not at hand.
_base_ = ['./tlpg_r50_1xb10-60e_trackingnet-lasot-got10k.py', '../_base_/benchmarks/lasot.py']
