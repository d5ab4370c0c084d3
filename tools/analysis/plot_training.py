# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Plot the loss and its terms, and validations if there were any, over a training's iterations.

Writes into OUT, for each work folder: NAME.png and NAME.csv, NAME being the folder's. Runs that
were resumed are one curve. docs/training.md says how to validate while training.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from command_line import command


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python tools/analysis/plot_training.py '
        'work_dirs/tlpg_efflite0_small_joint --out outputs/curves',
    )
    parser.add_argument(
        'work_dirs',
        nargs='+',
        type=Path,
        help='work folders of tools/train.py, work_dirs/NAME by default',
    )
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    return parser.parse_args(arguments)


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the tool."""
    args = parse_arguments(arguments)
    from reports.training import load_training, plot_training

    courses = {path.resolve().name: load_training(path) for path in args.work_dirs}
    for name, course in courses.items():
        picture, _ = plot_training(name, course, args.out)
        print(picture)


if __name__ == '__main__':
    sys.exit(main())
