# Table 3, balanced neck on ResNet-50: the paper's model. NOT RUN, as all of table 3 but
# EfficientNet-Lite0's rows: the paper's data and a GPU were not at hand.
_base_ = '../tlpg_r50_1xb10-60e_trackingnet-lasot-got10k.py'
