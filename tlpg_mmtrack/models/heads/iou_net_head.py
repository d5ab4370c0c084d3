# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""IoU-Net post-process: predicts how well a box fits the target.

The architecture is ATOM's (arXiv 1811.07628, section 3.2): the template's box gives a modulation
vector for each feature level; a box of the search region is pooled from each level, multiplied
by that vector, and a small network regresses its IoU with the target.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from mmdet.structures.bbox import bbox_overlaps
from mmtrack.registry import MODELS
from torch import Tensor, nn

from tlpg_mmtrack.utils.option_rules import Count, InitCfg, checked, multiple_of

from ...ops import prroi_pool_boxes
from ..numerics import rankable
from .feature_levels import CHANNELS_PER_GROUP, TemplateHead, conv_norm_relu, vary_boxes

MSE = dict(type='mmdet.MSELoss')
TRAINING_PROPOSALS = 16  #: Boxes drawn around each search box in training.

# Bins a side of a pooled box on the finest level and on the next.
_TEMPLATE_BINS, _SEARCH_BINS = (3, 1), (5, 3)
# Their widest jitter, in box sizes: with it their IoU is spread about evenly.
_MAX_JITTER = 0.4
_MIN_PROPOSAL_IOU = 0.1
_HALVINGS = 7
# A search's variations: every pair of these changes of log width and log height, and the shifts by
# this many box sizes in the eight directions; in the first round twice as much.
_SIZE_CHANGES = (-0.2, -0.1, 0.0, 0.1, 0.2)
_SHIFT = 0.08
_ROUNDS = (2.0, 1.0)
_BEST_VARIATIONS = 5


