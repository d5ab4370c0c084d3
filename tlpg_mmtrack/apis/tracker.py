# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The Python API: one tracker, one object."""

from __future__ import annotations

import importlib
import logging
import platform
from dataclasses import replace
from importlib import metadata
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tlpg_mmtrack.structures import TrackingResult, TrackingState
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.inputs import check_box, check_frame, move_into_frame, other_format

if TYPE_CHECKING:
    import torch
    from mmengine.config import Config

logger = logging.getLogger(__name__)

_VERSIONED = ('tlpg_mmtrack', 'torch', 'numpy', 'cv2', 'mmcv', 'mmengine', 'mmdet', 'mmtrack')


class TrackingModel(Protocol):
    """What :class:`Tracker` needs of a ``torch.nn.Module``; neither method records gradients."""

    def start(self, frame: np.ndarray, box: np.ndarray, seed: int = 0) -> Any:
        """Learn a target from its first frame (H, W, 3) and box (4,), (x, y, width, height)."""

    def step(self, frame: np.ndarray, target: Any, search: bool = True) -> TrackingResult:
        """Find the target in the next frame, and learn from it.

        Where the target has an attribute ``waiting`` that is not 0, ``search`` says whether it may
        be looked for far away.
        """


class Tracker:
    """Tracks one object through a video, given its box in the first frame.

    Frames are what OpenCV reads: (H, W, 3) uint8, BGR. Boxes are (x, y, width, height) in frame
    pixels, top-left corner, 0-based, floats, in and out. Trackers are independent of each other,
    and on a CPU the same seed gives the same boxes.

    Args:
        model: It is moved to the device and put into evaluation mode.
        device: Such as 'cpu' or 'cuda:0'; a GPU where there is one if None.
        seed: Random seed of what is drawn on the first frame; a whole number, 0 or more.

    Raises:
        InputError: If the device cannot compute on this machine, or the seed is another number.

    Example:
        >>> tracker = Tracker.from_pretrained()
        >>> tracker.init(frames[0], (62, 36, 53, 65))
        >>> result = tracker.track(frames[1])
        >>> result.box, result.state, result.confidence
    """

    def __init__(
        self, model: TrackingModel, device: str | torch.device | None = None, seed: int = 0
    ) -> None:
        if not isinstance(seed, Integral) or seed < 0:
            raise InputError(f'seed: must be a whole number, 0 or more, got {seed!r}')
        from .building import checked_device

        self.device = checked_device(device)
        self.seed = int(seed)
        self.model = model.to(self.device).eval()
        # Any other model is run by PyTorch, as it is.
        self._runtime = self.model.warm_up() if hasattr(self.model, 'warm_up') else 'torch'
        self._provenance: dict[str, Any] = {'config': None, 'weights': None}
        self._target: Any = None
        self._last_box: np.ndarray | None = None
        self._warned = False

    @classmethod
    def from_pretrained(
        cls,
        config: str | Path | Config | None = None,
        checkpoint: str | Path | None = None,
        device: str | torch.device | None = None,
        seed: int = 0,
    ) -> Tracker:
        """Build a tracker from a config and trained weights.

        Args:
            config: Config, or path of its file. Where None, the one that the weights' manifest
                names, from the checkout or the installed package.
            checkpoint: Weights: ``.safetensors`` with its manifest, an MMEngine ``.pth``, or
                ``tlpg://CONFIG`` for shipped ones. Where None, the weights that come with the
                package.
            device: As in the constructor, and the seed.

        Raises:
            TypeError: If the config is neither a path nor a Config.
            InputError: If a file is not there; if the config cannot be read or built, is of no
                TLPG tracker or, for a ``.pth``, is missing; if the weights are truncated, altered
                or of another model; if nothing of that name is shipped; or as in the constructor.
        """
        from .building import build_model, checked_device

        checked_device(device)
        model, provenance = build_model(config, checkpoint)
        tracker = cls(model, device, seed)
        tracker._provenance = provenance
        return tracker

    def sibling(self) -> Tracker:
        """Another tracker, by the same model in memory, with nothing to track yet."""
        tracker = Tracker(self.model, self.device, self.seed)
        tracker._provenance = self._provenance
        return tracker

    def init(self, frame: np.ndarray, box: Any) -> None:
        """Start on an object; whatever was tracked before is forgotten.

        A box that looks like two corners, or like fractions of the frame, is taken as it is, and a
        warning logged.

        Args:
            frame: (H, W, 3) uint8, BGR.
            box: Four numbers (x, y, width, height), in pixels, at least partly in the frame.

        Raises:
            TypeError: If the frame is not an array of unsigned bytes.
            InputError: If the frame has another shape, or the box is not finite, not of positive
                size, or outside the frame.
        """
        frame = check_frame(frame)
        checked = check_box(box, _size(frame))
        meant = other_format(checked, _size(frame))
        if meant is not None:
            logger.warning(
                'box: %s looks like %s; it is taken as (x, y, width, height) in pixels',
                checked.tolist(),
                meant,
            )
        self._target = self.model.start(frame, checked.copy(), seed=self.seed)
        self._last_box = checked
        self._warned = False

    @property
    def waiting(self) -> float:
        """0 until the object is lost for long; then frames without ``search``, counted from 1.

        Infinite where something was seen elsewhere that must be seen again. Of several objects the
        one that waits longest is to be looked for.
        """
        return getattr(self._target, 'waiting', 0)

    def track(self, frame: np.ndarray | None, search: bool = True) -> TrackingResult:
        """Find the object in the next frame.

        A frame that cannot be used (None, or anything that :meth:`init` refuses) is answered with
        the last box, score 0 and ``NOT_FOUND``, and the first one is logged.

        Args:
            frame: (H, W, 3) uint8, BGR; its size may change.
            search: Whether a lost object may be looked for elsewhere in the frame, too, which
                takes about as long again.

        Raises:
            RuntimeError: If :meth:`init` was not called before.
        """
        if self._last_box is None:
            raise RuntimeError('track: nothing to track yet; call init(frame, box) first')
        if frame is None:
            self._warn('a frame is missing or cannot be read, the target counts as not found')
            return self._not_found()
        try:
            frame = check_frame(frame)
        except (TypeError, ValueError) as error:
            self._warn(f'unusable frame, the target counts as not found: {error}')
            return self._not_found()
        result = self.model.step(frame, self._target, search)
        return self._checked(result, _size(frame))

    def manifest(self) -> dict[str, Any]:
        """What determines the boxes, ready for JSON: versions, config, weights, seed and so on."""
        versions = {
            name: getattr(importlib.import_module(name), '__version__', None)
            for name in _VERSIONED
        }
        if self._runtime != 'torch':
            versions['openvino'] = metadata.version('openvino')
        return {
            'versions': {'python': platform.python_version(), **versions},
            **self._provenance,
            'seed': self.seed,
            'device': str(self.device),
            'runtime': self._runtime,
        }

    def _checked(self, result: TrackingResult, frame_size: tuple[int, int]) -> TrackingResult:
        box = np.asarray(result.box, dtype=np.float64)
        if not (np.isfinite(box).all() and np.isfinite(result.score) and (box[2:] > 0).all()):
            self._warn(f'the model returned box {box.tolist()}, score {result.score}')
            self._last_box = move_into_frame(self._last_box, frame_size)
            return self._not_found()
        self._last_box = move_into_frame(box, frame_size)
        return replace(result, box=self._last_box.copy(), score=float(result.score))

    def _not_found(self) -> TrackingResult:
        return TrackingResult(self._last_box.copy(), 0.0, TrackingState.NOT_FOUND, 0.0)

    def _warn(self, message: str) -> None:
        # Once per target: a broken camera would fill the log otherwise.
        if not self._warned:
            logger.warning(message)
            self._warned = True


def _size(frame: np.ndarray) -> tuple[int, int]:
    return frame.shape[1], frame.shape[0]
