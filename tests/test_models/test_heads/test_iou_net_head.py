# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""IoUNetHead: geometry, an overfit on a few synthetic crops, and its messages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor

from tlpg_mmtrack.models.heads import IoUNetHead
from tlpg_mmtrack.models.heads.iou_net_head import box_variations, jitter_boxes, vary_boxes

CHANNELS = (8, 16)


def _head(**kwargs) -> IoUNetHead:
    settings = dict(in_channels=CHANNELS, feat_channels=(16, 16), hidden_channels=32)
    return IoUNetHead(**(settings | kwargs))


@pytest.fixture(scope='module')
def overfitted(
    synthetic_crops: Callable[..., dict[str, Tensor]],
) -> tuple[IoUNetHead, dict[str, Tensor], list[float]]:
    """A head after 50 steps on six search crops, the crops and the loss of each step."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = _head()
    crops, generator, losses = synthetic_crops(seed=0), torch.Generator().manual_seed(1), []
    optimizer = torch.optim.Adam(head.parameters(), lr=3e-3)
    for _ in range(50):
        loss = head.loss(**crops, generator=generator)['loss_iou']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return head.eval().requires_grad_(False), crops, losses


def _prepare(head: IoUNetHead, crops: dict[str, Tensor]) -> tuple[list[Tensor], tuple]:
    frames = len(crops['search_boxes']) // len(crops['template_boxes'])
    modulation = head.modulation(crops['template_feats'], crops['template_boxes'])
    return (
        [vector.repeat_interleave(frames, dim=0) for vector in modulation],
        head.features(crops['search_feats']),
    )


class TestInterface:
    def test_shapes(self, synthetic_crops):
        head, crops = _head(), synthetic_crops(seed=0)
        modulation, features = _prepare(head, crops)
        assert [tuple(vector.shape) for vector in modulation] == [(6, 16), (6, 16)]
        assert [tuple(x.shape) for x in features] == [(6, 16, 36, 36), (6, 16, 18, 18)]
        boxes = crops['search_boxes'][:, None].expand(-1, 5, -1)
        assert head.predict_iou(modulation, features, boxes).shape == (6, 5)
        assert head.predict_iou(modulation, features, boxes[:, :0]).shape == (6, 0)
        assert head.search(modulation, features, crops['search_boxes']).shape == (6, 4)

    def test_forward_predicts_for_several_crops_of_each_target(self, synthetic_crops):
        head, crops = _head(), synthetic_crops(seed=0)
        modulation, features = _prepare(head, crops)
        boxes = crops['search_boxes'][:, None].expand(-1, 5, -1)
        targets = head.modulation(crops['template_feats'], crops['template_boxes'])
        assert len(targets[0]) == 3
        iou = head(targets, crops['search_feats'], boxes)
        assert torch.equal(iou, head.predict_iou(modulation, features, boxes))

    def test_the_loss_is_that_of_the_config(self):
        predicted, iou = torch.tensor([[0.5, 1.0]]), torch.tensor([[0.0, 1.0]])
        assert _head().loss_by_feat(predicted, iou) == {'loss_iou': 0.5}
        other = _head(loss_iou=dict(type='mmdet.L1Loss', loss_weight=3.0))
        assert other.loss_by_feat(predicted, iou) == {'loss_iou': 1.5}

    def test_one_level_is_enough(self):
        head = _head(in_channels=(8,), strides=(8,), feat_channels=(16,))
        feats, box = (torch.rand(1, 8, 36, 36),), torch.tensor([[100.0, 100.0, 150.0, 150.0]])
        iou = head.predict_iou(head.modulation(feats, box), head.features(feats), box[None])
        assert iou.shape == (1, 1)

    @pytest.mark.parametrize('name', ['strides', 'feat_channels'])
    def test_levels_must_agree(self, name):
        with pytest.raises(ValueError, match=rf'IoUNetHead.{name}: expected 2 entries.*got \(16,'):
            _head(**{name: (16, 16, 16)})

    def test_widths_must_fit_the_groups(self):
        with pytest.raises(ValueError, match=r'IoUNetHead: feat_channels must .* multiple of 16'):
            _head(feat_channels=(24, 16))

    def test_cell_offsets_move_the_cells_not_the_boxes(self, synthetic_crops):
        """A box moved with the cells' centres pools the same bins."""
        head, moved, crops = _head(), _head(cell_offsets=(3.0, 3.0)), synthetic_crops(seed=0)
        moved.load_state_dict(head.state_dict())
        modulation, features = _prepare(head, crops)
        boxes = crops['search_boxes'][:, None]
        torch.testing.assert_close(
            moved.predict_iou(modulation, features, boxes + 3),
            head.predict_iou(modulation, features, boxes),
        )


class TestJitterBoxes:
    def test_iou_is_true_and_spread_over_its_range(self, synthetic_boxes):
        boxes = synthetic_boxes(4, torch.Generator().manual_seed(0))
        proposals, iou = jitter_boxes(boxes, 500, torch.Generator().manual_seed(1))
        assert proposals.shape == (4, 500, 4)
        for target, own_proposals, own_iou in zip(boxes, proposals, iou, strict=True):
            expected = bbox_overlaps(own_proposals, target[None])[:, 0]
            torch.testing.assert_close(own_iou, expected)
        assert iou.min() >= 0.1
        share = torch.histc(iou, bins=9, min=0.1, max=1.0) / iou.numel()
        assert share.min() > 0.03
        assert share.max() < 0.2

    @pytest.mark.parametrize('box', [(50.0, 50.0, 50.0, 80.0), (float('nan'),) * 4])
    def test_a_box_without_area_ends(self, box):
        proposals, _ = jitter_boxes(torch.tensor([box]), 4, torch.Generator().manual_seed(0))
        assert proposals.shape == (1, 4, 4)


