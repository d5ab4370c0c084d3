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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tlpg_mmtrack import Tracker


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--config', type=Path, help='config; default: that of the weights')
    parser.add_argument('--checkpoint', type=Path, help='weights; default: the shipped ones')
    parser.add_argument('--device', help="such as 'cpu' or 'cuda:0'; default: a GPU if any")
    parser.add_argument('--seed', type=int, default=0, help='random seed (default: 0)')
    return parser.parse_args()


def main() -> None:
    """Run the tool."""
    arguments = parse_arguments()
    try:
        from tlpg_mmtrack.evaluation.clients.trax_session import serve
    except ImportError as error:
        sys.exit(f'tools/trax_tracker.py: {error}; pip install vot-trax')
    serve(
        Tracker.from_pretrained(
            arguments.config, arguments.checkpoint, arguments.device, arguments.seed
        )
    )


if __name__ == '__main__':
    main()
