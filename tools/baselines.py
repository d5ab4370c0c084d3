# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The trackers that are compared: ours, OpenCV's, and mmtrack's PrDiMP, SiamRPN++ and STARK."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import tlpg_mmtrack  # noqa: F401  (makes mmtrack importable)

# isort: split
import cv2
import mmtrack
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.apis import inference_sot, init_model
from mmtrack.registry import MODELS

from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.evaluation.provenance import weights_sha256
from tlpg_mmtrack.utils.checkpoint import check_fit, read_weights
from tlpg_mmtrack.utils.config import read_config
from tlpg_mmtrack.utils.errors import InputError, PackageError

FACTORIES = {
    'csrt': 'TrackerCSRT_create',
    'kcf': 'TrackerKCF_create',
    'mil': 'TrackerMIL_create',
}
TLPG, UNTRAINED = 'tlpg', 'untrained'
#: Begins the name of one of the configs that come with mmtrack, as in a config's ``_base_``.
_SHIPPED = 'mmtrack::'


class Baseline(Protocol):
    """A tracker of one object; ``start`` forgets whatever was tracked before.

    Frames are (H, W, 3) uint8, BGR. Boxes are (4,), (x, y, width, height) in frame pixels, the
    first pixel being 0.

    Attributes:
        name: What it is called in tables.
    """

    name: str

    def identity(self) -> dict[str, Any]:
        """What decides its boxes besides the data and the seed; values that JSON has."""

    def start(self, frame: np.ndarray, box: np.ndarray) -> None:
        """Learn the target from a video's first frame."""

    def step(self, frame: np.ndarray) -> np.ndarray:
        """Find the target in the next frame; always a box, the last one where it is lost."""


def build_tracker(
    text: str,
    config: str | None = None,
    checkpoint: str | None = None,
    device: str | None = None,
    seed: int = 0,
) -> Baseline:
    """Build one tracker.

    Args:
        text: ``tlpg``; ``csrt``, ``kcf`` or ``mil``; or ``NAME=CONFIG:CHECKPOINT``, a model of
            mmtrack's, where ``untrained`` instead of a checkpoint asks for random weights.
        config: Config of ``tlpg``; that of its weights where None.
        checkpoint: Weights of ``tlpg``; the shipped ones where None.
        device: Where networks run; a GPU if there is one, where None.
        seed: Random seed of ``tlpg``, and of an untrained model's weights.

    Raises:
        InputError: If there is no such tracker, or as its constructor says.
        FileNotFoundError: If a file is not there.
        PackageError: If OpenCV lacks it.
    """
    name, _, files = text.partition('=')
    if files:
        path, _, weights = files.rpartition(':')
        # Of mmtrack::CONFIG without a checkpoint a colon is left.
        complete = path and weights and not path.endswith(':')
        # A results folder gets the name.
        usable = name not in ('', '.', '..') and not any(mark in name for mark in '/\\')
        if not complete or not usable:
            raise InputError(
                f'trackers: {text!r} must have the form NAME=CONFIG:CHECKPOINT; nothing is '
                f'downloaded: for random weights, to try a config, pass NAME=CONFIG:{UNTRAINED}'
            )
        device = device or ('cuda:0' if torch.cuda.is_available() else 'cpu')
        return MMTrackBaseline(name, path, None if weights == UNTRAINED else weights, device, seed)
    if name == TLPG:
        return TLPGBaseline(Tracker.from_pretrained(config, checkpoint, device, seed))
    if name in FACTORIES:
        return OpenCVBaseline(name)
    raise InputError(
        f'trackers: {text!r} must be one of {[TLPG, *FACTORIES]}, or NAME=CONFIG:CHECKPOINT for a '
        "model of mmtrack's"
    )


class TLPGBaseline:
    """A :class:`~tlpg_mmtrack.Tracker` for the harness.

    Args:
        tracker: The tracker; its own seed decides what it draws.
        name: What it is called in tables.
    """

    def __init__(self, tracker: Tracker, name: str = 'tlpg') -> None:
        self.name = name
        self._tracker = tracker

    def identity(self) -> dict[str, Any]:
        """Config, weights, seed and device."""
        manifest = self._tracker.manifest()
        return {key: value for key, value in manifest.items() if key != 'versions'}

    def start(self, frame: np.ndarray, box: np.ndarray) -> None:
        """Learn the target; see :class:`Baseline`."""
        self._tracker.init(frame, box)

    def step(self, frame: np.ndarray) -> np.ndarray:
        """Find the target; see :class:`Baseline`."""
        return self._tracker.track(frame).box


