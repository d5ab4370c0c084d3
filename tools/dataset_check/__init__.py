# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Downloaded benchmarks: what they must hold, and mmtrack's lists of their videos."""

from .findings import Findings, ListedVideo, write_list
from .got10k import check_got10k
from .lasot import check_lasot
from .otb100 import check_otb100
from .trackingnet import check_trackingnet
from .uav123 import check_uav123
from .vot2018 import check_vot2018

#: For each benchmark how it is checked, and the name of its list.
BENCHMARKS = {
    'got10k-test': (check_got10k, 'got10k_test_infos.txt'),
    'got10k-val': (lambda root: check_got10k(root, 'val'), 'got10k_val_infos.txt'),
    'lasot': (check_lasot, 'lasot_test_infos.txt'),
    'otb100': (check_otb100, 'otb100_infos.txt'),
    'trackingnet': (check_trackingnet, 'trackingnet_test_infos.txt'),
    'uav123': (check_uav123, 'uav123_infos.txt'),
    'vot2018': (check_vot2018, 'vot2018_infos.txt'),
}

__all__ = ['BENCHMARKS', 'Findings', 'ListedVideo', 'write_list']
