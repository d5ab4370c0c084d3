# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""CenterBiasRefiner: which cells stage 2 looks at, and what it answers there."""

from __future__ import annotations

import pytest
import torch
from mmtrack.registry import MODELS
from torch import Tensor

from tlpg_mmtrack.models.heads import CenterBiasRefiner
from tlpg_mmtrack.structures import Prediction

SIZE = (6, 8)
HEAD = dict(type='DCCHead', in_channels=4, feat_channels=4, cell_offset=9.0)


def _refiner(**kwargs) -> CenterBiasRefiner:
    return MODELS.build(dict(type='CenterBiasRefiner', head=HEAD) | kwargs)


def _proposals(seed: int, count: int = 48) -> tuple[Tensor, Tensor]:
    """Boxes in crop pixels, some of them far outside the map, and their scores."""
    generator = torch.Generator().manual_seed(seed)
    centers = 9 + 16 * (torch.rand(count, 2, generator=generator) * 14 - 3)
    half = 60 * torch.rand(count, 2, generator=generator)
    return torch.cat((centers - half, centers + half), 1), torch.randn(count, generator=generator)


def _by_hand(boxes: Tensor, scores: Tensor, most: int) -> list[int]:
    cells = set()
    order = sorted(range(len(scores)), key=lambda index: -scores[index].item())
    for index in order[:most]:
        x1, y1, x2, y2 = boxes[index].tolist()
        column = min(max(round(((x1 + x2) / 2 - 9) / 16), 0), SIZE[1] - 1)
        row = min(max(round(((y1 + y2) / 2 - 9) / 16), 0), SIZE[0] - 1)
        cells.add(row * SIZE[1] + column)
    return sorted(cells)


def _centers(refiner: CenterBiasRefiner, boxes: Tensor, scores: Tensor) -> list[int]:
    cells, new = refiner.centers(boxes, scores, SIZE)
    assert len(cells) == len(new) == min(refiner.max_proposals, len(boxes))
    return cells[new].tolist()


class TestCenters:
    @pytest.mark.parametrize('seed', range(5))
    @pytest.mark.parametrize('most', [1, 7, 25])
    def test_equal_the_loop(self, seed, most):
        boxes, scores = _proposals(seed)
        refiner = _refiner(max_proposals=most)
        assert _centers(refiner, boxes, scores) == _by_hand(boxes, scores, most)

    def test_what_has_no_score_is_not_followed(self):
        boxes, scores = _proposals(0)
        scores[1:] = -torch.inf
        assert _centers(_refiner(), boxes, scores) == _by_hand(boxes, scores, 1)

    def test_duplicates_are_followed_once(self):
        """Three proposals of unlike size about cell (2, 3), one about cell (2, 4)."""
        x, y = 9 + 16 * 3, 9 + 16 * 2
        boxes = torch.tensor(
            [
                [x - 10.0, y - 20.0, x + 10.0, y + 20.0],
                [x - 30.0, y - 30.0, x + 40.0, y + 30.0],
                [x - 5.0, y - 8.0, x + 5.0, y + 2.0],
                [x + 11.0, y - 5.0, x + 21.0, y + 5.0],
            ]
        )
        assert _centers(_refiner(), boxes, torch.ones(4)) == [2 * 8 + 3, 2 * 8 + 4]

    def test_centres_outside_move_to_the_border(self):
        boxes = torch.tensor([[-500.0, -500.0, -400.0, -400.0], [900.0, 900.0, 950.0, 950.0]])
        assert _centers(_refiner(), boxes, torch.ones(2)) == [0, SIZE[0] * SIZE[1] - 1]


class TestRefine:
    def test_reads_stage_2_at_those_cells(self):
        refiner, (boxes, scores) = _refiner(max_proposals=5), _proposals(0)
        generator = torch.Generator().manual_seed(1)
        prediction = Prediction(
            scores=torch.randn(1, 1, *SIZE, generator=generator),
            distances=3 * torch.rand(1, 1, 4, *SIZE, generator=generator),
            points=torch.zeros(1, 1, 50, SIZE[0] * SIZE[1]),
        )
        refined, refined_scores = refiner.refine(prediction, boxes, scores)
        cells, followed = _by_hand(boxes, scores, 5), refined_scores.isfinite()
        refined, refined_scores = refined[followed], refined_scores[followed]
        for cell, box, score in zip(cells, refined, refined_scores, strict=True):
            row, column = divmod(cell, SIZE[1])
            assert score == prediction.scores[0, 0, row, column]
            left, top, right, bottom = prediction.distances[0, 0, :, row, column].tolist()
            expected = [column - left, row - top, column + right, row + bottom]
            torch.testing.assert_close(box, 9 + 16 * torch.tensor(expected))


class TestEnhance:
    def test_without_an_enhancer_it_is_stage_1_s_map(self):
        x = torch.rand(1, 4, 8, 8)
        assert _refiner().enhance(x, (torch.rand(1, 4, 16, 16), torch.rand(1, 4, 4, 4))) is x

    def test_with_one_every_source_counts(self):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            enhancer = dict(type='FeatureEnhancer', in_channels=(4, 4, 4), channels=64)
            refiner = _refiner(enhancer=enhancer).eval()
            # It starts as the identity on x: move it away from there.
            for parameter in refiner.enhancer.parameters():
                torch.nn.init.normal_(parameter, std=0.1)
        generator = torch.Generator().manual_seed(0)
        sources = [
            torch.rand(1, 4, side, side, generator=generator).requires_grad_()
            for side in (16, 8, 4)
        ]
        enhanced = refiner.enhance(sources[1], (sources[0], sources[2]))
        assert enhanced.shape == (1, 4, 8, 8)
        enhanced.square().sum().backward()
        for source in sources:
            assert source.grad.any()


def test_losses_carry_the_stage_s_name():
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(1, 2, 4, 18, 18, generator=generator)
    boxes = torch.tensor([[[100.0, 100.0, 160.0, 150.0]]]).expand(1, 2, 4)
    losses = _refiner().loss(maps, boxes, maps, boxes)
    assert set(losses) == {'refine.loss_cls', 'refine.loss_reg', 'refine.loss_neg'}
    assert all(loss.isfinite() for loss in losses.values())
