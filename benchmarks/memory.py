#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Measure whether memory stays flat over a long video.

demo  What tools/demo.py does: the tracker, and every frame drawn into a video, a table of boxes, a
      contact sheet and a plot of the scores.
test  What tools/test.py does: mmtrack's data set and mmengine's runner with `ResumableTestLoop`
      and `TLPGSOTMetric`, one video, read in this process.

The video is made up, 640 x 480, and repeats itself every 200 frames, in five of which the target
is hidden. `demo` makes each frame when it is needed; `test` reads 200 images, which the other
frames' files are links to. The model has the shipped weights.

Printed is the resident memory of the process as the video goes on, and the growth for every 1,000
frames after the warm-up, of a line fitted through all readings. The warm-up is long enough for the
tracker's memory of 50 frames to fill, and for the C library's allocator to have seen every size.
What is kept of a frame on purpose, its result, takes some hundred bytes: 0.1 to 1 MB for 1,000.
`--leak` keeps more, to show that it would be seen.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from common import add_threads, command, describe

# isort: split
import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich import progress
from tlpg_tools.recording import Recording

from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.structures import TrackingResult, TrackingState

CONFIG = Path(__file__).resolve().parents[1] / 'configs/tlpg/tlpg_efflite0_small_test-otb100.py'
WEIGHTS = 'tlpg://tlpg_efflite0_small'
SIZE = (640, 480)
PERIOD, HIDDEN = 200, 5


class MadeUpVideo:
    """A patch of noise that moves over other noise and changes its size; without end."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        coarse = generator.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        self._background = cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
        self._patch = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)

    def box(self, index: int) -> tuple[int, int, int, int]:
        """Where the target is, (x, y, width, height) in pixels, 0-based."""
        phase = 2 * np.pi * (index % PERIOD) / PERIOD
        width, height = round(70 + 15 * np.sin(phase)), round(60 + 10 * np.cos(phase))
        x, y = 320 + 200 * np.cos(phase), 240 + 120 * np.sin(2 * phase)
        return round(x - width / 2), round(y - height / 2), width, height

    def frame(self, index: int) -> np.ndarray:
        """(480, 640, 3) uint8, BGR."""
        picture = self._background.copy()
        if index % PERIOD < PERIOD - HIDDEN:
            x, y, width, height = self.box(index)
            patch = cv2.resize(self._patch, (width, height), interpolation=cv2.INTER_CUBIC)
            picture[y : y + height, x : x + width] = patch
        return picture


class Meter:
    """Reads the process's memory every so many frames; a context that shows a progress bar.

    Args:
        frames: Number of frames to come.
        every: Frames between two readings.
        leak: Bytes to keep of every frame.
    """

    def __init__(self, frames: int, every: int, leak: int) -> None:
        self.readings: list[tuple[int, float]] = []
        self._every, self._leak = every, leak
        self._kept: list[bytes] = []
        self._done = 0
        columns = (progress.BarColumn(), progress.MofNCompleteColumn())
        self._bar = progress.Progress(*columns, progress.TimeRemainingColumn())
        self._task = self._bar.add_task('', total=frames)

    def __enter__(self) -> Meter:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def count(self) -> None:
        """Note that a frame is done."""
        self._done += 1
        self._bar.advance(self._task)
        if self._leak:
            # Written to: untouched memory would not be resident.
            self._kept.append(b'\1' * self._leak)
        if self._done % self._every == 0:
            self.readings.append((self._done, resident_memory() / 2**20))
            print(f'{self._done:7d} {self.readings[-1][1]:9.2f}', flush=True)

    def growth(self, warm_up: int) -> float:
        """Growth after the warm-up, in MiB for every 1,000 frames."""
        frames, memory = np.array([pair for pair in self.readings if pair[0] >= warm_up]).T
        return 1000 * float(np.polyfit(frames, memory, 1)[0])


class MeterHook(Hook):
    """Counts the frames of mmengine's test."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def after_test_iter(self, *args: object, **kwargs: object) -> None:
        """One iteration is one frame."""
        self._meter.count()


