# PrDiMP with SDOptimizer. It learns scores in 0..1 instead of logits: the classifier reads them as
# they are (DiMP's threshold), the loss is the hinge's, and the labels are no density.
_base_ = './prdimp_r50.py'
model = dict(
    cls_head=dict(
        softmax=False,
        # A filter whose middle is a cell.
        filter_initializer=dict(filter_size=5),
        filter_optimizer=dict(_delete_=True, type='SDOptimizer', num_iters=5, cell_offset=8.0),
        loss_cls=dict(type='HingeGridLoss'),
        locate_cfg=dict(no_target_min_score=0.25),
        train_cfg=dict(use_gauss_density=False, label_density_norm=False),
    )
)
