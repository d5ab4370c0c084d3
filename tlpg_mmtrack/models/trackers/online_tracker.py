# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tracking one target: learn it in its first frame, find it in each next one, learn from that."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from tlpg_mmtrack.structures import TrackingResult, TrackingState
from tlpg_mmtrack.utils.inputs import check_box

from ...ops.crop import contrast
from .appearance import Appearance
from .augmentation import first_frame_crops
from .confidence import FOUND, LEAST, SURE, History, confidence_in
from .frame_network import FrameNetwork, Observation
from .localization import localize
from .look_alikes import Peaks, peak_cells
from .online_learning import OnlineLearning
from .postprocess import find_box
from .search_region import SearchRegion, bound_by_frame, box_around, center_of, near, scan_boxes
from .target_state import Found, Look, Sighting, TargetState

logger = logging.getLogger(__name__)

#: That are scored in each frame in which the target is searched for, beside the last place.
REGIONS = 2
SLOWING = 0.6  #: Factor on the velocity of a box whose target is not found, frame by frame.

#: A crop of less contrast is blank: what the filter scores there says nothing (docs/decisions.md,
#: "A blank crop is not searched").
LEAST_CONTRAST = 0.25
#: A box of no confidence still counts this much, or its size could not recover.
LEAST_CONFIDENCE = 0.1


