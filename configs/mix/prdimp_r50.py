# mmtrack's PrDiMP-R50 without the defects that docs/components.md lists: the model's and the
# classifier's in their classes, the learning rates' here. Data and schedule are mmtrack's own.
_base_ = [
    'mmtrack::sot/prdimp/prdimp_r50_8xb10-50e_got10k-lasot-trackingnet-coco_base.py',
    '../_base_/datasets/dev_test.py',
]
custom_imports = dict(imports=['tlpg_mmtrack'], allow_failed_imports=False)
model = dict(type='RepairedPrDiMP', cls_head=dict(type='RepairedPrDiMPClsHead'))
optim_wrapper = dict(
    paramwise_cfg=dict(
        # mmtrack writes `lr_multi`, which mmengine does not read: everything trains at one rate.
        custom_keys=dict(
            _delete_=True,
            backbone=dict(lr_mult=0.1),
            classifier=dict(lr_mult=5),
            bbox_regressor=dict(lr_mult=5),
        )
    )
)
