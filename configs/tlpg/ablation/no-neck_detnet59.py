# Table 3, no neck on DetNet-59: x is C4, and C5 has stride 16 too. NOT RUN.
_base_ = 'balanced_detnet59.py'
model = dict(neck=None, refiner=dict(enhancer=dict(in_channels=(512, 1024, 1024))))
