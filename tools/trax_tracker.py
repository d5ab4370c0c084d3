# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Track for the VOT toolkit, or another program that speaks TraX. Needs: pip install vot-trax.

Usage: python tools/trax_tracker.py [--config FILE] [--checkpoint FILE] [--device NAME] [--seed N]

In the toolkit's trackers.ini:

    [TLPG]
    label = TLPG
    protocol = trax
    command = python /path/to/tools/trax_tracker.py
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tlpg_mmtrack import Tracker

EXIT_BAD_INPUT = 2


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--config', help='config; default: that of the weights')
    parser.add_argument('--checkpoint', help='weights; default: the shipped ones')
    parser.add_argument('--device', help="such as 'cpu' or 'cuda:0'; default: a GPU if any")
    parser.add_argument('--seed', type=int, default=0, help='random seed (default: 0)')
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool.

    Returns:
        Exit code: 0, or 2 for input that cannot be used.
    """
    args = parse_arguments(arguments)
    try:
        from tlpg_mmtrack.evaluation.clients.trax_session import serve
    except ImportError as error:
        print(f'error: {error}; pip install vot-trax', file=sys.stderr)
        return EXIT_BAD_INPUT
    try:
        serve(Tracker.from_pretrained(args.config, args.checkpoint, args.device, args.seed))
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return EXIT_BAD_INPUT
    return 0


if __name__ == '__main__':
    sys.exit(main())
