# Test on OTB-100. NOT RUN: the data were not at hand.
_base_ = [
    './tlpg_r50_1xb10-60e_trackingnet-lasot-got10k.py',
    'mmtrack::_base_/datasets/otb100.py',
]
val_dataloader = dict(dataset=dict(data_root='{{$TLPG_DATA:data}}/'))
test_dataloader = val_dataloader
