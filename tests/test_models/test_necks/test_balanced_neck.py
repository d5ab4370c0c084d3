# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""BalancedNeck against eq. 7 worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from mmengine.model import Sequential
from torch import Tensor

from tlpg_mmtrack.models.necks import BalancedNeck


def random_levels(channels: tuple[int, ...], sizes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, c, size, size, generator=generator)
        for c, size in zip(channels, sizes, strict=True)
    ]


def set_by_hand(neck: BalancedNeck, scales: tuple[float, ...], weights: tuple[float, ...]) -> None:
    """Make the 1x1 convolutions multiply by ``scales`` and the softmax give ``weights``."""
    with torch.no_grad():
        for conv, scale in zip(neck.lateral_convs, scales, strict=True):
            conv.weight.fill_(scale)
            conv.bias.zero_()
        neck.weight_logits.copy_(torch.tensor([math.log(weight) for weight in weights]))


def test_eq_7_by_hand() -> None:
    neck = BalancedNeck((1, 1, 1))
    set_by_hand(neck, scales=(2.0, 3.0, -1.0), weights=(0.5, 0.3, 0.2))
    c3 = torch.arange(16.0).view(1, 1, 4, 4)
    c4 = torch.tensor([[10.0, 20.0], [30.0, 40.0]]).view(1, 1, 2, 2)
    c5 = torch.tensor([[7.0]]).view(1, 1, 1, 1)
    # Means of the 2x2 blocks of C3: 2.5, 4.5, 10.5, 12.5. C5 is constant.
    expected = [
        [(0.5 * 5 + 0.3 * 30 - 0.2 * 7) / 3, (0.5 * 9 + 0.3 * 60 - 0.2 * 7) / 3],
        [(0.5 * 21 + 0.3 * 90 - 0.2 * 7) / 3, (0.5 * 25 + 0.3 * 120 - 0.2 * 7) / 3],
    ]
    (x,) = neck((c3, c4, c5))
    torch.testing.assert_close(x, torch.tensor(expected).view(1, 1, 2, 2))


def test_c5_is_interpolated_between_tile_centres() -> None:
    """Cell i of the larger map reads place i / 2 - 1/4 of the smaller, held at the border."""
    neck = BalancedNeck((1, 1))
    neck.reference_level = 0
    set_by_hand(neck, scales=(0.0, 1.0), weights=(0.5, 0.5))
    columns = torch.arange(9.0).view(1, 1, 1, 9).expand(1, 1, 9, 9)
    (x,) = neck((torch.zeros(1, 1, 18, 18), columns))
    places = (torch.arange(18.0) / 2 - 0.25).clamp(0, 8)
    torch.testing.assert_close(x[0, 0, 5], places * 0.5 / 2)


@pytest.mark.parametrize(
    ('in_channels', 'sizes', 'reference_level'),
    [
        ((4,), (5,), 0),
        ((4, 6), (8, 4), 0),
        ((4, 6, 8), (9, 5, 3), 2),
        ((4, 6, 8, 10), (16, 8, 4, 2), 1),
    ],
)
@pytest.mark.parametrize('out_channels', [None, 7])
def test_any_number_of_levels(in_channels, sizes, reference_level, out_channels):
    neck = BalancedNeck(in_channels, out_channels, reference_level)
    feats = random_levels(in_channels, sizes)
    laterals = neck.laterals(feats)
    width = out_channels or in_channels[reference_level]
    assert neck.out_channels == width
    assert [tuple(level.shape) for level in laterals] == [(2, width, s, s) for s in sizes]
    output = neck(feats)
    assert isinstance(output, tuple)
    assert output[0].shape == (2, width, sizes[reference_level], sizes[reference_level])
    assert torch.equal(output[0], neck.fuse(laterals))


def test_starts_as_the_reference_level() -> None:
    channels = (40, 112, 320)
    neck = BalancedNeck(channels)
    feats = random_levels(channels, (8, 4, 2))
    (x,) = neck(feats)
    nearest = feats[1] / 9
    assert torch.equal(neck.laterals(feats)[1], feats[1])
    similarity = torch.nn.functional.cosine_similarity(x, nearest, dim=1)
    assert similarity.min() > 0.9
    assert not torch.equal(x, nearest)


CONSTANT = dict(type='Constant', layer='Conv2d', val=0.5)


def test_init_weights_restores_the_start_that_a_model_s_init_cfg_overwrote() -> None:
    neck = BalancedNeck((4, 6, 8))
    Sequential(neck, init_cfg=CONSTANT).init_weights()
    feats = random_levels((4, 6, 8), (8, 4, 2))
    assert torch.equal(neck.laterals(feats)[1], feats[1])


def test_an_init_cfg_of_its_own_counts() -> None:
    neck = BalancedNeck((4, 6, 8), init_cfg=CONSTANT)
    neck.init_weights()
    assert all((conv.weight == 0.5).all() for conv in neck.lateral_convs)


def test_reference_of_another_width_starts_orthogonal() -> None:
    matrix = BalancedNeck((4, 6, 8), out_channels=5).lateral_convs[1].weight[:, :, 0, 0]
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(5))


def test_weights_stay_positive_and_sum_to_one() -> None:
    neck = BalancedNeck((3, 3, 3))
    feats = random_levels((3, 3, 3), (8, 4, 2))
    optimizer = torch.optim.Adam(neck.parameters(), lr=0.5)
    start = neck.weights.detach().clone()
    torch.testing.assert_close(start, torch.full((3,), 1 / 3))
    for _ in range(30):
        optimizer.zero_grad()
        # Only C5 is wanted, which drives the other weights towards 0.
        target = torch.nn.functional.interpolate(feats[2], scale_factor=2.0)
        (neck(feats)[0] - target).square().mean().backward()
        optimizer.step()
        assert (neck.weights > 0).all()
        assert neck.weights.sum().item() == pytest.approx(1.0, abs=1e-6)
    assert neck.weights[2] > 2 * start[2]


def test_gradcheck() -> None:
    neck = BalancedNeck((2, 3, 2), out_channels=2).double()
    feats = [level[:1].double() for level in random_levels((2, 3, 2), (4, 2, 1))]
    for level in feats:
        level.requires_grad_()
    assert torch.autograd.gradcheck(lambda *levels: neck(levels), feats)


def test_refuses_a_reference_level_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r'BalancedNeck: reference_level.*3'):
        BalancedNeck((4, 6, 8), reference_level=3)


@pytest.mark.parametrize('channels', [(4, 6), (4, 6, 9)])
def test_refuses_levels_that_do_not_match(channels: tuple[int, ...]) -> None:
    neck = BalancedNeck((4, 6, 8))
    with pytest.raises(ValueError, match=r'BalancedNeck: feats .*in_channels \(4, 6, 8\), got'):
        neck(random_levels(channels, (8, 4, 2, 1)[: len(channels)]))
