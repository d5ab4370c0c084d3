# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Several objects in one video, by one model."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np

from tlpg_mmtrack.structures import TrackingResult
from tlpg_mmtrack.utils.errors import InputError

from .tracker import Tracker


def longest_waiting(trackers: Iterable[Tracker]) -> Tracker | None:
    """The one whose lost object has its turn to be looked for all over the next frame."""
    return max(trackers, key=lambda tracker: tracker.waiting, default=None)


class MultiTracker:
    """Tracks named objects through a video; each as a :class:`Tracker` of its own would.

    They share the model's weights, and none changes another's boxes but so: of several that are
    lost, one in each frame is looked for all over it, the others around their last place. A frame
    takes the sum of their times, and once that of one or two more. Objects may come and go at any
    frame.

    Args:
        tracker: Whose model, device and seed are used; it is not changed.

    Example:
        >>> tracker = MultiTracker.from_pretrained()
        >>> tracker.init(frames[0], {'car': (62, 36, 53, 65), 'dog': (10, 80, 30, 20)})
        >>> tracker.track(frames[1])['dog'].box
        >>> tracker.add(frames[1], {'cat': (90, 20, 16, 16)})
        >>> tracker.remove('dog')
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._targets: dict[Hashable, Tracker] = {}

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> MultiTracker:
        """Build one from a config and trained weights, as :meth:`Tracker.from_pretrained` does."""
        return cls(Tracker.from_pretrained(*args, **kwargs))

    @property
    def names(self) -> tuple[Hashable, ...]:
        """Of the objects that are tracked, in the order in which they came."""
        return tuple(self._targets)

    def init(self, frame: np.ndarray, boxes: Mapping[Hashable, Any]) -> None:
        """Start on objects; whatever was tracked before is forgotten.

        Args:
            frame: (H, W, 3) uint8, BGR.
            boxes: By name (anything hashable), each as :meth:`Tracker.init` takes it.

        Raises:
            TypeError: If the frame is not an array of unsigned bytes, or the boxes have no names.
            InputError: As by :meth:`Tracker.init`; what was tracked before still is.
        """
        self._targets = self._started(frame, boxes)

    def add(self, frame: np.ndarray, boxes: Mapping[Hashable, Any]) -> None:
        """Start on more objects, at the frame that was tracked last; see :meth:`init`.

        One whose name is taken is learned anew: so a box is corrected.
        """
        self._targets |= self._started(frame, boxes)

    def remove(self, name: Hashable) -> None:
        """Track an object no longer; an InputError if there is none of that name."""
        if name not in self._targets:
            raise InputError(f'name: {name!r} is not one of {list(self._targets)}')
        del self._targets[name]

    def track(self, frame: np.ndarray | None) -> dict[Hashable, TrackingResult]:
        """Find every object in the next frame, as :meth:`Tracker.track` does: a result by name."""
        turn = longest_waiting(self._targets.values())
        return {name: each.track(frame, each is turn) for name, each in self._targets.items()}

    def manifest(self) -> dict[str, Any]:
        """What determines the boxes; see :meth:`Tracker.manifest`."""
        return self._tracker.manifest()

    def _started(
        self, frame: np.ndarray, boxes: Mapping[Hashable, Any]
    ) -> dict[Hashable, Tracker]:
        if not isinstance(boxes, Mapping):
            raise TypeError(
                f"boxes: must have names, such as {{'car': (x, y, width, height)}}, got a "
                f'{type(boxes).__name__}; dict(enumerate(boxes)) counts those of a list'
            )
        started = {}
        for name, box in boxes.items():
            target = started[name] = self._tracker.sibling()
            try:
                target.init(frame, box)
            except InputError as error:
                raise InputError(f'{name!r}: {error}') from error
        return started
