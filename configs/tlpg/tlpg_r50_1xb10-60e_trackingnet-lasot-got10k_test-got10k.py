# Track GOT-10k's test videos and write the boxes for its evaluation server; the times in those
# files are a constant of mmtrack's, not measured. NOT RUN: the data were not at hand.
_base_ = [
    './tlpg_r50_1xb10-60e_trackingnet-lasot-got10k.py',
    'mmtrack::_base_/datasets/got10k.py',
]
val_dataloader = dict(dataset=dict(data_root='{{$TLPG_DATA:data}}/'))
test_dataloader = val_dataloader
val_evaluator = dict(outfile_prefix='results/tlpg_got10k')
test_evaluator = val_evaluator
