# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What each repair of mmtrack's PrDiMP does to its tracking, with equal weights.

The weights are EfficientNet-Lite0's ImageNet weights, and random ones from one seed for the rest:
nothing was trained for tracking. An untrained IoU-Net knows nothing of boxes, so it is not asked:
every box has the first one's size, and the figures say how well its centre was found.

upstream        mmtrack's own classes
memory          + every sure frame enters the memory
centre          + the middle of the score map is read rightly, without the memory
both            the repaired classifier
neck            both, and the balanced neck at its start, on three levels

`lr_mult` concerns training, so nothing of it can show here.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from common import command, data_parser, read_videos

# isort: split
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.models.track_heads import PrDiMPClsHead
from mmtrack.registry import MODELS
from tlpg_tools.baselines import MMTrackBaseline
from tlpg_tools.harness import run_tracker, write_comparison
from torch import Tensor

from tlpg_mmtrack.models.adapters import RepairedPrDiMPClsHead

CONFIG = Path(__file__).resolve().parents[1] / 'configs/mix/prdimp_efflite0.py'
IOU_NET_OFF = dict(num_init_random_boxes=0, box_refine_iter=1, box_refine_step_length=0.0)


@MODELS.register_module()
class MemoryOnly(RepairedPrDiMPClsHead):
    """The repaired classifier that reads its map as upstream does."""

    predict_by_feat = PrDiMPClsHead.predict_by_feat


@MODELS.register_module()
class CentreOnly(RepairedPrDiMPClsHead):
    """The repaired classifier that stores what upstream stores."""

    update_classifier = PrDiMPClsHead.update_classifier


VARIANTS = dict(
    upstream=dict(type='PrDiMP', cls_head=dict(type='PrDiMPClsHead')),
    memory=dict(cls_head=dict(type='MemoryOnly')),
    centre=dict(cls_head=dict(type='CentreOnly')),
    both=dict(),
    neck=dict(backbone=dict(out_levels=('C3', 'C4', 'C5')), neck=dict(type='BalancedNeck')),
)


def variant_config(name: str) -> Config:
    """The config of one variant."""
    init_default_scope('mmtrack')
    config = Config.fromfile(CONFIG)
    config.merge_from_dict(dict(model=VARIANTS[name]))
    config.model.bbox_head.bbox_cfg.update(IOU_NET_OFF)
    return config


def random_weights(name: str, seed: int) -> dict[str, Tensor]:
    """A variant's weights: the same for all, and the neck's own as it starts."""
    torch.manual_seed(seed)
    model = MODELS.build(variant_config(name).model)
    model.init_weights()
    if name != 'upstream':
        model.load_state_dict(random_weights('upstream', seed), strict=False)
    return model.state_dict()


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = data_parser(__doc__)
    parser.add_argument('--out', type=Path, required=True, help='folder of the results')
    parser.add_argument(
        '--variants', nargs='+', choices=VARIANTS, default=list(VARIANTS), help='default: all'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the weights and of the tracking')
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    videos = read_videos(args.data, args.videos)
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in args.variants:
            checkpoint = Path(folder) / f'{name}.pth'
            torch.save(dict(state_dict=random_weights(name, args.seed), meta={}), checkpoint)
            tracker = MMTrackBaseline(name, variant_config(name), checkpoint)
            figures[name] = run_tracker(tracker, videos, args.out / name, args.seed)
    print(write_comparison(args.out / 'comparison.csv', figures, 'otb', len(videos)))


if __name__ == '__main__':
    sys.exit(main())
