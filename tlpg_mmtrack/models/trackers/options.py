# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Test-time settings of the tracker, read once from ``test_cfg``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import (
    NUMBER,
    Count,
    Natural,
    NonNegative,
    Probability,
    Rule,
    Share,
    at_least,
    check_fields,
    each,
    keys,
    multiple_of,
    one_of,
)

from ..openvino_function import RUNTIMES
from .confidence import Evidence

LOW_HIGH = Rule(
    'a lower and a higher number',
    lambda value: each(NUMBER, 2).accepts(value) and value[0] < value[1],
)
EVIDENCE = {field.name for field in fields(Evidence)} | {'bias'}
WEIGHTS = keys(sorted(EVIDENCE), NUMBER)


@dataclass(frozen=True)
class TrackingOptions:
    """Test-time settings; the paper's where it gives one (section 3.5), else DiMP-50's."""

    test_mode: Literal['OPE', 'VOT'] = 'OPE'  #: mmtrack's evaluation protocol.
    crop_size: Annotated[int, multiple_of(32)] = 288  #: Side of the crops in crop pixels.
    #: Side of the search region in target sizes (root of width times height).
    search_scale: Annotated[float, at_least(1)] = 5.0
    warps: Natural = 24  #: Warped crops of the first frame, beside DiMP's nine.
    #: Iterations at the first frame; 0 leaves the target models as they start, the filter being
    #: the template itself.
    first_iters: Natural = 10
    update_interval: Count = 25  #: Frames between updates of the target models.
    update_iters: Natural = 2  #: Iterations per update; one of one stage in each frame.
    #: Whether updates learn the offset kernel too. A tracked frame's crop is scaled by the
    #: tracker's own box, so that it always says "the size has not changed".
    update_offsets: bool = False
    hard_negative_iters: Natural = 1  #: Iterations on a frame with a distractor.
    memory_size: Count = 50  #: Tracked frames kept.
    memory_rate: Share = 0.01  #: Weight of a new sample.
    hard_negative_rate: Share = 0.02  #: Weight of a new sample with a distractor.
    first_share: Share = 0.25  #: Least weight of the first frame's samples together.
    not_found_threshold: float = 0.1  #: A lower peak score means that the target is lost.
    distractor_threshold: float = 0.8  #: A second peak of this share of the first is a distractor.
    hard_negative_threshold: float = 0.5  #: A second peak this high is worth learning from.
    #: Side of the region around a peak, in target sizes, that no second peak counts in.
    neighbourhood: NonNegative = 2.2
    #: Target sizes from the last place beyond which a peak does not win over a nearer one.
    displacement: NonNegative = 0.8
    #: What picks the final proposal, with which those that overlap it are averaged: ``'nms'``, as
    #: the paper calls it, the predicted score; ``'iou'``, the IoU that IoU-Net predicts;
    #: ``'iou_search'``, the score, and then IoU-Net searches its neighbourhood for a better box,
    #: coarsely and finely; ``'regression'``, the mean of what a coarse search finds and of what is
    #: regressed from it, twice, weighted by the IoU that IoU-Net predicts for them.
    postprocess: Literal['nms', 'iou', 'iou_search', 'regression'] = 'nms'
    #: Proposals that overlap stage 1's peak this much are handed on, and those that overlap the
    #: picked one this much are averaged with it.
    merge_iou: Share = 0.5
    box_rate: Probability = 0.15  #: Share of the new box's size in the reported size.
    #: Predicted IoU that a search must gain for a change of the last size's logarithm by 1, in
    #: width or in height, beside what it gains without one.
    size_penalty: NonNegative = 0.0
    #: (low, high), predicted IoU. The confidence in a box is 1 at or above ``high`` and falls
    #: linearly to zero at ``low``, but never under 0.1. It is a factor on ``box_rate`` and on the
    #: frame's weight in memory. None: it is always 1.
    trusted_iou: Annotated[tuple[float, float], LOW_HIGH] | None = None
    #: Weights of the :class:`Evidence` and ``bias``, of a logistic regression that gives the
    #: probability that the box is on the target. None: it is always 1.
    confidence: Annotated[dict[str, float], WEIGHTS] | None = None
    #: Frames after which a lost target is searched in the whole frame, a part in each; None: only
    #: around its last place.
    redetection: Count | None = None
    #: What computes the maps of a crop on a CPU: ``'openvino'``; ``'openvino_bf16'``, faster on a
    #: processor that has instructions for bfloat16, its boxes a little other ones; ``'torch'``; or
    #: ``'auto'``, OpenVINO where it is installed.
    runtime: Annotated[str, one_of(*RUNTIMES)] = 'auto'

    @classmethod
    def from_config(cls, where: str, config: Mapping[str, Any] | None) -> TrackingOptions:
        """Those of a config; an InputError names a key that is none, where, and those like it."""
        known = [field.name for field in fields(cls)]
        for key in config or {}:
            if key not in known:
                like = ' or '.join(get_close_matches(str(key), known)) or ', '.join(known)
                raise InputError(f'{where}: unknown key {key!r}; write {like}, or leave it out')
        return cls(**(config or {}))

    @property
    def uses_iou(self) -> bool:
        return self.postprocess != 'nms'

    @property
    def uses_regression(self) -> bool:
        return self.postprocess == 'regression'

    def __post_init__(self) -> None:
        """Raise an InputError, which names the option, for what cannot work."""
        check_fields(self, 'test_cfg')
        if self.redetection is not None and self.confidence is None:
            raise InputError(
                'test_cfg: redetection needs confidence, or what is found cannot be told from the '
                'target; set it, or redetection=None'
            )
