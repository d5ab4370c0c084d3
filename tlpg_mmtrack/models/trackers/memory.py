# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The frames that a target model is learned from during tracking (section 3.5)."""

from __future__ import annotations

from dataclasses import dataclass, fields

from torch import Tensor

from tlpg_mmtrack.structures import FilterSamples, TemplateSamples

Samples = TemplateSamples | FilterSamples


@dataclass
class Schedule:
    """When a target's models learn from the memory.

    At every multiple of an interval; where that frame was not to be learned from, soon after. The
    first frame after such a one does not count: what is found first after a loss is often
    something else.
    """

    last: int = 0  #: The last frame that was learned from, the first being 0.
    updated: int = 0  #: The last one at which the models learned on schedule.

    def is_due(self, frame: int, interval: int) -> bool:
        """Whether the models learn at a frame, the first being 0, every ``interval`` frames.

        To be asked once at each frame that is learned from.
        """
        missed = frame // interval > self.updated // interval
        due = frame % interval == 0 or (missed and frame == self.last + 1)
        self.last = frame
        if due:
            self.updated = frame
        return due


class SampleMemory:
    """A fixed number of template samples of one target, allocated once.

    Each new sample weighs ``1 / (1 - learning_rate)`` times the one before it, so that older ones
    fade; the first frame's, (1, n, ...) of weights that sum to 1, together never weigh less than
    ``first_share``. When ``capacity`` later ones are there, the one of least weight makes room
    (DiMP). The confidence in a sample's box scales its own weight alone: the next one weighs as
    much as after a sure one. In a full memory a sample of little confidence is the first to go.
    """

    def __init__(
        self, first: Samples, capacity: int, learning_rate: float, first_share: float
    ) -> None:
        self.learning_rate = learning_rate
        self.first_share = first_share
        self.first_count = first.weights.shape[1]
        self.count = self.first_count
        self._newest: int | None = None
        self._newest_confidence = 1.0
        total = self.first_count + capacity
        self._fields = [field.name for field in fields(first)]
        self._buffers = type(first)(
            **{name: self._grow(getattr(first, name), total) for name in self._fields}
        )
        # Which sample goes is decided here, so that a GPU need not be waited for.
        self._weights = self._buffers.weights[0].cpu()

    @staticmethod
    def _grow(value: Tensor, total: int) -> Tensor:
        buffer = value.new_zeros(value.shape[0], total, *value.shape[2:])
        buffer[:, : value.shape[1]] = value
        return buffer

    @property
    def samples(self) -> Samples:
        """What is stored, weights summing to 1; views, not copies."""
        return self._buffers.frames(slice(0, self.count))

    def add(
        self, sample: Samples, learning_rate: float | None = None, confidence: float = 1.0
    ) -> None:
        """Store one sample, (1, 1, ...), replacing the least important one when full.

        ``learning_rate`` is in place of the memory's, ``confidence``, positive, a factor on this
        sample's weight; its own is not used.
        """
        rate = self.learning_rate if learning_rate is None else learning_rate
        weights = self._weights
        if self.count < len(weights):
            slot = self.count
            self.count += 1
        else:
            slot = self.first_count + int(weights[self.first_count :].argmin())
        for name in self._fields:
            if name != 'weights':
                getattr(self._buffers, name)[:, slot] = getattr(sample, name)[:, 0]
        newest = rate if self._newest is None else weights[self._newest] / self._newest_confidence
        weights[slot] = confidence * newest / (1 - rate)
        self._newest, self._newest_confidence = slot, confidence
        weights /= weights.sum()
        self._keep_first_share(weights)
        self._buffers.weights[0].copy_(weights, non_blocking=True)

    def _keep_first_share(self, weights: Tensor) -> None:
        first = weights[: self.first_count].sum()
        share = first.clamp(min=self.first_share)
        weights[: self.first_count] *= share / first
        rest = weights[self.first_count :]
        rest *= (1 - share) / rest.sum()
