# The small corpus as backbone maps that were computed once, with tools/store_features.py.
# TLPG_FEATURES names their folder.
_base_ = 'tlpg_small.py'
train_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        _delete_=True,
        type='StoredFeatureDataset',
        folder='{{$TLPG_FEATURES:data/features}}',
    ),
)
