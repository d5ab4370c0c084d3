# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Labels, positives and negatives of deformable central correlation."""

from __future__ import annotations

import pytest
import torch
from mmtrack.registry import TASK_UTILS

from tlpg_mmtrack.models.label_assignment import gaussian_labels
from tlpg_mmtrack.utils.errors import InputError


class TestGaussianLabels:
    BOX = torch.tensor([2.0, 1.0, 8.0, 5.0])
    """Centre (5, 3), 6 cells wide and 4 high."""

    def test_by_hand(self):
        labels = gaussian_labels(self.BOX, (8, 10), center_shrink=0.5, sigma=0.25)
        # The centre region reaches 1.5 cells to each side and 1 cell up and down.
        assert (labels[2:5, 4:7] == 1).all()
        assert (labels == 1).sum() == 9
        # Two cells right of the centre are a third of the width, 4/3 sigma.
        expected = torch.exp(torch.tensor(-0.5 * (4 / 3) ** 2))
        torch.testing.assert_close(labels[3, 7], expected)
        torch.testing.assert_close(labels[3, 3], expected)
        # Two cells down are half the height, 2 sigma: the box's edge still counts.
        torch.testing.assert_close(labels[5, 5], torch.exp(torch.tensor(-2.0)))
        both = torch.exp(torch.tensor(-2.0 - 0.5 * (4 / 3) ** 2))
        torch.testing.assert_close(labels[5, 7], both)

    def test_zero_outside_the_box(self):
        labels = gaussian_labels(self.BOX, (8, 10))
        inside = torch.zeros(8, 10, dtype=torch.bool)
        inside[1:6, 2:9] = True
        assert not labels[~inside].any()
        assert labels[inside].all()

    def test_fall_monotonically(self):
        labels = gaussian_labels(torch.tensor([0.0, 0.0, 20.0, 20.0]), (21, 21))
        assert (labels[10, 10:].diff() <= 0).all()
        assert (labels[10:, 10].diff() <= 0).all()

    @pytest.mark.parametrize('box', [(3.4, 3.4, 3.4, 3.4), (3.2, 3.1, 3.4, 3.3)])
    def test_a_box_smaller_than_a_cell_labels_the_nearest_cell(self, box):
        labels = gaussian_labels(torch.tensor(box), (8, 8))
        assert labels.argmax() == 3 * 8 + 3
        assert (labels > 0).sum() == 1

    @pytest.mark.parametrize('aspect', [1.0, 2.5, 5.0, 10.0])
    @pytest.mark.parametrize('upright', [False, True])
    def test_a_box_of_any_aspect_has_a_cell_of_label_1_wherever_it_lies(self, aspect, upright):
        """Of the tracker's target size, 3.2 cells: a centre region of down to 0.3 cells."""
        size = torch.tensor([3.2 * aspect**0.5, 3.2 / aspect**0.5])
        size = size.flip(0) if upright else size
        places = torch.arange(16) / 16
        centers = 8 + torch.cartesian_prod(places, places)
        labels = gaussian_labels(torch.cat((centers - size / 2, centers + size / 2), 1), (18, 18))
        cells = labels.flatten(1)
        assert (cells.amax(1) == 1).all()
        # Of thinner ones no more than the row, or the two rows, that the middle lies on.
        rows, columns = (labels == 1).any(2).sum(1), (labels == 1).any(1).sum(1)
        for count, length in ((columns, size[0]), (rows, size[1])):
            assert count.max() <= max(2, 0.3 * length + 1)

    def test_a_box_outside_the_map_labels_nothing(self):
        assert not gaussian_labels(torch.tensor([50.0, 50.0, 60.0, 60.0]), (8, 8)).any()

    def test_leading_dimensions_are_kept(self):
        boxes = self.BOX.expand(2, 3, 4)
        labels = gaussian_labels(boxes, (8, 10))
        assert labels.shape == (2, 3, 8, 10)
        assert torch.equal(labels[1, 2], gaussian_labels(self.BOX, (8, 10)))


class TestAssigner:
    def test_an_unknown_label_band_is_named(self):
        with pytest.raises(InputError, match="label_band must be 'gaussian' or 'ignore', got 'x'"):
            TASK_UTILS.build(dict(type='DCCAssigner', label_band='x'))

    def test_positives_are_central_or_fit(self):
        assigner = TASK_UTILS.build(dict(type='DCCAssigner', positive_iou=0.5))
        targets = torch.ones(1, 1, 4, 4)
        # The same box, one of 0.64 of its area, one of 0.36, and that at a central cell.
        proposals = torch.tensor([1.0, 0.8, 0.6, 0.6]).view(1, 1, 4, 1) * targets
        central = torch.tensor([[[0.0, 0.0, 0.0, 1.0]]])
        assert assigner.positives(proposals, targets, central).tolist() == [[[1, 1, 0, 1]]]

    def test_negatives_have_low_labels_and_do_not_fit(self):
        assigner = TASK_UTILS.build(dict(type='DCCAssigner', positive_iou=0.6))
        labels = torch.tensor([0.0, 0.0, 0.49, 0.5, 1.0])
        overlaps = torch.tensor([0.0, 0.6, 0.3, 0.3, 0.9])
        assert assigner.negatives(labels, overlaps).tolist() == [1, 0, 1, 0, 0]