def resident_memory() -> int:
    """Bytes of the process that are in memory; Linux tells them."""
    pages = Path('/proc/self/statm').read_text().split()[1]
    return int(pages) * os.sysconf('SC_PAGE_SIZE')


def run_demo(frames: int, folder: Path, meter: Meter) -> None:
    """Track and record, as tools/demo.py."""
    video = MadeUpVideo()
    tracker = Tracker.from_pretrained(device='cpu')
    first, box = video.frame(0), np.array(video.box(0), dtype=np.float64)
    tracker.init(first, box)
    with Recording(folder, fps=25.0) as recording:
        recording.add(0, first, TrackingResult(box, 1.0, TrackingState.NORMAL))
        meter.count()
        for index in range(1, frames):
            frame = video.frame(index)
            recording.add(index, frame, tracker.track(frame))
            meter.count()


def run_test(frames: int, folder: Path, meter: Meter) -> None:
    """Test on one video of OTB's layout, as tools/test.py, but for its allocator's settings.

    They keep what the first frame needed resident, so that a leak would fill that first, unseen.
    """
    write_video(frames, folder)
    config = Config.fromfile(CONFIG)
    config.merge_from_dict(
        {
            'work_dir': str(folder / 'work'),
            'load_from': WEIGHTS,
            'log_level': 'WARNING',
            'test_dataloader.num_workers': 0,
            'test_dataloader.persistent_workers': False,
            'test_dataloader.dataset.data_root': str(folder),
            'test_dataloader.dataset.ann_file': 'infos.txt',
            'test_dataloader.dataset.data_prefix': dict(img_path=''),
        }
    )
    runner = Runner.from_cfg(config)
    runner.register_hook(MeterHook(meter))
    runner.test()


def write_video(frames: int, folder: Path) -> None:
    """Write a period of the video, links to it for all other frames, boxes and mmtrack's list."""
    video = MadeUpVideo()
    images = folder / 'video' / 'img'
    images.mkdir(parents=True)
    for index in range(frames):
        path = images / f'{index + 1:04d}.jpg'
        if index < PERIOD:
            cv2.imwrite(str(path), video.frame(index))
        else:
            path.symlink_to(f'{index % PERIOD + 1:04d}.jpg')
    boxes = [','.join(map(str, video.box(index))) for index in range(frames)]
    (folder / 'video' / 'groundtruth_rect.txt').write_text('\n'.join(boxes) + '\n')
    listed = f'video/img,video/groundtruth_rect.txt,1,{frames}'
    (folder / 'infos.txt').write_text(f'the only video\n{listed}')


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = describe(__doc__)
    parser.add_argument('what', choices=['demo', 'test'], help='what to measure')
    parser.add_argument('--frames', type=int, default=20000, help='(default: %(default)s)')
    parser.add_argument(
        '--every', type=int, default=500, help='frames between readings (default: %(default)s)'
    )
    parser.add_argument(
        '--warm-up', type=int, default=1000, help='frames before the fit (default: %(default)s)'
    )
    add_threads(parser, 1)
    parser.add_argument(
        '--leak', type=int, default=0, metavar='BYTES', help='keep so much of every frame'
    )
    args = parser.parse_args(arguments)
    if args.frames < args.warm_up + 2 * args.every:
        parser.error(
            f'--frames: {args.frames} leaves fewer than two readings after --warm-up '
            f'{args.warm_up}; pass {args.warm_up + 2 * args.every} or more, or a smaller --every'
        )
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    run = run_demo if args.what == 'demo' else run_test
    print('  frame       MiB')
    with (
        tempfile.TemporaryDirectory() as folder,
        Meter(args.frames, args.every, args.leak) as meter,
    ):
        run(args.frames, Path(folder), meter)
    print(
        f'{args.what}: {meter.growth(args.warm_up):+.3f} MiB for every 1,000 frames after frame '
        f'{args.warm_up}; {args.threads} thread(s), torch {torch.__version__}'
    )


if __name__ == '__main__':
    sys.exit(main())
