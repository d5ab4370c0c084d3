# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Which frames count in one pass over a video, and how they are averaged.

In every convention a frame succeeds where its overlap is greater than the threshold (``>``), and
is precise where its centre error is at most the threshold (``<=``).
"""

from __future__ import annotations

from dataclasses import dataclass

from tlpg_mmtrack.utils.errors import InputError

FIRST_FRAMES = ('tracked', 'truth', 'skipped')
WITHOUT_TRUTH = ('failure', 'skipped', 'near')
SHARES_OF = ('counted', 'all')


@dataclass(frozen=True)
class Convention:
    """How one benchmark counts.

    Attributes:
        first_frame: The first frame's box, which the tracker was given: ``'tracked'``, it counts
            as the result file has it; ``'truth'``, it is replaced by the true box; ``'skipped'``,
            the frame does not count.
        visible_only: Count only frames in which the target is visible; else every frame.
        limit_to_image: Limit both boxes to the image before their overlap is taken.
        pooled: Average over all frames of all videos at once; else over each video's average.
        success_bins: Number of overlap thresholds, evenly from 0 to 1, that success is averaged
            over.
        without_truth: A counted frame whose true box is not usable: ``'failure'``; ``'skipped'``,
            it does not count after all; ``'near'``, its overlap is a failure and its centre error
            a hit, and a box is usable only if all its four numbers are positive.
        share_of: Shares are of the ``'counted'`` frames, or of ``'all'`` frames of the video, so
            that a tracker which is always right stays below 1 where the target is hidden.

    Raises:
        InputError: Naming the attribute.
    """

    first_frame: str
    visible_only: bool
    limit_to_image: bool
    pooled: bool
    success_bins: int = 21
    without_truth: str = 'failure'
    share_of: str = 'counted'

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        choices = (
            ('first_frame', FIRST_FRAMES),
            ('without_truth', WITHOUT_TRUTH),
            ('share_of', SHARES_OF),
        )
        for name, allowed in choices:
            if getattr(self, name) not in allowed:
                raise InputError(
                    f'convention: {name} must be one of {allowed}, got {getattr(self, name)!r}'
                )
        if self.success_bins < 2:
            raise InputError(
                f'convention: success_bins must be at least 2, got {self.success_bins}'
            )


#: ``otb``: OTB's success and precision as the GOT-10k toolkit computes them. ``lasot``: LaSOT's,
#: as its own toolkit computes them. ``got10k``: GOT-10k's average overlap and success rates.
CONVENTIONS = {
    'otb': Convention('truth', visible_only=False, limit_to_image=False, pooled=False),
    'lasot': Convention(
        'truth',
        visible_only=True,
        limit_to_image=False,
        pooled=False,
        without_truth='near',
        share_of='all',
    ),
    'got10k': Convention(
        'skipped',
        visible_only=True,
        limit_to_image=True,
        pooled=True,
        success_bins=101,
        without_truth='skipped',
    ),
}


def get_convention(name: str) -> Convention:
    """Look a convention up.

    Raises:
        InputError: If there is none of this name.
    """
    if name not in CONVENTIONS:
        raise InputError(f'convention: must be one of {sorted(CONVENTIONS)}, got {name!r}')
    return CONVENTIONS[name]
