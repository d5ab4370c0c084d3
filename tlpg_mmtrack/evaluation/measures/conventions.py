# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Which frames count in one pass over a video, and how they are averaged.

In every convention a frame succeeds where its overlap is greater than the threshold (``>``), and
is precise where its centre error is at most the threshold (``<=``).
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_FRAMES = ('tracked', 'truth', 'skipped')


@dataclass(frozen=True)
class Convention:
    """How one benchmark counts.

    Attributes:
        first_frame: The first frame's box, which the tracker was given: ``'tracked'``, it counts
            as the result file has it; ``'truth'``, it is replaced by the true box; ``'skipped'``,
            the frame does not count.
        visible_only: Count only frames in which the target is visible and the true box is usable,
            and divide by their number. Else every frame counts, and one without a usable true box
            is a failure.
        limit_to_image: Limit both boxes to the image before their overlap is taken.
        pooled: Average over all frames of all videos at once; else over each video's average.
        success_bins: Number of overlap thresholds, evenly from 0 to 1, that success is averaged
            over.

    Raises:
        ValueError: Naming the attribute.
    """

    first_frame: str
    visible_only: bool
    limit_to_image: bool
    pooled: bool
    success_bins: int = 21

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.first_frame not in FIRST_FRAMES:
            raise ValueError(
                f'convention: first_frame must be one of {FIRST_FRAMES}, got {self.first_frame!r}'
            )
        if self.success_bins < 2:
            raise ValueError(
                f'convention: success_bins must be at least 2, got {self.success_bins}'
            )


#: ``otb``: OTB's success and precision as the GOT-10k toolkit computes them. ``lasot``: the same
#: over the frames that show the target. ``got10k``: GOT-10k's average overlap and success rates.
CONVENTIONS = {
    'otb': Convention('truth', visible_only=False, limit_to_image=False, pooled=False),
    'lasot': Convention('tracked', visible_only=True, limit_to_image=False, pooled=False),
    'got10k': Convention(
        'skipped', visible_only=True, limit_to_image=True, pooled=True, success_bins=101
    ),
}


def get_convention(name: str) -> Convention:
    """Look a convention up.

    Raises:
        ValueError: If there is none of this name.
    """
    if name not in CONVENTIONS:
        raise ValueError(f'convention: must be one of {sorted(CONVENTIONS)}, got {name!r}')
    return CONVENTIONS[name]
