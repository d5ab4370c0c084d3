# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The newest frame of whatever is live."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import numpy as np

from tlpg_mmtrack.utils.frames import FrameSource


class NewestFrames(FrameSource):
    """The newest frame of a live source each time; those that came meanwhile are dropped.

    From now on a thread reads the source, so that nothing queues where tracking is slower. Indices
    are the source's: gaps are the frames dropped.

    Args:
        source: The source.
    """

    live = True

    def __init__(self, source: FrameSource) -> None:
        self.name, self.fps = source.name, source.fps
        self._source = source
        self._changed = threading.Condition()
        self._newest: tuple[int, np.ndarray | None] | None = None
        self._stopped = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name=self.name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[tuple[int, np.ndarray | None]]:
        """Yield (index, frame), once; ends with the source, or after :meth:`stop`."""
        try:
            while (newest := self._take()) is not None:
                yield newest
            if self._error is not None:
                raise self._error
        finally:
            self.stop()
            # A source that hangs is left to the end of the process.
            self._thread.join(1.0)

    def stop(self) -> None:
        """End the loop, also while it waits."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _take(self) -> tuple[int, np.ndarray | None] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._stopped)
            newest, self._newest = self._newest, None
            return newest

    def _read(self) -> None:
        try:
            with contextlib.closing(iter(self._source)) as frames:
                for item in frames:
                    with self._changed:
                        if self._stopped:
                            return
                        self._newest = item
                        self._changed.notify_all()
        except BaseException as error:
            self._error = error
        finally:
            self.stop()
