#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Track objects in a page of the browser: draw boxes, track, correct, download.

Only this machine is answered. From another one, open a tunnel, then http://127.0.0.1:7860 there:
    ssh -L 7860:127.0.0.1:7860 THIS_MACHINE
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tlpg_tools.command_line import add_tracker, command, describe, port

from tlpg_mmtrack.utils.errors import InputError, PackageError


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = describe(__doc__, 'tools/web.py --folder my_videos')
    parser.add_argument('--folder', type=Path, help='offer the videos below this folder')
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='address to listen on; whoever reaches it may use the page (default: %(default)s)',
    )
    parser.add_argument('--port', type=port, default=7860, help='(default: %(default)s)')
    parser.add_argument(
        '--max-upload', type=int, default=1000, help='in MB, for each file (default: %(default)s)'
    )
    add_tracker(parser)
    return parser.parse_args(arguments)


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the page until Ctrl-C."""
    args = parse_args(arguments)
    if args.folder is not None and not args.folder.is_dir():
        raise InputError(f'--folder: {args.folder} is not a folder; check the path')
    # What is uploaded and made for download, by Gradio too, is removed in the end.
    with tempfile.TemporaryDirectory(prefix='tlpg-web-') as root:
        os.environ |= {'GRADIO_TEMP_DIR': root, 'GRADIO_ANALYTICS_ENABLED': 'False'}
        try:
            from tlpg_tools.web_page import build_page, launch
        except ImportError as error:
            raise PackageError(
                f'the page needs gradio ({error}): pip install -r requirements/web.txt'
            ) from error
        from tlpg_mmtrack.apis.tracker import Tracker

        tracker = Tracker.from_pretrained(args.config, args.checkpoint, args.device, args.seed)
        page = build_page(tracker, Path(root), args.folder)
        launch(page, args.host, args.port, args.max_upload)


if __name__ == '__main__':
    sys.exit(main())
