# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What tools/demo.py runs: objects through a video, a folder, a camera or a stream."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.progress import track as progress
from tlpg_tools.demo_boxes import (
    Starts,
    as_json,
    as_results,
    checked_boxes,
    named_boxes,
    read_starts,
)
from tlpg_tools.demo_clip import DEMO_BOX, demo_clip
from tlpg_tools.newest_frames import NewestFrames
from tlpg_tools.recording import Recording
from tlpg_tools.writers import naming_file

from tlpg_mmtrack.apis.multi_tracker import MultiTracker
from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.utils.atomic_write import atomic_write
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.frames import FrameSource, open_source
from tlpg_mmtrack.utils.inputs import check_frame
from tlpg_mmtrack.utils.live import PROTOCOLS, is_stream

OUTPUTS = ('tracked.mp4', 'boxes.csv', 'contact_sheet.png', 'scores.png', 'manifest.json')
WINDOW = 'TLPG-Tracker (q stops)'


def run_demo(
    source: str | None,
    box: Sequence[Sequence[float]] | None,
    boxes: Path | None,
    out: Path,
    config: str | None = None,
    checkpoint: str | None = None,
    device: str | None = None,
    seed: int = 0,
    max_frames: int | None = None,
    show: bool = False,
) -> dict[str, Any]:
    """Track and write ``OUTPUTS`` to a folder; the options are those of tools/demo.py.

    Returns:
        What ``manifest.json`` holds; ``frames_per_second`` is the tracker's, without reading,
        drawing and writing.

    Raises:
        InputError: If an option cannot be used, or there is no display where one is needed.
        FileError: If a file cannot be written.
    """
    # Checked before the model, which takes seconds.
    check_source(source, out)
    prepare_folder(out)
    clip = demo_clip() if source is None else source
    default = DEMO_BOX if source is None else None
    starts = read_starts(boxes, clip) if boxes else Starts(named_boxes(box) or default)
    if show or starts.boxes is None:
        require_display('--show' if show else 'drawing a box')
    load = partial(Tracker.from_pretrained, config, checkpoint, device, seed)
    frames, tracker = open_frames(clip, load)
    stream = itertools.islice(frames, starts.frame, None)
    index, first = first_frame(stream, frames)
    drawn = draw_box(first) if starts.boxes is None else starts.boxes
    starts.boxes = checked_boxes(drawn, first)
    tracker = started(tracker or load(), first, starts)
    recorded = Recording(out, frames.fps, starts.names())
    with stop_on_interrupt(frames) as stop, recorded as recording:
        recording.add(index, first, as_results(starts.boxes))
        left = frames.frame_count and frames.frame_count - starts.frame
        bar = with_bar(stream, left, max_frames)
        seconds = track_all(tracker, bar, recording, stop, show, starts)
    manifest = {
        **tracker.manifest(),
        'source': frames.name,
        **as_json(starts.boxes),
        'frames': len(recording),
        'frames_per_second': round((len(recording) - 1) / seconds, 2) if seconds else 0.0,
        'interrupted': stop.is_set(),
    }
    write_manifest(out / 'manifest.json', manifest)
    return manifest


def open_frames(
    source: str | Path, load: Callable[[], Tracker]
) -> tuple[FrameSource, Tracker | None]:
    """The frames; of live ones the newest each time, and the tracker, loaded meanwhile."""
    frames = open_source(source)
    if not frames.live:
        return frames, None
    frames = NewestFrames(frames)
    return frames, load()


def started(tracker: Tracker, frame: np.ndarray, starts: Starts) -> Tracker | MultiTracker:
    """The tracker, started: one of several objects where they have names."""
    tracker = MultiTracker(tracker) if starts.names() else tracker
    tracker.init(frame, starts.boxes)
    return tracker


