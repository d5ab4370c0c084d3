# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The final box from the stages' box: which searches run, and how boxes are averaged."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tlpg_mmtrack.models.trackers.postprocess import Postprocess, merge_by_iou, merge_by_score

BOX, REGRESSED = torch.tensor([[10.0, 10, 50, 50], [20.0, 20, 70, 80]])
TEMPLATE = (torch.zeros(1),) * 3


class StillIoUNet(nn.Module):
    """An IoU-Net that leaves boxes where they are.

    Args:
        predicted: The IoU of any box but ``BOX``, which has 0.8.
    """

    def __init__(self, predicted: float = 0.8) -> None:
        super().__init__()
        self.predicted = predicted
        self.searches = []

    def search(self, modulation, features, boxes, last_size, size_penalty, fine) -> Tensor:
        self.searches.append((last_size.tolist(), size_penalty, fine))
        return boxes

    def predict_iou(self, modulation, features, boxes) -> Tensor:
        return torch.where((boxes == BOX).all(dim=-1), 0.8, self.predicted)


class Regression(nn.Module):
    """A box regression that always answers ``REGRESSED``."""

    def __init__(self) -> None:
        super().__init__()
        self.starts = []

    def forward(self, template, levels, boxes) -> Tensor:
        self.starts.append(boxes[0, 0])
        return REGRESSED[None, None]


def _run(iou_net: StillIoUNet, regression: Regression | None) -> tuple[Tensor, Tensor]:
    postprocess = Postprocess(iou_net, regression, size_penalty=0.3)
    template = () if regression is None else TEMPLATE
    return postprocess(BOX, torch.tensor([40.0, 30.0]), (), (), template, ())


@pytest.mark.parametrize('regression', [None, Regression()])
def test_box_regression_takes_the_place_of_the_fine_search(regression):
    iou_net = StillIoUNet()
    _run(iou_net, regression)
    assert iou_net.searches == [([[40.0, 30.0]], 0.3, regression is None)]


def test_without_regression_the_searched_box_s_iou_is_predicted():
    box, iou = _run(StillIoUNet(), None)
    assert torch.equal(box, BOX)
    assert iou.item() == pytest.approx(0.8)


@pytest.mark.parametrize(
    ('predicted', 'odds'), [(0.8, 1.0), (0.75, 1 / np.e), (0.3, 0.0), (1.3, np.e**10)]
)
def test_regressed_boxes_count_by_their_predicted_iou(predicted, odds):
    regression = Regression()
    found, iou = _run(StillIoUNet(predicted), regression)

    def mean(odds: float) -> Tensor:
        return BOX + odds / (1 + odds) * (REGRESSED - BOX)

    # The box, what is regressed from it, and what is regressed from the mean of the two.
    first, second = regression.starts
    for got, expected in ((first, BOX), (second, mean(odds)), (found, mean(2 * odds))):
        torch.testing.assert_close(got, expected, atol=4e-3, rtol=0.0)
    share = 2 * odds / (1 + 2 * odds)
    assert iou.item() == pytest.approx(0.8 + share * (predicted - 0.8), abs=1e-4)


def test_many_poor_boxes_do_not_outvote_a_good_one():
    good, poor = torch.tensor([0.0, 0, 100, 100]), torch.tensor([10.0, 10, 85, 86])
    boxes = torch.stack((*[poor] * 24, good, torch.tensor([300.0, 0, 400, 100])))
    box, iou = merge_by_iou(boxes, torch.tensor([0.5] * 24 + [0.9, 0.85]), 0.5)
    torch.testing.assert_close(box, good, atol=0.2, rtol=0)
    assert iou.item() == pytest.approx(0.9, abs=0.01)


def test_a_box_whose_merit_is_not_finite_neither_wins_nor_counts():
    good = torch.tensor([0.0, 0, 100, 100])
    boxes = torch.stack((good + 300, good + 5, good))
    merits = torch.tensor([torch.nan, torch.nan, 0.8])
    box, iou = merge_by_iou(boxes, merits, 0.5)
    assert torch.equal(box, good)
    assert iou == merits[2]
    assert torch.equal(merge_by_score(boxes[[0, 2]], merits[[0, 2]], 0.5), good)
