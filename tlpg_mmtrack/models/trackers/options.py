# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Test-time settings of the tracker, read once from ``test_cfg``."""

from __future__ import annotations

from dataclasses import dataclass

POSTPROCESSES = ('nms', 'iou', 'iou_search', 'regression')
TEST_MODES = ('OPE', 'VOT')
LEAST = dict(
    search_scale=1,
    warps=0,
    first_iters=0,
    update_interval=1,
    update_iters=0,
    hard_negative_iters=0,
    memory_size=1,
)
SHARES = ('memory_rate', 'hard_negative_rate', 'first_share', 'merge_iou')


@dataclass(frozen=True)
class TrackingOptions:
    """Test-time settings; the paper's where it gives one (section 3.5), else DiMP-50's.

    Attributes:
        test_mode: ``'OPE'`` or ``'VOT'``, mmtrack's evaluation protocol.
        crop_size: Side of the crops in crop pixels.
        search_scale: Side of the search region in target sizes (root of width times height).
        warps: Crops of the first frame warped in scale and aspect, beside DiMP's nine.
        first_iters: Iterations at the first frame; 0 leaves the target models as they start, the
            filter being the template itself.
        update_interval: Frames between updates of the target models.
        update_iters: Iterations per update.
        update_offsets: Whether updates learn the offset kernel too. A tracked frame's crop is
            scaled by the tracker's own box, so that it always says "the size has not changed".
        hard_negative_iters: Iterations on a frame with a distractor.
        memory_size: Tracked frames kept.
        memory_rate: Weight of a new sample; the first frame's keep ``first_share`` together.
        hard_negative_rate: Weight of a new sample with a distractor.
        first_share: See ``memory_rate``.
        not_found_threshold: A lower peak score means that the target is lost.
        distractor_threshold: A second peak this high, relative to the first, is a distractor.
        hard_negative_threshold: A second peak this high is worth learning from.
        neighbourhood: Side of the region around a peak, in target sizes, that no second peak
            counts in.
        displacement: A peak farther than this from the last place, in target sizes, is not
            trusted over a nearer one.
        postprocess: What picks the final proposal, with which those that overlap it are averaged:
            ``'nms'``, as the paper calls it, the predicted score; ``'iou'``, the IoU that IoU-Net
            predicts; ``'iou_search'``, the score, and then IoU-Net searches
            its neighbourhood for a better box, coarsely and finely; ``'regression'``, the mean of
            what a coarse search finds and of what is regressed from it, twice, weighted by the
            IoU that IoU-Net predicts for them.
        merge_iou: Proposals that overlap stage 1's peak this much are handed on, and those that
            overlap the picked one this much are averaged with it.
        box_rate: Share of the new box's size in the reported size.
        size_penalty: Predicted IoU that a search must gain for a change of the last size's
            logarithm by 1, in width or in height, beside what it gains without one.
        trusted_iou: (low, high), predicted IoU. A box at or above ``high`` is fully trusted; below
            it trust falls linearly to zero at ``low``, but never under 0.1. The trust is a factor
            on ``box_rate`` and on the frame's weight in memory. None trusts every box.
    """

    test_mode: str = 'OPE'
    crop_size: int = 288
    search_scale: float = 5.0
    warps: int = 24
    first_iters: int = 10
    update_interval: int = 25
    update_iters: int = 2
    update_offsets: bool = False
    hard_negative_iters: int = 1
    memory_size: int = 50
    memory_rate: float = 0.01
    hard_negative_rate: float = 0.02
    first_share: float = 0.25
    not_found_threshold: float = 0.1
    distractor_threshold: float = 0.8
    hard_negative_threshold: float = 0.5
    neighbourhood: float = 2.2
    displacement: float = 0.8
    postprocess: str = 'nms'
    merge_iou: float = 0.5
    box_rate: float = 0.15
    size_penalty: float = 0.0
    trusted_iou: tuple[float, float] | None = None

    @property
    def uses_iou(self) -> bool:
        """Whether the postprocess asks IoU-Net."""
        return self.postprocess != 'nms'

    @property
    def uses_regression(self) -> bool:
        """Whether the postprocess regresses the box."""
        return self.postprocess == 'regression'

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ValueError: Naming the option.
        """
        if self.postprocess not in POSTPROCESSES:
            raise ValueError(
                f'test_cfg: postprocess must be one of {POSTPROCESSES}, got {self.postprocess!r}'
            )
        if self.crop_size <= 0 or self.crop_size % 32:
            raise ValueError(
                f'test_cfg: crop_size must be a positive multiple of 32, got {self.crop_size}'
            )
        for name in SHARES:
            value = getattr(self, name)
            if not 0 < value < 1:
                raise ValueError(f'test_cfg: {name} must be between 0 and 1, got {value}')
        if self.test_mode not in TEST_MODES:
            raise ValueError(
                f'test_cfg: test_mode must be one of {TEST_MODES}, got {self.test_mode!r}'
            )
        for name, least in LEAST.items():
            if not getattr(self, name) >= least:
                raise ValueError(
                    f'test_cfg: {name} must be at least {least}, got {getattr(self, name)}'
                )
        if not 0 <= self.box_rate <= 1:
            raise ValueError(f'test_cfg: box_rate must be in 0..1, got {self.box_rate}')
        if self.size_penalty < 0:
            raise ValueError(
                f'test_cfg: size_penalty must not be negative, got {self.size_penalty}'
            )
        if self.trusted_iou is not None and not self.trusted_iou[0] < self.trusted_iou[1]:
            raise ValueError(
                'test_cfg: trusted_iou must be a lower and a higher value, got '
                f'{tuple(self.trusted_iou)}'
            )