@MODELS.register_module()
class IoUNetHead(TemplateHead):
    """Predict the IoU of boxes with the target of a template (ATOM's IoU predictor).

    Normalisation is per sample (group norm for maps, layer norm for vectors), not by batch as in
    ATOM: a modulation vector's batch is the 4 to 8 sequences of a step, too few for statistics,
    and a target tracked alone must be treated as it was in training.

    Args:
        in_channels: See :class:`TemplateHead`, for ``strides`` and ``cell_offsets`` too; at most
            two levels.
        feat_channels: Width of each level inside the head, multiples of 16.
        hidden_channels: Length of the vector each level of a pooled box is reduced to.
        loss_iou: Config of the loss of IoU scaled to [-1, 1], as in ATOM.

    Example:
        >>> head = IoUNetHead(in_channels=(40, 112))
        >>> feats = (torch.rand(1, 40, 36, 36), torch.rand(1, 112, 18, 18))
        >>> modulation = head.modulation(feats, torch.tensor([[115.0, 115.0, 173.0, 173.0]]))
        >>> boxes = torch.tensor([[[115.0, 115.0, 173.0, 173.0], [90.0, 90.0, 150.0, 150.0]]])
        >>> head(modulation, feats, boxes).shape
        torch.Size([1, 2])
    """

    @checked
    def __init__(
        self,
        in_channels: Sequence[int],
        strides: Sequence[int] = (8, 16),
        cell_offsets: Sequence[float] | None = None,
        feat_channels: Sequence[Annotated[int, multiple_of(CHANNELS_PER_GROUP)]] = (64, 128),
        hidden_channels: Count = 256,
        loss_iou: dict = MSE,
        init_cfg: InitCfg = None,
    ) -> None:
        super().__init__(in_channels, strides, cell_offsets, init_cfg)
        self.check_levels(feat_channels=feat_channels)
        self.loss_iou = MODELS.build(loss_iou)
        self.template_convs = nn.ModuleList(map(conv_norm_relu, in_channels, feat_channels))
        self.template_fcs = nn.ModuleList(
            _linear(width * size**2, width)
            for width, size in zip(feat_channels, _TEMPLATE_BINS, strict=False)
        )
        self.modulators = nn.ModuleList(
            _linear(sum(feat_channels), width) for width in feat_channels
        )
        self.search_convs = nn.ModuleList(
            nn.Sequential(conv_norm_relu(channels, width), conv_norm_relu(width, width))
            for channels, width in zip(in_channels, feat_channels, strict=True)
        )
        self.search_fcs = nn.ModuleList(
            _linear(width * size**2, hidden_channels)
            for width, size in zip(feat_channels, _SEARCH_BINS, strict=False)
        )
        self.predictor = nn.Linear(hidden_channels * len(in_channels), 1)
        self.register_buffer('variations', box_variations(), persistent=False)

    def forward(
        self, modulation: Sequence[Tensor], feats: Sequence[Tensor], boxes: Tensor
    ) -> Tensor:
        """Predict the IoU, (B * T, R), of (B * T, R, 4) boxes with B targets.

        ``modulation`` is what :meth:`modulation` returned; ``feats`` are the backbone's maps of
        B * T search crops, T of each target in a row.
        """
        times = len(boxes) // len(modulation[0])
        modulation = [vector.repeat_interleave(times, dim=0) for vector in modulation]
        return self.predict_iou(modulation, self.features(feats), boxes)

    def modulation(self, feats: Sequence[Tensor], boxes: Tensor) -> tuple[Tensor, ...]:
        """Describe (B, 4) targets of template crops: a (B, feat_channels[l]) vector per level."""
        maps = [conv(feat) for conv, feat in zip(self.template_convs, feats, strict=True)]
        pooled = self._pool(maps, boxes.unsqueeze(1), _TEMPLATE_BINS)
        vectors = [fc(level[:, 0]) for fc, level in zip(self.template_fcs, pooled, strict=True)]
        target = torch.cat(vectors, dim=1)
        return tuple(modulator(target) for modulator in self.modulators)

    describe = modulation

    def features(self, feats: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Maps (B, feat_channels[l], H_l, W_l) of search crops, once for any number of boxes."""
        # As pooling reads them, so that it need not copy them for each set of boxes.
        return tuple(
            conv(feat).contiguous(memory_format=torch.channels_last)
            for conv, feat in zip(self.search_convs, feats, strict=True)
        )

    def predict_iou(
        self, modulation: Sequence[Tensor], features: Sequence[Tensor], boxes: Tensor
    ) -> Tensor:
        """:meth:`forward` on what :meth:`features` returned, for B targets and search crops.

        The (B, R) IoU is a regression, so slightly outside [0, 1] at times.
        """
        hidden = []
        pooled = self._pool(features, boxes, _SEARCH_BINS)
        for vector, level, fc in zip(modulation, pooled, self.search_fcs, strict=True):
            # Pooling is linear in each channel, so modulating the pooled bins equals modulating
            # the maps as ATOM does, and is cheaper. Channels are the last, fastest index.
            bins = level.unflatten(2, (-1, vector.shape[1]))
            hidden.append(fc((bins * vector[:, None, None]).flatten(2)))
        return self.predictor(torch.cat(hidden, dim=2)).squeeze(2)

    def search(
        self,
        modulation: Sequence[Tensor],
        features: Sequence[Tensor],
        boxes: Tensor,
        last_size: Tensor | None = None,
        size_penalty: float = 0.0,
        fine: bool = True,
    ) -> Tensor:
        """Improve (B, 4) boxes: the mean of the best of their variations, coarse, then finer ones.

        A round is one prediction; ATOM's gradient ascent takes one, forward and backward, a step.
        Boxes are of positive size, as is what is returned; the first two arguments are as of
        :meth:`predict_iou`.

        Args:
            last_size: (B, 2), width and height in the frame before; needed with a penalty.
            size_penalty: What is taken from a variation's IoU for a change of the last size's
                logarithm by 1, in width or in height. Targets change slowly, and IoU-Net errs to
                the same side from frame to frame.
            fine: Whether there is a second, fine round.
        """
        for extent in _ROUNDS if fine else _ROUNDS[:1]:
            variations = vary_boxes(boxes.unsqueeze(1), extent * self.variations)
            merit = self.predict_iou(modulation, features, variations)
            if size_penalty:
                sizes = variations[..., 2:] - variations[..., :2]
                changes = (sizes / last_size.unsqueeze(1)).log().abs().sum(dim=-1)
                merit = merit - size_penalty * changes
            best = rankable(merit).topk(_BEST_VARIATIONS).indices.unsqueeze(-1)
            boxes = variations.gather(1, best.expand(-1, -1, 4)).mean(dim=1)
        return boxes

    def draw(self, boxes: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """(B, 16, 4) boxes around (B, 4) and their (B, 16) IoU; see :func:`jitter_boxes`."""
        return jitter_boxes(boxes, TRAINING_PROPOSALS, generator)

    def loss_by_feat(self, predicted: Tensor, iou: Tensor) -> dict[str, Tensor]:
        """``loss_iou`` of predicted (B, R) against true (B, R) IoU."""
        return {'loss_iou': self.loss_iou(2 * predicted.float() - 1, 2 * iou - 1)}

    def _pool(self, maps: Sequence[Tensor], boxes: Tensor, sizes: Sequence[int]) -> list[Tensor]:
        """Pool (B, R, 4) boxes of each level's map to (B, R, bins * channels)."""
        return [
            prroi_pool_boxes(level, grid.to_cells(boxes), size).permute(0, 1, 3, 4, 2).flatten(2)
            for level, size, grid in zip(maps, sizes, self.grids, strict=False)
        ]


def jitter_boxes(
    boxes: Tensor, num_proposals: int, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Draw R boxes around each of (B, 4): (B, R, 4), and their (B, R) IoU, spread over [0.1, 1].

    Each has its own spread, uniform up to 0.4; its centre is moved by that many box sizes times a
    normal variate, its log size likewise. A jitter that leaves an IoU below 0.1 is halved until it
    does not. ``generator`` is torch's own by default.
    """
    boxes = boxes.detach().unsqueeze(1)
    device = boxes.device if generator is None else generator.device
    shape = (len(boxes), num_proposals)
    spread = _MAX_JITTER * torch.rand(*shape, 1, generator=generator, device=device)
    jitter = (spread * torch.randn(*shape, 4, generator=generator, device=device)).to(boxes)
    # A fixed number, so that a GPU need not be waited for; the widest jitter needs fewer.
    for _ in range(_HALVINGS):
        proposals = vary_boxes(boxes, jitter)
        iou = bbox_overlaps(proposals, boxes.expand_as(proposals), is_aligned=True)
        jitter = torch.where(iou[..., None] < _MIN_PROPOSAL_IOU, jitter / 2, jitter)
    return proposals, iou


def box_variations() -> Tensor:
    """What a search tries by :func:`vary_boxes`: (33, 4), 25 sizes, then shifts to 8 places."""
    sizes = torch.cartesian_prod(*[torch.tensor(_SIZE_CHANGES)] * 2)
    shifts = torch.cartesian_prod(*[torch.tensor([-_SHIFT, 0.0, _SHIFT])] * 2)
    shifts = shifts[shifts.any(dim=1)]
    return torch.cat((F.pad(sizes, (2, 0)), F.pad(shifts, (0, 2))))


def _linear(in_channels: int, out_channels: int) -> nn.Sequential:
    """Linear layer, layer norm, ReLU."""
    return nn.Sequential(
        nn.Linear(in_channels, out_channels, bias=False),
        nn.LayerNorm(out_channels),
        nn.ReLU(inplace=True),
    )
