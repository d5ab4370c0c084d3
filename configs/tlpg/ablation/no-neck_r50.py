# Table 3, no neck on ResNet-50: x is C4. NOT RUN.
_base_ = 'balanced_r50.py'
model = dict(neck=None, refiner=dict(enhancer=dict(in_channels=(512, 1024, 2048))))
