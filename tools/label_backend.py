#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Serve Label Studio as its ML backend: propose the boxes of a video's next frames.

Draw or correct a box, ask for predictions, correct, ask again: docs/labelling.md. Only this
machine is answered, and only videos below --videos are read.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlpg_tools.command_line import command, describe, port, positive

from tlpg_mmtrack.utils.errors import InputError

if TYPE_CHECKING:
    from tlpg_tools.label_proposals import Proposer

MAX_REQUEST = 64 * 2**20
# What Label Studio asks besides, and needs no more of an answer to.
SETTLED = {
    '/health': {'status': 'UP', 'model_class': 'TLPG'},
    '/versions': {'versions': ['tlpg_mmtrack']},
    '/webhook': {},
    '/validate': {},
}


class Backend(ThreadingHTTPServer):
    """The service.

    Args:
        address: Host and port; port 0 takes a free one.
        proposer: Answers the requests to predict, one at a time.
    """

    daemon_threads = True

    def __init__(self, address: tuple[str, int], proposer: Proposer) -> None:
        super().__init__(address, _Handler)
        self.proposer = proposer
        self.one_at_a_time = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    server: Backend

    def do_GET(self) -> None:
        self._answer(SETTLED.get(self.path))

    def do_POST(self) -> None:
        length = int(self.headers.get('Content-Length') or 0)
        if length > MAX_REQUEST:
            self.send_error(413)
            return
        body = self.rfile.read(length)
        if self.path == '/setup':
            # A new one each time: a task with a prediction of this version is not asked for again.
            now = time.strftime('%Y-%m-%d %H:%M:%S')
            self._answer({'model_version': f'tlpg_mmtrack {now}.{time.time_ns() % 10**9:09}'})
            return
        if self.path != '/predict':
            self._answer(SETTLED.get(self.path))
            return
        try:
            request = json.loads(body)
            with self.server.one_at_a_time:
                self._answer({'results': self.server.proposer.answer(request)})
        except (InputError, json.JSONDecodeError) as error:
            logging.warning('%s', error)
            # Label Studio shows the reason of a failed request, in Latin letters.
            reason = ' '.join(str(error).split()).encode('latin-1', 'replace').decode('latin-1')
            self._answer({'error': str(error)}, 400, reason)

    def _answer(self, content: Any, code: int = 200, reason: str | None = None) -> None:
        if content is None:
            self.send_error(404)
            return
        body = json.dumps(content).encode()
        self.send_response(code, reason)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        logging.debug(format, *args)


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = describe(__doc__, 'tools/label_backend.py --videos my_videos')
    parser.add_argument(
        '--videos', type=Path, required=True, help='folder that holds the videos of the tasks'
    )
    parser.add_argument(
        '--frames',
        type=positive,
        default=50,
        help='to propose at once (default: %(default)s)',
    )
    parser.add_argument(
        '--host', default='127.0.0.1', help='address to listen on (default: %(default)s)'
    )
    parser.add_argument('--port', type=port, default=9090, help='(default: %(default)s)')
    parser.add_argument('--device', help="such as 'cpu' or 'cuda:0' (default: a GPU if any)")
    return parser.parse_args(arguments)


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until Ctrl-C."""
    args = parse_args(arguments)
    if not args.videos.is_dir():
        raise InputError(f'--videos: {args.videos} is not a folder; check the path')
    logging.basicConfig(level=logging.INFO, format='%(levelname)s: %(message)s')
    from tlpg_tools.label_proposals import Proposer

    from tlpg_mmtrack import Tracker

    proposer = Proposer(Tracker.from_pretrained(device=args.device), args.videos, args.frames)
    try:
        server = Backend((args.host, args.port), proposer)
    except OSError as error:
        raise InputError(
            f'--host, --port: {args.host}:{args.port} cannot be used ({error.strerror}); pass '
            'another'
        ) from error
    with server:
        print(f'Label Studio finds it at http://{args.host}:{server.server_port}', flush=True)
        server.serve_forever()


if __name__ == '__main__':
    sys.exit(main())
