# The shipped model on videos of your own, TLPG_DATA/test (default: data/test); or another folder,
# --cfg-options test_dataloader.dataset.data_root=FOLDER.
_base_ = [
    '../_base_/models/tlpg_efflite0.py',
    '../_base_/datasets/video_folder_test.py',
    '../_base_/default_runtime.py',
]
