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

from command_line import command


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


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until the other program ends the session."""
    args = parse_arguments(arguments)
    # After --help: these take seconds.
    from tlpg_mmtrack import Tracker
    from tlpg_mmtrack.apis.trax_session import serve

    serve(Tracker.from_pretrained(args.config, args.checkpoint, args.device, args.seed))


if __name__ == '__main__':
    sys.exit(main())