class TestOverfit:
    def test_loss_falls_below_a_third(self, overfitted):
        _, _, losses = overfitted
        assert sum(losses[-10:]) < sum(losses[:10]) / 3

    def test_gradient_reaches_every_parameter(self, synthetic_crops):
        head = _head()
        head.loss(**synthetic_crops(seed=0), generator=torch.Generator().manual_seed(0))[
            'loss_iou'
        ].backward()
        untouched = [
            name
            for name, parameter in head.named_parameters()
            if parameter.grad is None or not parameter.grad.any()
        ]
        assert untouched == []

    def test_the_true_box_ranks_above_shifted_ones(self, overfitted):
        head, crops, _ = overfitted
        true = crops['search_boxes'][:, None]
        width, height = (true[..., 2:] - true[..., :2]).unbind(-1)
        zero = torch.zeros_like(width)
        shifts = [
            torch.stack((sx * width, sy * height) * 2, dim=-1)
            for sx, sy in ((zero, zero), (0.4, 0), (-0.4, 0), (0, 0.4), (0, -0.4))
        ]
        boxes = torch.cat([true + shift for shift in shifts], dim=1)
        predicted = head.predict_iou(*_prepare(head, crops), boxes)
        assert (predicted.argmax(dim=1) == 0).all()

    def test_prediction_is_close_to_the_true_iou_on_new_proposals(self, overfitted):
        head, crops, _ = overfitted
        boxes, iou = jitter_boxes(crops['search_boxes'], 30, torch.Generator().manual_seed(9))
        predicted = head.predict_iou(*_prepare(head, crops), boxes)
        assert (predicted - iou).abs().mean() < 0.15

    @pytest.mark.parametrize('factor', [0.6, 1.6])
    def test_search_corrects_a_wrong_size(self, overfitted, factor):
        head, crops, _ = overfitted
        true = crops['search_boxes']
        center, half = (true[:, :2] + true[:, 2:]) / 2, (true[:, 2:] - true[:, :2]) / 2
        boxes = torch.cat((center - factor * half, center + factor * half), dim=1)
        with torch.no_grad():
            found = head.search(*_prepare(head, crops), boxes)
        before = bbox_overlaps(boxes, true, is_aligned=True)
        after = bbox_overlaps(found, true, is_aligned=True)
        assert after.mean() > before.mean() + 0.05

    @pytest.mark.parametrize('fine', [True, False])
    def test_search_averages_the_best_variations(self, monkeypatch, fine):
        # A predictor that likes wide, low boxes: of the 25 sizes it takes the five widest and
        # lowest.
        head, box = _head(), torch.tensor([[100.0, 120.0, 160.0, 150.0]])

        def predict(modulation, features, boxes):
            size = (boxes[..., 2:] - boxes[..., :2]).log()
            return size[..., 0] - 0.9 * size[..., 1]

        monkeypatch.setattr(head, 'predict_iou', predict)
        found = head.search((), (), box, fine=fine)[0]
        # Changes of log size (0.2, -0.2), (0.2, -0.1), (0.1, -0.2), (0.2, 0) and (0.1, -0.1); in
        # the coarse round twice as much.
        wider = torch.tensor([0.2, 0.2, 0.1, 0.2, 0.1])
        lower = torch.tensor([0.2, 0.1, 0.2, 0.0, 0.1])
        width, height = 60 * (2 * wider).exp().mean(), 30 * (-2 * lower).exp().mean()
        if fine:
            width, height = width * wider.exp().mean(), height * (-lower).exp().mean()
        center = torch.tensor([130.0, 135.0])
        half = torch.stack((width, height)) / 2
        torch.testing.assert_close(found, torch.cat((center - half, center + half)))

    def test_a_penalty_draws_the_size_to_the_last_one(self, monkeypatch):
        head, box = _head(), torch.tensor([[100.0, 120.0, 160.0, 150.0]])
        # Wider is better, by less than the second penalty and more than the first.
        slope = 0.5
        monkeypatch.setattr(
            head,
            'predict_iou',
            lambda modulation, features, boxes: slope * (boxes[..., 2] - boxes[..., 0]).log(),
        )
        last = torch.tensor([[60.0, 30.0]])
        free, weak, strong = (
            head.search((), (), box, last, penalty)[0] for penalty in (0.0, 0.4, 0.6)
        )
        width = [float(found[2] - found[0]) for found in (free, weak, strong)]
        assert width[0] >= width[1] > 1.2 * 60
        assert width[2] == pytest.approx(60, rel=0.05)


def test_variations_surround_the_box():
    box = torch.tensor([[100.0, 120.0, 160.0, 150.0], [10.0, 10.0, 20.0, 40.0]])
    variations = vary_boxes(box.unsqueeze(1), box_variations())
    assert variations.shape == (2, 33, 4)
    assert (variations[0] == box[0]).all(dim=1).sum() == 1
    assert len(variations[0].unique(dim=0)) == 33
    torch.testing.assert_close(
        variations.mean(dim=1)[:, :2] / box[:, :2], torch.ones(2, 2), rtol=0.05, atol=0
    )
    size = variations[..., 2:] - variations[..., :2]
    changes = (size / size[:, 12:13]).log()
    assert changes.abs().max() == pytest.approx(0.2, abs=1e-4)
    shifts = (variations[:, 25:, :2] - box[:, None, :2]) / size[:, 12:13]
    assert shifts.abs().amax(dim=(1, 2)).tolist() == pytest.approx([0.08, 0.08], abs=1e-4)
