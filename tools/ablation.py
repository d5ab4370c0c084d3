# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Evaluate the rows of one of the paper's ablation tables, and print them beside its figures.

Each row is a config in configs/tlpg/ablation, trained by tools/train.py. Its weights are the last
checkpoint under --checkpoints; IoU-Net's, which the rows on EfficientNet-Lite0 share, come from
--iou. With several folders, one for each seed of the trainings, figures are means over them, and
the table has their standard deviation. A row without a checkpoint is named and left out. With
--untrained all but IoU-Net is as it starts, before any training.

Writes into OUT: tableN.csv, tableN.md and tableN.png; of the first folder of checkpoints each
row's results in OUT/training1/CONFIG, as tools/compare.py, its weights in OUT/training1/weights;
of the others likewise. The same command, run again, goes on where it stopped. Rows of two tables
that are the same are tracked once.

Exit code 1: a row or a video was left out.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tlpg_tools.command_line import LEFT_OUT, add_convention, add_device, command, describe

from tlpg_mmtrack.utils.errors import InputError

if TYPE_CHECKING:
    from mmengine.config import Config
    from tlpg_tools.ablation_table import AblationRow, Evaluation
    from torch import Tensor

CONFIGS = Path(__file__).resolve().parents[1] / 'configs' / 'tlpg' / 'ablation'
IOU_NET = 'iou_head'


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = describe(
        __doc__,
        'tools/ablation.py --table 1 --checkpoints work_dirs --data data/OTB100/data '
        '--out work_dirs/ablation',
    )
    parser.add_argument('--table', type=int, choices=(1, 2, 3), required=True)
    parser.add_argument(
        '--data',
        type=Path,
        required=True,
        help='folder of videos: NAME/img/ and NAME/groundtruth_rect.txt or groundtruth.txt',
    )
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        '--checkpoints',
        type=Path,
        nargs='+',
        default=[],
        metavar='FOLDER',
        help='folder of the work folders CONFIG/ of the trainings; several, one for each seed',
    )
    source.add_argument('--untrained', action='store_true', help='nothing but IoU-Net is trained')
    parser.add_argument(
        '--iou', type=Path, help="weights file with IoU-Net's; default: the shipped one"
    )
    add_convention(parser, 'mmtrack')
    add_device(parser)
    return parser.parse_args(arguments)


@command(resume='the same command goes on')
def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate all rows that have weights, and print the table; the exit code."""
    args = parse_args(arguments)
    logging.basicConfig(format='%(message)s', level=logging.INFO)
    # After --help: these take seconds.
    from tlpg_tools.ablation_table import TABLES, write_table

    from tlpg_mmtrack.datasets.video_folder import read_video_folder
    from tlpg_mmtrack.utils.model_zoo import shipped_weights

    videos, problems = read_video_folder(args.data)
    iou = args.iou or shipped_weights()
    # All are put together before the first one runs: what is missing shows at once.
    weights = {row: gather(row, iou, args) for row in TABLES[args.table]}
    weights = {row: files for row, files in weights.items() if files}
    if not weights:
        raise InputError(
            f'--checkpoints: {" ".join(map(str, args.checkpoints))} holds a checkpoint of no row; '
            'train one by tools/train.py configs/tlpg/ablation/CONFIG.py, or pass --untrained'
        )
    evaluations = {
        row: [evaluate(row, path, videos, problems, args) for path in files]
        for row, files in weights.items()
    }
    print(write_table(args.out, args.table, evaluations, args.convention))
    total = len(videos) + len(problems)
    figures = [each.figures for found in evaluations.values() for each in found]
    complete = len(figures) == max(len(args.checkpoints), 1) * len(TABLES[args.table])
    return 0 if complete and all(figure['videos'] == total for figure in figures) else LEFT_OUT


def gather(row: AblationRow, iou: Path, args: argparse.Namespace) -> list[Path]:
    """Put a row's weights into a file for each training; what is missing is reported."""
    from tlpg_tools.publish_weights import save_weights

    from tlpg_mmtrack.utils.checkpoint import last_checkpoint
    from tlpg_mmtrack.utils.config import read_config

    config = read_config(CONFIGS / f'{row.config}.py')
    if args.untrained and config.model.backbone.get('init_cfg'):
        print(f"left out: {row.label}: its backbone's weights are no part of it", file=sys.stderr)
        return []
    files = []
    # Untrained is one training of no length.
    for number, folder in enumerate(args.checkpoints or [None], start=1):
        checkpoint = folder and last_checkpoint(folder / row.training)
        if folder and not (checkpoint and checkpoint.is_file()):
            print(f'left out: {row.label}: no {folder / row.training}', file=sys.stderr)
            continue
        path = args.out / f'training{number}' / 'weights' / f'{row.training}.safetensors'
        path.parent.mkdir(parents=True, exist_ok=True)
        weights = assemble(config, checkpoint, iou, args.seed)
        save_weights(weights, path, row.training, config.randomness.seed, half=False)
        files.append(path)
    return files


def assemble(config: Config, checkpoint: Path | None, iou: Path, seed: int) -> dict[str, Tensor]:
    """A row's own weights, and IoU-Net's where the row does not train it.

    Without a checkpoint they are those that a training of this seed starts from.

    Raises:
        FileNotFoundError: If a file is not there.
        InputError: If a file cannot be read, or has no weights of IoU-Net.
    """
    from mmengine.registry import init_default_scope
    from mmengine.runner import set_random_seed
    from mmtrack.registry import MODELS

    from tlpg_mmtrack.utils.checkpoint import read_weights

    if checkpoint is None:
        init_default_scope(config.get('default_scope', 'mmtrack'))
        set_random_seed(seed)
        weights = dict(MODELS.build(config.model).state_dict())
    else:
        weights = read_weights(checkpoint)
    if checkpoint is None or IOU_NET in config.model.get('frozen_modules', ()):
        shared = {
            name: value
            for name, value in read_weights(iou).items()
            if name.startswith(f'{IOU_NET}.')
        }
        if not shared:
            raise InputError(
                f'iou: {iou} has no weights named {IOU_NET}.*; pass what tlpg_efflite0_small_iou '
                'wrote, or the shipped weights'
            )
        weights.update(shared)
    return weights


def evaluate(
    row: AblationRow,
    weights: Path,
    videos: Sequence,
    problems: dict[str, str],
    args: argparse.Namespace,
) -> Evaluation:
    """Track the videos that have no result of this row and training yet, and score all."""
    from tlpg_tools.ablation_table import Evaluation
    from tlpg_tools.baselines import TLPGBaseline
    from tlpg_tools.harness import run_tracker

    from tlpg_mmtrack.apis.tracker import Tracker

    tracker = Tracker.from_pretrained(
        CONFIGS / f'{row.config}.py', weights, args.device, args.seed
    )
    folder = weights.parent.with_name(row.config)
    conventions = list(dict.fromkeys(['mmtrack', 'otb', args.convention]))
    figures = run_tracker(
        TLPGBaseline(tracker, row.config), videos, folder, args.seed, conventions, problems
    )
    return Evaluation(folder, figures)


if __name__ == '__main__':
    sys.exit(main())