class OpenCVBaseline:
    """One of OpenCV's trackers with its default parameters.

    OpenCV takes and gives whole pixels: the first box is rounded. Where a tracker says that it
    lost the target, the last box stays.

    Args:
        name: A key of :data:`FACTORIES`.

    Raises:
        PackageError: If this build of OpenCV lacks it.
    """

    def __init__(self, name: str) -> None:
        if not hasattr(cv2, FACTORIES[name]):
            raise PackageError(
                f'tracker {name!r}: this OpenCV, {cv2.__version__}, lacks it; pip install '
                "--no-deps --target opencv_contrib 'opencv-contrib-python>=4.8,<5', then run the "
                'same command with PYTHONPATH=opencv_contrib'
            )
        self.name = name
        self._create = getattr(cv2, FACTORIES[name])
        self._tracker: Any = None
        self._box = np.zeros(4)

    def identity(self) -> dict[str, Any]:
        """The tracker's name and OpenCV's version."""
        return dict(tracker=self.name, opencv=cv2.__version__)

    def start(self, frame: np.ndarray, box: np.ndarray) -> None:
        """Learn the target; see :class:`Baseline`.

        Raises:
            InputError: If OpenCV refuses frame or box.
        """
        x, y, width, height = (round(float(value)) for value in box)
        self._box = np.array([x, y, max(width, 1), max(height, 1)], dtype=np.float64)
        self._tracker = self._create()
        with self._failure_named():
            self._tracker.init(frame, tuple(int(value) for value in self._box))

    def step(self, frame: np.ndarray) -> np.ndarray:
        """Find the target; see :class:`Baseline`.

        Raises:
            InputError: If OpenCV fails on the frame.
        """
        with self._failure_named():
            found, box = self._tracker.update(frame)
        if found:
            self._box = np.array(box, dtype=np.float64)
        return self._box.copy()

    @contextmanager
    def _failure_named(self) -> Iterator[None]:
        try:
            yield
        except cv2.error as error:
            raise InputError(f'tracker {self.name!r} fails on this video: {error}') from error


class MMTrackBaseline:
    """One of mmtrack's models, run by its ``init_model`` and ``inference_sot``.

    Nothing is downloaded: weights that a config names for its backbone are not loaded, since a
    checkpoint has all weights, and an untrained model is to have none.

    Args:
        name: What it is called in tables; ``-untrained`` is added without a checkpoint.
        config: Config, path of its file, or ``mmtrack::`` and the path of one of mmtrack's own
            below its ``configs``; with mmtrack's test pipeline (LoadImageFromFile,
            LoadTrackAnnotations, then what packs the inputs).
        checkpoint: Path of its weights; None for random ones, whose figures mean nothing.
        device: Where to run.
        seed: Random seed of an untrained model's weights.

    Raises:
        FileNotFoundError: If a file is not there.
        InputError: If the config has no test pipeline; or the checkpoint is damaged, none, or of
            another model.
    """

    def __init__(
        self,
        name: str,
        config: str | Path | Config,
        checkpoint: str | Path | None,
        device: str = 'cpu',
        seed: int = 0,
    ) -> None:
        if not isinstance(config, Config):
            path = _existing(name, _config_path(str(config)))
            config = read_config(path)
        weights = None if checkpoint is None else str(_existing(name, Path(checkpoint)))
        config = config.copy()
        if not config.get('test_dataloader'):
            raise InputError(
                f'tracker {name!r}: its config has no test_dataloader; pass one of those named '
                '..._test-lasot.py, or another with a test pipeline'
            )
        init_default_scope(config.get('default_scope', 'mmtrack'))
        self.name = name if weights else f'{name}-untrained'
        self._config = json.loads(json.dumps(config.model.to_dict(), default=repr))
        _drop_pretrained(config.model)
        if weights:
            state_dict = read_weights(Path(weights))
            self._model = init_model(config, weights, device)
            # It loads what fits: the rest would be random, and the figures look plausible.
            check_fit(self._model, state_dict, weights)
        else:
            self._model = _untrained_model(config, device, seed)
        self._box = np.zeros(4)
        self._frame = 0

    def identity(self) -> dict[str, Any]:
        """The model's config and a hash of its weights."""
        return dict(model=self._config, weights_sha256=weights_sha256(self._model))

    def start(self, frame: np.ndarray, box: np.ndarray) -> None:
        """Learn the target; see :class:`Baseline`."""
        self._frame = 0
        self._box = np.concatenate((box[:2], box[:2] + box[2:]))
        self._infer(frame)

    def step(self, frame: np.ndarray) -> np.ndarray:
        """Find the target; see :class:`Baseline`."""
        self._frame += 1
        x1, y1, x2, y2 = self._infer(frame)
        return np.array([x1, y1, x2 - x1, y2 - y1])

    def _infer(self, frame: np.ndarray) -> np.ndarray:
        """The box (x1, y1, x2, y2) of the frame at hand."""
        sample = inference_sot(self._model, frame, self._box, self._frame)
        boxes = sample.pred_track_instances.bboxes
        return boxes.detach().cpu().numpy().astype(np.float64).reshape(-1)[:4]


def _config_path(text: str) -> Path:
    if not text.startswith(_SHIPPED):
        return Path(text)
    return Path(mmtrack.__file__).parent / '.mim' / 'configs' / text.removeprefix(_SHIPPED)


def _existing(name: str, path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f'tracker {name!r}: {path} is not a file; check the path')
    return path


def _untrained_model(config: Config, device: str, seed: int) -> torch.nn.Module:
    """What ``init_model`` gives, with the weights of PyTorch's layers as they are made.

    Its ``init_weights`` draws those to train from, where batch norm sees each batch. At test time
    it does not, and SiamRPN++'s activations overflow.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MODELS.build(config.model)
    model.cfg = config
    return model.to(device).eval()


def _drop_pretrained(config: Any) -> None:
    """Remove every ``init_cfg`` that would load, or download, other weights."""
    if isinstance(config, dict):
        init = config.get('init_cfg')
        steps = init if isinstance(init, (list, tuple)) else [init]
        if any(isinstance(step, dict) and step.get('type') == 'Pretrained' for step in steps):
            config['init_cfg'] = None
    parts = config.values() if isinstance(config, dict) else config
    for part in parts:
        if isinstance(part, (dict, list, tuple)):
            _drop_pretrained(part)
