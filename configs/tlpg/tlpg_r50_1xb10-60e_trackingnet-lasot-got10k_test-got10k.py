# Test on GOT-10k's test videos, for its server. NOT RUN: the data were not at hand.
_base_ = ['./tlpg_r50_1xb10-60e_trackingnet-lasot-got10k.py', '../_base_/benchmarks/got10k.py']
