#!/usr/bin/env python3
# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Measure how long a frame takes, several trackers in turns.

others    TLPG with EfficientNet-Lite0, in every runtime that is installed (test_cfg.runtime), and
          what OpenCV has of CSRT, KCF and, given its files by --nanotrack, NanoTrack. All really
          track. CSRT and KCF are in opencv-contrib-python alone.
efflite0  TLPG with EfficientNet-Lite0: boxes picked by score (NMS) against the configured way,
          IoU-Net's search and box regression. Both really track, each following its own boxes.
r50       TLPG-R50 against mmtrack's own PrDiMP-R50 at the same crop size and search region, both
          with random weights; PrDiMP with this project's PrRoIPool where mmcv's cannot run. What
          is computed must not depend on random weights: both take every frame for a sure find and
          start it from the same box. Scheduled updates run as configured (TLPG every 25 frames,
          PrDiMP every 20). PrDiMP is given the frame normalised; TLPG normalises its crop itself.
backend   TLPG with EfficientNet-Lite0 whose score maps PyTorch computes, against mmcv's compiled
          `deform_conv2d`, which must be there. Learning is in PyTorch with both.

They take turns frame by frame, and who goes first alternates, so that a machine that is busy or
slows down hits all alike: compare those of one run, not of two runs. `mean` counts the online
updates, `median` is the time of an ordinary frame, `99 %` that which one in a hundred takes longer
than, `frames/s` is the inverse of the mean. The first frame, which learns the target, is shown
apart, as is what a model compiles before it (`ready`); two more are left out for warming up. With
--runs the clip is tracked several times, and the median and range of `frames/s` end the output.

All but r50 have the shipped weights. Reading is not counted. The clip is the one of `make demo`,
120 real frames, enlarged to 640 x 480.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from common import add_threads, build, command, demo_frames, describe, machine

# isort: split
import cv2
import mmtrack
import numpy as np
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmtrack.structures import TrackDataSample
from tlpg_tools.baselines import OpenCVBaseline

from tlpg_mmtrack.models.openvino_function import RUNTIMES, is_installed
from tlpg_mmtrack.utils.checkpoint import load_weights
from tlpg_mmtrack.utils.errors import PackageError
from tlpg_mmtrack.utils.model_zoo import shipped_weights

CONFIGS = Path(__file__).resolve().parents[1] / 'configs' / 'tlpg'
EFFLITE0 = CONFIGS / 'tlpg_efflite0_small.py'
R50 = CONFIGS / 'tlpg_r50_1xb10-60e_trackingnet-lasot-got10k.py'
PRDIMP = (
    Path(mmtrack.__file__).parent
    / '.mim/configs/sot/prdimp/prdimp_r50_8xb10-50e_got10k-lasot-trackingnet-coco_base.py'
)
WARM_UP, CROP = 2, 288
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
# A frame is a sure find whatever its scores are.
ALWAYS_FOUND = dict(
    not_found_threshold=-1e9, distractor_threshold=1e9, hard_negative_threshold=1e9
)
ALWAYS_FOUND_PRDIMP = dict(no_target_min_score=-1e9, distractor_thres=1e9, hard_neg_thres=1e9)


@dataclass
class Contender:
    """A tracker under measurement."""

    name: str  #: What it is called in the table.
    #: Turns a frame (H, W, 3) uint8 BGR into the tracker's input; not timed.
    prepare: Callable[[np.ndarray], np.ndarray | torch.Tensor]
    #: Learns the target in the first frame.
    start: Callable[[np.ndarray | torch.Tensor, np.ndarray], None]
    step: Callable[[np.ndarray | torch.Tensor], str]  #: Tracks into a frame, and says how it went.
    seconds: list[float] = field(default_factory=list)  #: Time of every later frame.
    first: float = 0.0  #: Time of the first frame.
    states: list[str] = field(default_factory=list)  #: What every later frame was reported as.
    ready: float = 0.0  #: Time of what is compiled before the first frame.

    def run_first(self, frame: np.ndarray, box: np.ndarray) -> None:
        """Start, timed; drops what was measured before."""
        self.seconds, self.states = [], []
        image = self.prepare(frame)
        begin = time.perf_counter()
        self.start(image, box)
        self.first = time.perf_counter() - begin

    def run(self, frame: np.ndarray) -> None:
        """Track one frame, timed."""
        image = self.prepare(frame)
        begin = time.perf_counter()
        state = self.step(image)
        self.seconds.append(time.perf_counter() - begin)
        self.states.append(state)

    @property
    def measured(self) -> np.ndarray:
        """Seconds of the frames after the warm-up."""
        return np.array(self.seconds[WARM_UP:])


