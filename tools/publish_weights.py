# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Turn a training checkpoint into the small file that is shipped, with its manifest.

Keeps the weights only, as float16, without the optimiser's state; a frozen backbone is not in the
checkpoint to begin with. Beside the .safetensors file lies a .json with its SHA-256, the config's
name and the training's seed; `Tracker.from_pretrained()` verifies them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python tools/publish_weights.py work_dirs/run/epoch_8.pth '
        'configs/tlpg/tlpg_efflite0_small.py',
    )
    parser.add_argument('checkpoint', type=Path, help="a training run's .pth file")
    parser.add_argument('config', type=Path, help='the config that it was trained with')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path(__file__).resolve().parents[1] / 'tlpg_mmtrack' / 'weights',
        help='folder to write to (default: where the package looks)',
    )
    return parser.parse_args()


def main() -> None:
    """Convert one checkpoint."""
    args = parse_arguments()
    from mmengine.config import Config

    from tlpg_mmtrack.apis.checkpoint import read_weights, save_weights

    seed = Config.fromfile(args.config).randomness.seed
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f'{args.config.stem}.safetensors'
    manifest = save_weights(read_weights(args.checkpoint), path, args.config.stem, seed)
    print(f'{path}: {path.stat().st_size / 1e6:.1f} MB, sha256 {manifest.sha256}')


if __name__ == '__main__':
    main()
