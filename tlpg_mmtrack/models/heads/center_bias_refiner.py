# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Centre-bias refinement: the second stage (section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.structures import Prediction
from tlpg_mmtrack.utils.option_rules import Count, InitCfg, checked

from ..necks import FeatureEnhancer
from ..numerics import rankable
from ..shape_checks import MapShape, check_maps, empty_maps
from .dcc_head import DCCHead


class Refiner(BaseModule):
    """A second stage, which improves the best proposals of stage 1.

    Args:
        enhancer: Config of the :class:`FeatureEnhancer`; without it stage 2 sees stage 1's map.
        max_proposals: N_c, the most proposals of stage 1 that are refined (25 in the paper).

    Attributes:
        head: What has a target model of its own; None: nothing.
    """

    head: DCCHead | None

    @checked
    def __init__(self, enhancer: dict | None, max_proposals: Count, init_cfg: InitCfg) -> None:
        super().__init__(init_cfg)
        self.enhancer: FeatureEnhancer | None = enhancer and MODELS.build(enhancer)
        self.max_proposals = max_proposals

    def enhance(self, x: Tensor, levels: Sequence[Tensor]) -> Tensor:
        """Stage 2's input x_E, of stage 1's, (N, C, H, W), and of C3' and C5'."""
        return x if self.enhancer is None else self.enhancer(x, levels[0], levels[-1])

    def check_slot(self, x: MapShape, levels: Sequence[MapShape]) -> None:
        """Raise an InputError unless it fits the maps of which :meth:`enhance` will make x_E."""
        maps = empty_maps((x, *levels))
        with torch.no_grad():
            enhanced = self.enhance(maps[0], maps[1:])
        check_maps(self.head or self, x._replace(channels=enhanced.shape[1]))

    def best(self, scores: Tensor) -> Tensor:
        """Indices of the proposals to refine, by (P,) scores of stage 1, the best first."""
        return rankable(scores).topk(min(self.max_proposals, len(scores))).indices


@MODELS.register_module()
class CenterBiasRefiner(Refiner):
    """Move proposals to their own centres and propose again there, on enhanced features.

    The boxes of stage 1's best proposals are not regressed: their *centres* become new cells,
    where a second deformable central correlation scores and proposes.

    Args:
        head: Config of the second stage's :class:`DCCHead`.
        enhancer: As in :class:`Refiner`, as is ``max_proposals``.
    """

    @checked
    def __init__(
        self,
        head: dict,
        enhancer: dict | None = None,
        max_proposals: int = 25,
        init_cfg: InitCfg = None,
    ) -> None:
        super().__init__(enhancer, max_proposals, init_cfg)
        self.head = MODELS.build(head)

    def centers(
        self, boxes: Tensor, scores: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Cells of an (H, W) map at which stage 2 proposes: the centres of stage 1's best boxes.

        Of (P, 4) boxes (x1, y1, x2, y2) in crop pixels and their (P,) scores; those whose score is
        not finite are not used. (R,) flat indices in ascending order, and (R,) whether to use
        each: False for a duplicate and in place of an unused box. R, the smaller of
        ``max_proposals`` and P, does not depend on values, so that a GPU need not be waited for.
        """
        best = self.best(scores)
        cells = self.head.grid.to_cells(boxes[best])
        columns = ((cells[:, 0] + cells[:, 2]) / 2).round().clamp(0, size[1] - 1)
        rows = ((cells[:, 1] + cells[:, 3]) / 2).round().clamp(0, size[0] - 1)
        beyond = size[0] * size[1]
        cells = (rows * size[1] + columns).long()
        cells = cells.masked_fill(~scores[best].isfinite(), beyond).sort().values
        new = (cells != beyond) & (cells.diff(prepend=cells.new_full((1,), -1)) != 0)
        return cells.clamp(max=beyond - 1), new

    def refine(
        self, prediction: Prediction, boxes: Tensor, scores: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Proposals of stage 2, (R, 4) in crop pixels, at stage 1's best, and (R,) scores.

        Of stage 2's prediction for one frame of one target; boxes and scores are stage 1's, as in
        :meth:`centers`. A score is -inf where there is no such centre, or another one is the same.
        """
        cells, new = self.centers(boxes, scores, tuple(prediction.scores.shape[-2:]))
        refined = self.head.proposal_boxes(prediction.distances[0])[0]
        found = prediction.scores.flatten()[cells].masked_fill(~new, -torch.inf)
        return refined[cells], found

    def loss(
        self, template: Tensor, template_boxes: Tensor, search: Tensor, search_boxes: Tensor
    ) -> dict[str, Tensor]:
        """:meth:`DCCHead.loss` on enhanced features, the names after ``refine.``."""
        losses = self.head.loss(template, template_boxes, search, search_boxes)
        return {f'refine.{name}': value for name, value in losses.items()}
