# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Evaluate the rows of one of the paper's ablation tables, and print them beside its figures.

Each row is a config in configs/tlpg/ablation, trained by tools/train.py. Its weights are the last
checkpoint under --checkpoints; IoU-Net's, which the rows on EfficientNet-Lite0 share, come from
--iou. A row without a checkpoint is named and left out. With --untrained all but IoU-Net is as it
starts, before any training.

Writes into OUT: tableN.csv, tableN.md and tableN.png; each row's results in OUT/CONFIG, as
tools/compare.py; its weights in OUT/weights. The same command, run again, goes on where it
stopped. Rows of two tables that are the same are tracked once.

Exit status: 0; 1 where a row or a video was left out; 2 for input that cannot be used;
130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from tlpg_mmtrack.evaluation.ablation.rows import AblationRow

CONFIGS = Path(__file__).resolve().parents[1] / 'configs' / 'tlpg' / 'ablation'
CONVENTIONS = ('mmtrack', 'otb', 'lasot', 'got10k')
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python tools/ablation.py --table 1 --checkpoints work_dirs '
        '--data data/OTB100/data --out work_dirs/ablation',
    )
    parser.add_argument('--table', type=int, choices=(1, 2, 3), required=True)
    parser.add_argument(
        '--data',
        type=Path,
        required=True,
        help='folder in the layout of OTB: NAME/img/*.jpg and NAME/groundtruth_rect.txt, 1-based',
    )
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        '--checkpoints', type=Path, help='folder of the work folders CONFIG/ of the trainings'
    )
    source.add_argument('--untrained', action='store_true', help='evaluate before any training')
    parser.add_argument(
        '--iou', type=Path, help="weights file with IoU-Net's; default: the shipped one"
    )
    parser.add_argument(
        '--convention',
        choices=CONVENTIONS,
        default='otb',
        help='which frames count; docs/evaluation.md says how they differ (default: %(default)s)',
    )
    parser.add_argument('--device', help="such as 'cpu' or 'cuda:0'; default: a GPU if any")
    parser.add_argument('--seed', type=int, default=0, help='random seed (default: %(default)s)')
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool.

    Returns:
        Exit status, as the module says.
    """
    args = parse_arguments(arguments)
    logging.basicConfig(format='%(message)s', level=logging.INFO)
    try:
        return run(args)
    except (OSError, ValueError, RuntimeError) as error:
        print(f'error: {error}', file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print('interrupted; the same command goes on', file=sys.stderr)
        return EXIT_INTERRUPTED


def run(args: argparse.Namespace) -> int:
    """Evaluate all rows that have weights, and print the table."""
    # After --help: these take seconds.
    from tlpg_mmtrack.evaluation.ablation.rows import TABLES
    from tlpg_mmtrack.evaluation.ablation.table import write_table
    from tlpg_mmtrack.evaluation.peers.otb_folder import read_otb_folder
    from tlpg_mmtrack.files.shipped import shipped_weights

    videos, problems = read_otb_folder(args.data)
    iou = args.iou or shipped_weights()
    # All are put together before the first one runs: what is missing shows at once.
    weights = {row: gather(row, iou, args) for row in TABLES[args.table]}
    weights = {row: path for row, path in weights.items() if path is not None}
    if not weights:
        raise ValueError(
            f'--checkpoints: {args.checkpoints} holds a checkpoint of no row; train one by '
            'tools/train.py configs/tlpg/ablation/CONFIG.py, or pass --untrained'
        )
    figures = {row: evaluate(row, path, videos, problems, args) for row, path in weights.items()}
    print(write_table(args.out, args.table, figures, args.convention))
    total = len(videos) + len(problems)
    complete = len(weights) == len(TABLES[args.table])
    return 0 if complete and all(f['videos'] == total for f in figures.values()) else 1


def gather(row: AblationRow, iou: Path, args: argparse.Namespace) -> Path | None:
    """Put a row's weights into one file.

    Returns:
        The file; None where the row has no weights, which is reported.
    """
    from mmengine.config import Config

    from tlpg_mmtrack.evaluation.ablation.weights import assemble, find_checkpoint
    from tlpg_mmtrack.files.checkpoint import save_weights

    # isort: split
    import torch

    config = Config.fromfile(CONFIGS / f'{row.config}.py')
    checkpoint = None
    if not args.untrained:
        checkpoint = find_checkpoint(args.checkpoints, row.training)
        if checkpoint is None:
            print(f'left out: {row.label}: no {args.checkpoints / row.training}', file=sys.stderr)
            return None
    elif config.model.backbone.get('init_cfg'):
        print(f"left out: {row.label}: its backbone's weights are no part of it", file=sys.stderr)
        return None
    path = args.out / 'weights' / f'{row.training}.safetensors'
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = assemble(config, checkpoint, iou, args.seed)
    save_weights(weights, path, row.training, config.randomness.seed, torch.float32)
    return path


def evaluate(
    row: AblationRow,
    weights: Path,
    videos: Sequence,
    problems: dict[str, str],
    args: argparse.Namespace,
) -> dict[str, float]:
    """Track the videos that have no result of this row yet, and score all."""
    from tlpg_mmtrack.apis.tracker import Tracker
    from tlpg_mmtrack.evaluation.peers.harness import run_tracker
    from tlpg_mmtrack.evaluation.peers.tlpg import TLPGPeer

    tracker = Tracker.from_pretrained(
        CONFIGS / f'{row.config}.py', weights, args.device, args.seed
    )
    conventions = list(dict.fromkeys(['mmtrack', 'otb', args.convention]))
    return run_tracker(
        TLPGPeer(tracker, row.config),
        videos,
        args.out / row.config,
        args.seed,
        conventions,
        problems,
    )


if __name__ == '__main__':
    sys.exit(main())