class OnlineTracker:
    """Tracks targets, each with a state of its own, by one network (sections 3.3 to 3.5)."""

    def __init__(self, network: FrameNetwork) -> None:
        self.network = network
        self.options = network.options
        self.learning = OnlineLearning(network.heads, network.options)

    @torch.inference_mode()
    def start(self, frame: np.ndarray, box: np.ndarray, seed: int = 0) -> TargetState:
        """Learn a target in the first frame; see :meth:`TLPG.start`."""
        options, network = self.options, self.network
        box = check_box(box, frame.shape[1::-1])
        crops, boxes = first_frame_crops(
            frame,
            box,
            SearchRegion.around(box, options, self._target_pixel).side,
            options.crop_size,
            options.warps,
            np.random.default_rng(seed),
            place=self._target_pixel,
        )
        maps = network.maps(self._to_tensor(crops))
        boxes = torch.from_numpy(boxes).to(maps.levels[0].device)
        stages = [
            self.learning.start(head, x.unsqueeze(0), boxes.unsqueeze(0))
            for head, x in zip(network.heads, maps.features, strict=True)
        ]
        history = History(Appearance(maps.features[0], network.head.grid.to_cells(boxes)))
        target = TargetState(box, box.copy(), stages, history)
        target.blank = contrast(crops[0]) < LEAST_CONTRAST
        if target.blank:
            logger.warning(
                'nothing can be seen around the box %s, so the target will not be found; start '
                'on a frame that shows it',
                box.round(1).tolist(),
            )
        levels = [level[:1] for level in maps.levels]
        if options.uses_iou:
            target.modulation = network.iou_head.modulation(levels, boxes[:1])
        if options.uses_regression:
            target.template = network.box_head.template(levels, boxes[:1])
        return target

    @torch.inference_mode()
    def step(self, frame: np.ndarray, target: TargetState, search: bool = True) -> TrackingResult:
        """Find the target in the next frame and learn from it; see :meth:`TLPG.step`."""
        target.frame += 1
        look = self._look(frame, target, target.box)
        if look is None and (target.blank or contrast(frame) < LEAST_CONTRAST):
            # Such a frame says nothing of the target.
            box = bound_by_frame(target.box, frame.shape)
            return TrackingResult(box, 0.0, TrackingState.NOT_FOUND, 0.0)
        usual = self._measure(target, self._without_look_alikes(target, look))
        sighting = usual if self._accepts(target, usual) else None
        if target.waiting:
            sighting = self._search(frame, target, sighting, search)
        if sighting is None:
            target.look_alikes.follow(None if look is None else look.peaks, target.extent)
            return self._miss(target, usual, frame.shape)
        return self._take(target, sighting, frame.shape)

    def _look(self, frame: np.ndarray, target: TargetState, box: np.ndarray) -> Look | None:
        """Score the region around a box (x, y, width, height); None where nothing is seen."""
        region = SearchRegion.around(box, self.options, self._target_pixel)
        crop = region.cut(frame)
        if target.blank or contrast(crop) < LEAST_CONTRAST:
            return None
        seen = self.observe(crop, target)
        # Two stages, learned on different features, are wrong in different places.
        scores = sum(stage.scores[0, 0] for stage in seen.stages) / len(seen.stages)
        grid = self.network.head.grid
        size = box[2:] * region.scale
        last = grid.to_cells(self._target_pixel)
        height_width = tuple(size[::-1] / grid.stride)
        values = scores.cpu().numpy()
        place = localize(values, height_width, last, self.options)
        cells = peak_cells(values, self.options.not_found_threshold)
        centers = region.points_to_frame(grid.to_pixels(cells[:, ::-1]))
        peaks = Peaks(cells, values[tuple(cells.T)], centers)
        return Look(region, seen, scores, scores.new_tensor(size), peaks, place)

    def _without_look_alikes(self, target: TargetState, look: Look | None) -> Look | None:
        """The same, of the target's own peak."""
        if look is None or self.options.confidence is None:
            return look
        expected = center_of(target.box) + target.history.velocity
        place = target.look_alikes.separate(look.place, look.peaks, expected, target.extent)
        return replace(look, place=place)

    def _measure(self, target: TargetState, look: Look | None) -> Sighting:
        """Find the box at the peak, and how sure it is the target's."""
        if look is None or look.place.state is TrackingState.NOT_FOUND:
            return Sighting(0.0 if look is None else look.place.score)
        box, iou = find_box(self.network, look, target)
        looks = target.history.appearance
        cells = self.network.head.grid.to_cells(box).view(1, 1, 4)
        appearance = looks.look(look.seen.stages[0].features[0], cells)[0, 0]
        similarity = looks.similarity(appearance)
        # In one: a GPU is waited for at each transfer.
        values = torch.cat((box, iou.view(1), similarity)).cpu().double().numpy()
        score, iou, frames = look.place.score, float(values[4]), target.frame - target.last_frame
        if not np.isfinite(values[:5]).all():
            # Nothing finite could be found from such a box again.
            return Sighting(score)
        center, size = look.region.to_frame(values[:4])
        evidence = target.history.evidence(
            look.place, iou, values[5:], target.last, center, size, frames
        )
        found = Found(look, box, center, size, iou, appearance, evidence)
        return Sighting(score, found, confidence_in(evidence, self.options.confidence))

    def _search(
        self, frame: np.ndarray, target: TargetState, usual: Sighting | None, search: bool
    ) -> Sighting | None:
        """Find a target that was lost; what was seen in two frames in a row, else None.

        Args:
            frame: The frame.
            target: The target.
            usual: What is accepted around the box.
            search: Whether to look elsewhere in the frame, too.
        """
        sure = [] if usual is None else [usual]
        if search:
            elsewhere = self._elsewhere(frame, target)
            if elsewhere.confidence >= FOUND:
                sure.append(elsewhere)
        known, target.candidate = target.candidate, None
        best = max(sure, key=lambda sighting: sighting.confidence, default=None)
        if best is not None and known is not None and near(known, best.found.frame_box):
            target.box = best.found.frame_box
            return best
        if best is not None:
            target.candidate = best.found.frame_box
        if not search:
            target.waiting += 1
        else:
            # What is seen must be seen again; once more, since others may wait.
            target.waiting = math.inf if known is None and best is not None else 1
        return None

    def _elsewhere(self, frame: np.ndarray, target: TargetState) -> Sighting:
        """What looks most like the target at the candidate, or else in the next regions."""
        boxes = [target.candidate]
        if target.candidate is None:
            regions = scan_boxes(target.last, frame.shape, self.options.search_scale)
            first = REGIONS * target.searches
            boxes = [regions[(first + i) % len(regions)] for i in range(REGIONS)]
        target.searches += 1
        looks = [look for box in boxes if (look := self._look(frame, target, box)) is not None]
        best = max(looks, key=lambda look: np.nan_to_num(look.place.score), default=None)
        return self._measure(target, best)

    def _accepts(self, target: TargetState, sighting: Sighting) -> bool:
        """Whether it is sure enough; after a miss, away from the last place, it must be surer."""
        if sighting.found is None:
            return False
        least = LEAST
        if target.missed:
            least = SURE if near(target.last, sighting.found.frame_box) else FOUND
        return sighting.confidence >= least

    def search_region(self, target: TargetState) -> SearchRegion:
        """Where the next frame is searched."""
        return SearchRegion.around(target.box, self.options, self._target_pixel)

    @property
    def _target_pixel(self) -> float:
        """Crop pixel, on both axes, on which the target is expected: a cell's, near the middle.

        Between two cells the features of a thin target are half background.
        """
        grid = self.network.head.grid
        return grid.to_pixels(round(grid.middle(self.options.crop_size)))

    def observe(self, crop: np.ndarray, target: TargetState) -> Observation:
        """What network and target models say of a crop (S, S, 3) uint8, BGR."""
        models = [stage.model for stage in target.stages]
        return self.network.observe(self._to_tensor(crop[None]), models)

    def _miss(
        self, target: TargetState, sighting: Sighting, shape: tuple[int, ...]
    ) -> TrackingResult:
        """The box follows the best guess; without one it comes to a halt.

        Only the report is bounded: after one small frame the search goes on where it was.
        """
        target.missed += 1
        if target.missed == self.options.redetection:
            target.waiting = 1
        if sighting.found is not None and sighting.confidence >= LEAST:
            center = sighting.found.center
        else:
            center = center_of(target.box) + target.history.velocity
            target.history.velocity *= SLOWING
        if self.options.confidence is not None:
            target.box = box_around(center, target.box[2:])
        score = sighting.score if math.isfinite(sighting.score) else 0.0
        box = bound_by_frame(target.box, shape)
        return TrackingResult(box, score, TrackingState.NOT_FOUND, sighting.confidence)

    def _take(
        self, target: TargetState, sighting: Sighting, shape: tuple[int, ...]
    ) -> TrackingResult:
        """Take what was found for the target; learn from it if that is sure."""
        found = sighting.found
        sure = sighting.confidence >= SURE
        state = found.look.place.state if sure else TrackingState.UNCERTAIN
        confidence = self._box_confidence(found.iou)
        shift = found.center - center_of(target.last)
        self._move(target, found, confidence if sure else 0.0, shape)
        target.history.moved(shift / (target.frame - target.last_frame))
        target.last, target.last_frame = target.box.copy(), target.frame
        target.missed = target.searches = target.waiting = 0
        if state is TrackingState.UNCERTAIN:
            target.look_alikes.forget()
        else:
            self.learning.update(target, found, confidence, state)
            center, peaks = center_of(target.box), found.look.peaks
            target.look_alikes.remember(peaks, sighting.score, center, target.extent)
            target.history.learn(found.evidence, found.appearance)
        return TrackingResult(target.box.copy(), sighting.score, state, sighting.confidence)

    def _box_confidence(self, iou: float) -> float:
        """The confidence in a box of this predicted IoU, in 0..1.

        Where something passes before the target, the box that fits best takes in both.
        """
        if self.options.trusted_iou is None or not self.options.uses_iou:
            return 1.0
        low, high = self.options.trusted_iou
        return min(max((iou - low) / (high - low), LEAST_CONFIDENCE), 1.0)

    def _move(
        self, target: TargetState, found: Found, confidence: float, shape: tuple[int, ...]
    ) -> None:
        """Take a box; it stays finite, of positive size, and on the frame."""
        last = target.box[2:]
        size = np.clip(found.size, 0.5 * last, 2.0 * last)
        size = last + self.options.box_rate * confidence * (size - last)
        target.box = bound_by_frame(box_around(found.center, size), shape)

    def _to_tensor(self, crops: np.ndarray) -> Tensor:
        """(n, S, S, 3) to (n, 3, S, S) on the network's device."""
        device = next(self.network.parameters()).device
        return torch.from_numpy(crops).to(device).permute(0, 3, 1, 2)