def with_bar(stream: Iterator, left: int | None, max_frames: int | None) -> Iterable:
    """The frames after the first, with a progress bar."""
    rest = itertools.islice(stream, None if max_frames is None else max_frames - 1)
    total = min(filter(None, (left, max_frames)), default=None)
    return progress(rest, 'tracking', total, completed=1)


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Write it atomically."""
    with naming_file(path), atomic_write(path) as part:
        part.write_text(json.dumps(manifest, indent=2) + '\n')


def track_all(
    tracker: Tracker | MultiTracker,
    frames: Iterable,
    recording: Recording,
    stop: threading.Event,
    show: bool,
    starts: Starts,
) -> float:
    """Track and record until the frames or the user end it; the seconds that tracking took."""
    seconds = 0.0
    for index, frame in frames:
        started = time.perf_counter()
        result = tracker.track(frame)
        if starts.later:
            result = result | starts.add(tracker, index, frame)
        seconds += time.perf_counter() - started
        picture = recording.add(index, frame, result)
        if stop.is_set() or (show and not show_picture(picture)):
            break
    return seconds


def first_frame(stream: Iterator, frames: FrameSource) -> tuple[int, np.ndarray]:
    """The first frame and its number; of live ones the first that is not corrupt."""
    readable = (item for item in stream if item[1] is not None or not frames.live)
    index, first = next(readable, (0, None))
    if first is None and frames.live:
        raise InputError(f'source: {frames.name} gave no picture; check that it plays elsewhere')
    if first is None:
        raise InputError(f'source: the first frame of {frames.name} is corrupt; leave it out')
    return index, check_frame(first)


def check_source(source: str | None, folder: Path) -> None:
    """Refuse an unknown kind of URL, and a source that would be overwritten."""
    if source is None:
        return
    if not is_stream(source) and re.match(r'[A-Za-z][A-Za-z0-9+.-]*://', source):
        raise InputError(
            f'source: {source} is a URL of a kind that is not read; pass one of '
            f'{", ".join(PROTOCOLS)}, or the path of a file'
        )
    path = Path(source)
    targets = [folder] if path.is_dir() else [folder / name for name in OUTPUTS]
    # The same file may go by other names: by a link, or in capitals on some systems.
    if path.exists() and any(target.exists() and path.samefile(target) for target in targets):
        raise InputError(
            f'--out: {folder} holds the source {source}, which would be overwritten; '
            'pass another folder'
        )


def prepare_folder(folder: Path) -> None:
    """Make the output folder, and try whether it can be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f'--out: cannot write to {folder} ({reason}); pass another folder'
        ) from error


def require_display(purpose: str) -> None:
    """Refuse to open a window where there is no display."""
    if sys.platform.startswith('linux') and not (
        os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')
    ):
        raise InputError(
            f'{purpose} needs a display and there is none; name the object with --box X Y W H '
            '(top-left corner, width and height in pixels of the first frame), without --show'
        )


def draw_box(frame: np.ndarray) -> tuple[float, ...]:
    """Let the user draw the box (x, y, width, height) with the mouse."""
    title = 'Draw the box, then press Enter'
    try:
        box = cv2.selectROI(title, frame, showCrosshair=False)
        cv2.destroyWindow(title)
    except cv2.error as error:
        raise InputError('this OpenCV opens no windows; pass --box X Y W H') from error
    if not all(box[2:]):
        raise InputError('no box was drawn; draw one, or pass --box X Y W H')
    return tuple(map(float, box))


def show_picture(picture: np.ndarray) -> bool:
    """Show a picture; False once the user presses q."""
    try:
        cv2.imshow(WINDOW, picture)
        return cv2.waitKey(1) & 0xFF != ord('q')
    except cv2.error as error:
        raise InputError('this OpenCV opens no windows; leave out --show') from error


@contextmanager
def stop_on_interrupt(frames: FrameSource) -> Iterator[threading.Event]:
    """Make the first Ctrl-C set an event, so that the frame at hand is finished."""
    stop = threading.Event()

    def request(*_: object) -> None:
        stop.set()
        frames.stop()
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, request)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, previous)
