# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A live stream over HTTP, made for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np


def picture(number: int) -> np.ndarray:
    """Grey, as bright as its number."""
    return np.full((48, 64, 3), number % 250, np.uint8)


class Stream(BaseHTTPRequestHandler):
    """Motion JPEG; breaks off as the server says, and is refused after the last time."""

    protocol_version = 'HTTP/1.0'

    def do_GET(self) -> None:
        server = self.server
        if not server.parts:
            self.send_error(404)
            return
        count = server.parts.pop(0)
        self.send_response(200)
        self.send_header('Content-Type', 'multipart/x-mixed-replace; boundary=frame')
        self.end_headers()
        for _ in range(count):
            _, data = cv2.imencode('.jpg', picture(server.sent))
            head = f'--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n'
            try:
                self.wfile.write(head.encode() + data.tobytes() + b'\r\n')
            except OSError:
                return
            server.sent += 1
            time.sleep(0.01)
        while server.hangs:
            time.sleep(0.05)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def stream_server(*parts: int, hangs: bool = False) -> Iterator[ThreadingHTTPServer]:
    """Serve a stream; its n-th connection ends, or hangs, after so many pictures."""
    server = ThreadingHTTPServer(('127.0.0.1', 0), Stream)
    server.sent, server.parts, server.hangs = 0, list(parts), hangs
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.hangs = False
        server.shutdown()
        server.server_close()


def url_of(server: ThreadingHTTPServer) -> str:
    return f'http://127.0.0.1:{server.server_port}/stream'