def tlpg(name: str, model: torch.nn.Module, hold_box: bool) -> Contender:
    """Wrap a TLPG model; with ``hold_box`` every frame starts from the first box."""
    memo = {}

    def start(frame: np.ndarray, box: np.ndarray) -> None:
        memo['target'], memo['box'] = model.start(frame, box), box

    def step(frame: np.ndarray) -> str:
        if hold_box:
            memo['target'].box = memo['box'].copy()
        return model.step(frame, memo['target']).state.value

    begin = time.perf_counter()
    model.warm_up()
    return Contender(name, np.copy, start, step, ready=time.perf_counter() - begin)


def opencv(tracker: OpenCVBaseline) -> Contender:
    """Wrap one of OpenCV's trackers, which do not say how sure they are."""

    def step(frame: np.ndarray) -> str:
        tracker.step(frame)
        return 'normal'

    return Contender(tracker.name, np.copy, tracker.start, step)


def prdimp(name: str, model: torch.nn.Module) -> Contender:
    """Wrap mmtrack's PrDiMP, through the interface mmtrack tests it by."""
    memo, device = {}, next(model.parameters()).device

    def predict(image: torch.Tensor, index: int) -> None:
        sample = TrackDataSample(metainfo=dict(frame_id=index))
        sample.gt_instances = InstanceData(bboxes=memo['corners'])
        with torch.no_grad():
            model.forward({'img': image.to(device)}, [sample], mode='predict')

    def start(image: torch.Tensor, box: np.ndarray) -> None:
        x, y, width, height = box.tolist()
        right, bottom = x + width, y + height
        corners = [[x, y, right, y, right, bottom, x, bottom]]
        memo['corners'] = torch.tensor(corners, device=device)
        middle = [x + width / 2, y + height / 2, width, height]
        memo['box'] = torch.tensor(middle, device=device)
        predict(image, 0)

    def step(image: torch.Tensor) -> str:
        model.memo.bbox = memo['box'].clone()
        predict(image, model.memo.frame_id + 1)
        return 'normal'

    return Contender(name, normalised, start, step)


def normalised(frame: np.ndarray) -> torch.Tensor:
    """What mmtrack's data preprocessor makes of a frame, (1, 1, 3, H, W)."""
    image = torch.from_numpy(frame[..., ::-1].copy()).permute(2, 0, 1).float()
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return ((image - mean) / std)[None, None]


def other_contenders(nanotrack: Sequence[Path] | None) -> list[Contender]:
    """TLPG-EfficientNet-Lite0 by runtime, then OpenCV's trackers."""
    runtimes = RUNTIMES[:0:-1] if is_installed() else ['torch']
    contenders = [efflite0(runtime, {'test_cfg.runtime': runtime}) for runtime in runtimes]
    for name in ('csrt', 'kcf'):
        try:
            contenders.append(opencv(OpenCVBaseline(name)))
        except PackageError as error:
            print(f'left out: {error}')
    if nanotrack is not None:
        contenders.append(opencv(NanoTrack(*nanotrack)))
    return contenders


class NanoTrack(OpenCVBaseline):
    """OpenCV's NanoTrack, from the ONNX files of its backbone and of its head."""

    def __init__(self, backbone: Path, head: Path) -> None:
        self.name = 'nanotrack'
        parameters = cv2.TrackerNano_Params()
        parameters.backbone, parameters.neckhead = str(backbone), str(head)
        self._create = partial(cv2.TrackerNano_create, parameters)


def efflite0_contenders() -> list[Contender]:
    """TLPG-EfficientNet-Lite0 with either post-process."""
    return [efflite0(name, {'test_cfg.postprocess': name}) for name in ('nms', 'regression')]


def backend_contenders() -> list[Contender]:
    """TLPG-EfficientNet-Lite0 with either backend of its score maps."""
    return [
        efflite0(name, {'head.backend': name, 'refiner.head.backend': name})
        for name in ('torch', 'mmcv')
    ]


def efflite0(name: str, changes: dict) -> Contender:
    """TLPG-EfficientNet-Lite0 with some keys of its model changed, and the shipped weights."""
    config = Config.fromfile(EFFLITE0)
    config.merge_from_dict({f'model.{key}': value for key, value in changes.items()})
    model = build(config.model)
    load_weights(model, shipped_weights())
    return tlpg(f'TLPG-EfficientNet-Lite0, {name}', model, False)


