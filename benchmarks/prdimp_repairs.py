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

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'tools'))

from tlpg_tools.command_line import command, describe

# First: it makes mmtrack importable.
import tlpg_mmtrack  # noqa: F401

# isort: split
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.models.track_heads import PrDiMPClsHead
from mmtrack.registry import MODELS
from tlpg_tools.baselines import MMTrackBaseline
from tlpg_tools.harness import run_tracker, write_comparison
from torch import Tensor

from tlpg_mmtrack.datasets.video_folder import read_video_folder
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


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = describe(__doc__)
    parser.add_argument(
        '--data', type=Path, required=True, help="folder in OTB's layout: NAME/img, ..."
    )
    parser.add_argument('--out', type=Path, required=True, help='folder of the results')
    parser.add_argument(
        '--variants', nargs='+', choices=VARIANTS, default=list(VARIANTS), help='default: all'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the weights and of the tracking')
    return parser.parse_args(arguments)


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
    args = parse_arguments(arguments)
    videos, problems = read_video_folder(args.data)
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in args.variants:
            checkpoint = Path(folder) / f'{name}.pth'
            torch.save(dict(state_dict=random_weights(name, args.seed), meta={}), checkpoint)
            tracker = MMTrackBaseline(name, variant_config(name), checkpoint)
            figures[name] = run_tracker(
                tracker, videos, args.out / name, args.seed, ('mmtrack', 'otb'), problems
            )
    total = len(videos) + len(problems)
    print(write_comparison(args.out / 'comparison.csv', figures, 'otb', total))


if __name__ == '__main__':
    sys.exit(main())
