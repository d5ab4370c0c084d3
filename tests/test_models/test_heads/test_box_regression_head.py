# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""BoxRegressionHead: geometry, an overfit on a few synthetic crops, and its messages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from mmdet.structures.bbox import bbox_overlaps, bbox_xyxy_to_cxcywh
from torch import Tensor

from tlpg_mmtrack.models.heads import BoxRegressionHead
from tlpg_mmtrack.models.heads.box_regression_head import Template, draw_proposals


def _head(**kwargs) -> BoxRegressionHead:
    return BoxRegressionHead(**(dict(in_channels=(8, 16), channels=16, bins=16) | kwargs))


@pytest.fixture(scope='module')
def overfitted(
    synthetic_crops: Callable[..., dict[str, Tensor]],
) -> tuple[BoxRegressionHead, dict[str, Tensor], list[dict[str, float]]]:
    """A head after 80 steps on six search crops, the crops and the losses of each step."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = _head()
    crops, generator, losses = synthetic_crops(seed=0), torch.Generator().manual_seed(1), []
    optimizer = torch.optim.Adam(head.parameters(), lr=3e-3)
    for _ in range(80):
        terms = head.loss(**crops, generator=generator)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()
        losses.append({name: term.item() for name, term in terms.items()})
    return head.eval().requires_grad_(False), crops, losses


def _template(head: BoxRegressionHead, crops: dict[str, Tensor]) -> Template:
    """The template of every search crop."""
    template = head.template(crops['template_feats'], crops['template_boxes'])
    return template.repeat(len(crops['search_boxes']) // len(crops['template_boxes']))


class TestInterface:
    def test_shapes(self, synthetic_crops):
        head, crops = _head(), synthetic_crops(seed=0)
        template = _template(head, crops)
        assert template.kernels.shape == (6, 16, 16 + 65, 3, 3)
        assert template.context.shape == (6, 16, 16, 16)
        assert template.keys.shape == (6, 8, 16, 16)
        boxes = crops['search_boxes'][:, None].expand(-1, 3, -1)
        assert head(template, crops['search_feats'], boxes).shape == (6, 3, 4)

    def test_the_first_convolution_is_that_of_both_windows_and_their_matches(
        self, synthetic_crops, monkeypatch
    ):
        """Whatever of it is computed with the template: by the definition."""
        head, crops = _head().eval(), synthetic_crops(seed=0)
        feats, boxes = crops['template_feats'], crops['template_boxes']
        target = head.windows(feats, boxes[:, None])
        inside = (head.bin_centers.abs() < 0.5).float()
        inside = inside[:, None] * inside
        gains = head.gains((target * inside).sum(dim=(2, 3)) / inside.sum())
        search = [level[::2] for level in crops['search_feats']], crops['search_boxes'][::2, None]
        windows = head.windows(*search)
        template = head.template(feats, boxes)
        matches = head.matches(template.keys, windows)
        gained = windows * gains[..., None, None]
        expected = head.trunk[0][0](torch.cat((gained, windows, target, matches), dim=1))
        seen = []
        monkeypatch.setattr(head.trunk[0][1], 'forward', lambda x: seen.append(x.clone()) or x)
        head(template, *search)
        torch.testing.assert_close(seen[0], expected, rtol=1e-4, atol=1e-4)

    def test_boxes_of_one_crop_do_not_see_each_other(self, synthetic_crops):
        head, crops = _head().eval(), synthetic_crops(seed=0)
        template, boxes = _template(head, crops), crops['search_boxes']
        several = torch.stack((boxes, boxes + 5, boxes - 9), dim=1)
        together = head(template, crops['search_feats'], several)
        alone = head(template, crops['search_feats'], boxes[:, None] - 9)
        torch.testing.assert_close(together[:, 2:], alone)

    def test_one_level_is_enough(self):
        head = _head(in_channels=(8,), strides=(8,))
        feats, box = (torch.rand(1, 8, 36, 36),), torch.tensor([[100.0, 100.0, 150.0, 150.0]])
        assert head(head.template(feats, box), feats, box[None]).shape == (1, 1, 4)

    @pytest.mark.parametrize('name', ['strides', 'cell_offsets'])
    def test_levels_must_agree(self, name):
        message = rf'BoxRegressionHead.{name}: expected 2 entries.*got \(8, 8, 8\)'
        with pytest.raises(ValueError, match=message):
            _head(**{name: (8, 8, 8)})

    @pytest.mark.parametrize(('name', 'value'), [('channels', 24), ('bins', 14), ('bins', 2)])
    def test_sizes_must_divide(self, name, value):
        with pytest.raises(ValueError, match=rf'BoxRegressionHead: {name} must be .* got {value}'):
            _head(**{name: value})


class TestGeometry:
    def test_the_answer_stays_within_half_a_box_of_the_proposal(self, synthetic_crops):
        head, crops = _head(), synthetic_crops(seed=0)
        for parameter in head.parameters():
            parameter.data.mul_(5)
        boxes = crops['search_boxes'][:, None]
        found = head(_template(head, crops), crops['search_feats'], boxes)
        center, size = bbox_xyxy_to_cxcywh(boxes).split(2, dim=-1)
        assert ((found - center.repeat(1, 1, 2)).abs() <= size.repeat(1, 1, 2)).all()

    def test_cell_offsets_move_the_cells_not_the_boxes(self, synthetic_crops):
        head, moved, crops = _head(), _head(cell_offsets=(3.0, 3.0)), synthetic_crops(seed=0)
        moved.load_state_dict(head.state_dict())
        boxes = crops['search_boxes'][:, None]
        template = _template(head, crops)
        crops['template_boxes'] = crops['template_boxes'] + 3
        torch.testing.assert_close(
            moved(_template(moved, crops), crops['search_feats'], boxes + 3),
            head(template, crops['search_feats'], boxes) + 3,
        )

    def test_mirrored_crops_give_mirrored_boxes_when_the_weights_are(self, synthetic_crops):
        """The two sides of an axis are read alike, and left is left."""
        head, crops = _head(), synthetic_crops(seed=0)
        feats, boxes = crops['search_feats'], crops['search_boxes']
        turned = tuple(level.transpose(2, 3) for level in feats)
        mirrored = _head()
        mirrored.load_state_dict(head.state_dict())
        for module in mirrored.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.data = module.weight.data.transpose(2, 3).contiguous()
        mirrored.columns, mirrored.rows = mirrored.rows, mirrored.columns
        # One input of the trunk for each bin of the target, which is turned, too.
        first = mirrored.trunk[0][0].weight.data
        on_target = first[:, 48:-1].unflatten(1, (8, 8))
        first[:, 48:-1] = on_target.transpose(1, 2).flatten(1, 2)
        swap = [1, 0, 3, 2]
        found = head(head.template(feats, boxes), feats, boxes[:, None])
        other = mirrored(mirrored.template(turned, boxes[:, swap]), turned, boxes[:, None, swap])
        torch.testing.assert_close(other[..., swap], found, rtol=1e-4, atol=1e-3)


class TestMatches:
    def test_are_cosines_with_each_bin_of_the_target_and_the_best_around_it(self):
        head = _head()
        keys = torch.nn.functional.normalize(torch.randn(1, 8, 16, 16), dim=1)
        windows = torch.randn(1, 16, 16, 16)
        matches = head.matches(keys, windows)[0]
        seen = head.match(windows)[0, :, 3, 11]
        cosines = torch.nn.functional.cosine_similarity(keys[0], seen[:, None, None], dim=0)
        on_target = torch.zeros(16, 16, dtype=torch.bool)
        on_target[4:12, 4:12] = True
        torch.testing.assert_close(matches[:-1, 3, 11], cosines[on_target])
        torch.testing.assert_close(matches[-1, 3, 11], cosines[~on_target].max())

    def test_the_template_matches_itself(self, synthetic_crops):
        head, crops = _head(), synthetic_crops(seed=0)
        feats, boxes = crops['template_feats'], crops['template_boxes']
        windows = head.windows(feats, boxes[:, None])
        matches = head.matches(head.template(feats, boxes).keys, windows)
        own = matches[:, :-1].unflatten(1, (8, 8))[..., 4:12, 4:12].flatten(1, 2).flatten(2)
        assert own.diagonal(dim1=1, dim2=2).allclose(torch.ones(()), atol=1e-5)


class TestDrawProposals:
    def test_they_overlap_the_box_as_documented(self, synthetic_boxes):
        boxes = synthetic_boxes(5000, torch.Generator().manual_seed(0))
        proposals = draw_proposals(boxes, torch.Generator().manual_seed(1))
        overlaps = bbox_overlaps(proposals, boxes, is_aligned=True)
        assert overlaps.mean().item() == pytest.approx(0.64, abs=0.015)
        (center, size), (true_center, true_size) = (
            bbox_xyxy_to_cxcywh(x).split(2, dim=1) for x in (proposals, boxes)
        )
        assert ((center - true_center) / true_size).abs().max() <= 0.5 + 1e-5
        change = (size / true_size).log()
        assert change.abs().max() <= 0.5 + 1e-4
        same_aspect = (change[:, 0] - change[:, 1]).abs() < 1e-4
        assert same_aspect.float().mean().item() == pytest.approx(0.5, abs=0.05)


class TestOverfit:
    def test_each_loss_falls_below_half(self, overfitted):
        _, _, losses = overfitted
        for name in ('loss_side', 'loss_giou'):
            first, last = (sum(step[name] for step in part) for part in (losses[:8], losses[-8:]))
            assert last < first / 2, name

    def test_gradient_reaches_every_parameter(self, synthetic_crops):
        head = _head()
        terms = head.loss(**synthetic_crops(seed=0), generator=torch.Generator().manual_seed(0))
        sum(terms.values()).backward()
        untouched = [
            name
            for name, parameter in head.named_parameters()
            if parameter.grad is None or not parameter.grad.any()
        ]
        assert untouched == []

    def test_new_proposals_become_better(self, overfitted):
        head, crops, _ = overfitted
        true = crops['search_boxes']
        proposals = draw_proposals(true, torch.Generator().manual_seed(9))
        found = head(_template(head, crops), crops['search_feats'], proposals[:, None])[:, 0]
        before = bbox_overlaps(proposals, true, is_aligned=True).mean()
        after = bbox_overlaps(found, true, is_aligned=True).mean()
        assert after > before + 0.1

    def test_the_loss_of_the_true_box_is_zero(self, overfitted):
        head, crops, _ = overfitted
        terms = head.loss_by_feat(crops['search_boxes'], crops['search_boxes'])
        assert {name: round(term.item(), 5) for name, term in terms.items()} == dict(
            loss_side=0.0, loss_giou=0.0
        )