def r50_contenders(device: str | torch.device = 'cpu') -> list[Contender]:
    """TLPG-R50 and PrDiMP-R50, random weights."""
    ours, theirs = Config.fromfile(R50).model, Config.fromfile(PRDIMP).model
    ours.test_cfg.update(crop_size=CROP, **ALWAYS_FOUND)
    theirs.test_cfg.update(img_sample_size=CROP, search_scale_factor=5)
    theirs.cls_head.locate_cfg.update(ALWAYS_FOUND_PRDIMP)
    return [
        tlpg('TLPG-R50', build(ours).to(device), hold_box=True),
        prdimp("mmtrack's PrDiMP-R50", build(theirs).to(device)),
    ]


def race(contenders: list[Contender], frames: list[np.ndarray], box: np.ndarray) -> None:
    """Let the contenders take turns over the clip."""
    for index, frame in enumerate(frames):
        for contender in contenders if index % 2 else reversed(contenders):
            if index == 0:
                contender.run_first(frame, box)
            else:
                contender.run(frame)


def report(contenders: list[Contender]) -> None:
    """Print the table, and how each compares with the first."""
    columns = ('median ms', '99 % ms', 'mean ms', 'frames/s', 'first ms', 'ready ms')
    print(f'{"":38s}' + ''.join(f' {column:>9s}' for column in columns) + '  states')
    for contender in contenders:
        seconds = contender.measured
        counts = Counter(contender.states).most_common()
        states = ', '.join(f'{name} {count}' for name, count in counts)
        times = (np.median(seconds), np.quantile(seconds, 0.99), seconds.mean())
        row = [*(1e3 * value for value in times), 1 / seconds.mean()]
        row += [1e3 * contender.first, 1e3 * contender.ready]
        print(f'{contender.name:38s}' + ''.join(f' {value:9.1f}' for value in row), f' {states}')
    for other in contenders[1:]:
        compare(contenders[0], other)


def compare(first: Contender, other: Contender) -> None:
    """Print how long the first takes of the other's time."""
    # A lost target spares the rest of the frame's work.
    found = [
        'not_found' not in pair
        for pair in zip(*(each.states[WARM_UP:] for each in (first, other)), strict=True)
    ]
    if not any(found):
        print(f'{other.name}: no frame in which both found the target, nothing to compare')
        return
    seconds, others = first.measured[found], other.measured[found]
    print(
        f'{first.name} takes {np.median(seconds / others):.2f} of the time of {other.name} '
        f'(median over the {len(seconds)} of {len(found)} frames in which both found the target), '
        f'{seconds.sum() / others.sum():.2f} with updates'
    )


@command()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    groups = {
        'others': other_contenders,
        'efflite0': efflite0_contenders,
        'r50': r50_contenders,
        'backend': backend_contenders,
    }
    parser = describe(__doc__, 'benchmarks/track.py others --frames 45 --runs 10')
    parser.add_argument('group', choices=groups, help='what to measure')
    parser.add_argument('--frames', type=int, default=120, help='(default: %(default)s)')
    parser.add_argument(
        '--runs', type=int, default=1, help='times the clip is tracked (default: %(default)s)'
    )
    add_threads(parser)
    parser.add_argument(
        '--nanotrack',
        nargs=2,
        type=Path,
        metavar=('BACKBONE', 'HEAD'),
        help='others: its two ONNX files, of the OpenCV model zoo',
    )
    args = parser.parse_args(arguments)
    if args.frames < WARM_UP + 2:
        parser.error(f'--frames: needs {WARM_UP + 2} or more, got {args.frames}')
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    frames, box = demo_frames(args.frames)
    print(f'{machine(args.threads)}; {len(frames)} frames of 640 x 480')
    options = [args.nanotrack] if args.group == 'others' else []
    contenders = groups[args.group](*options)
    rates = []
    for _ in range(args.runs):
        race(contenders, frames, box)
        report(contenders)
        rates.append([1 / contender.measured.mean() for contender in contenders])
    if args.runs > 1:
        for contender, own in zip(contenders, zip(*rates, strict=True), strict=True):
            print(
                f'{contender.name}: {np.median(own):.1f} frames/s, median of {len(own)} runs '
                f'({min(own):.1f} to {max(own):.1f})'
            )


if __name__ == '__main__':
    sys.exit(main())
