# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Turn training checkpoints into the small file that is shipped, with its manifest.

Keeps the weights only, as float16, without the optimiser's state; a frozen backbone is not in the
checkpoint to begin with. The first checkpoint gives all of its weights, each further one the parts
that its run trained, those not in its config's `frozen_modules`; together they must make up the
whole model. Beside the .safetensors file lies a .json with its SHA-256, the config's name and the
training's seed; `Tracker.from_pretrained()` verifies them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from torch import Tensor


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python tools/publish_weights.py configs/tlpg/tlpg_efflite0_small.py '
        'work_dirs/tlpg_efflite0_small_iou/epoch_20.pth '
        'work_dirs/tlpg_efflite0_small_regression/epoch_20.pth',
    )
    parser.add_argument('config', type=Path, help='the config of the whole model')
    parser.add_argument(
        'checkpoints', type=Path, nargs='+', help="training runs' .pth files", metavar='checkpoint'
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path(__file__).resolve().parents[1] / 'tlpg_mmtrack' / 'weights',
        help='folder to write to (default: where the package looks)',
    )
    return parser.parse_args(arguments)


def trained_weights(path: Path) -> dict[str, Tensor]:
    """The weights of one checkpoint that its run trained."""
    import torch
    from mmengine.config import Config

    from tlpg_mmtrack.apis.checkpoint import read_weights

    weights = read_weights(path)
    text = torch.load(path, map_location='cpu', weights_only=True)['meta']['cfg']
    frozen = Config.fromstring(text, '.py').model.get('frozen_modules', ())
    prefixes = tuple(f'{name}.' for name in frozen)
    return {name: value for name, value in weights.items() if not name.startswith(prefixes)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Convert checkpoints.

    Args:
        arguments: Command line without the program's name; that of the process if None.
    """
    args = parse_arguments(arguments)
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    # First: it makes mmtrack importable.
    from tlpg_mmtrack.apis.checkpoint import read_weights, save_weights

    # isort: split
    from mmtrack.registry import MODELS

    config = Config.fromfile(args.config)
    weights = read_weights(args.checkpoints[0])
    for path in args.checkpoints[1:]:
        weights.update(trained_weights(path))
    init_default_scope('mmtrack')
    missing = MODELS.build(config.model).state_dict().keys() ^ weights.keys()
    if missing:
        raise SystemExit(
            f'checkpoint: the weights are not those of {args.config.name}: {sorted(missing)[:5]} '
            f'... ({len(missing)}); pass the checkpoint of every part'
        )
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f'{args.config.stem}.safetensors'
    manifest = save_weights(weights, path, args.config.stem, config.randomness.seed)
    print(f'{path}: {path.stat().st_size / 1e6:.1f} MB, sha256 {manifest.sha256}')


if __name__ == '__main__':
    main()
