# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Precise RoI pooling against numerical integration, a loop, and autograd."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck

from tlpg_mmtrack.ops import PrRoIPool, prroi_pool, prroi_pool_boxes


def _maps(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def _rois(dtype: torch.dtype = torch.float64) -> Tensor:
    """Inside, across two borders, inside one cell, and around the whole map."""
    return torch.tensor(
        [
            [1, 1.3, 0.7, 4.2, 5.1],
            [0, -2.4, 3.1, 2.2, 9.6],
            [1, 3.05, 2.30, 3.35, 2.85],
            [0, -3.0, -3.0, 11.0, 10.0],
            [0, 4.0, 2.0, 6.0, 5.0],
        ],
        dtype=dtype,
    )


def _hat_mean(start: float, end: float, cell: int) -> float:
    """Mean of max(0, 1 - |u - cell|) over [start, end], piece by piece (Simpson is exact)."""
    knots = sorted({start, end, *(k for k in (cell - 1, cell, cell + 1) if start < k < end)})
    total = 0.0
    for a, b in itertools.pairwise(knots):
        values = [max(0.0, 1.0 - abs(u - cell)) for u in (a, (a + b) / 2, b)]
        total += (b - a) / 6 * (values[0] + 4 * values[1] + values[2])
    return total / (end - start)


def _pool_by_loops(features: Tensor, rois: Tensor, bins: tuple[int, int]) -> Tensor:
    """The definition, one bin and one cell at a time."""
    _, channels, height, width = features.shape
    output = features.new_zeros(len(rois), channels, *bins)
    for k, (index, x1, y1, x2, y2) in enumerate(rois.tolist()):
        for p in range(bins[0]):
            y = [y1 + (y2 - y1) * q / bins[0] for q in (p, p + 1)]
            for q in range(bins[1]):
                x = [x1 + (x2 - x1) * r / bins[1] for r in (q, q + 1)]
                for i in range(height):
                    for j in range(width):
                        weight = _hat_mean(*y, i) * _hat_mean(*x, j)
                        output[k, :, p, q] += weight * features[int(index), :, i, j]
    return output


class TestPrRoIPool:
    @pytest.mark.parametrize(
        'dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64]
    )
    def test_smoke(self, device, dtype):
        output = prroi_pool(_maps(2, 3, 7, 9, dtype=dtype), _rois(torch.float32), 3)
        assert output.shape == (5, 3, 3, 3)
        assert output.dtype == dtype
        assert output.device == device
        assert torch.isfinite(output).all()

    def test_no_box(self):
        assert prroi_pool(_maps(2, 3, 7, 9), _rois()[:0], (2, 3)).shape == (0, 3, 2, 3)

    def test_exceptions(self):
        features, rois = _maps(2, 3, 7, 9), _rois()
        with pytest.raises(TypeError, match='features: must be floating-point'):
            prroi_pool(features.long(), rois, 3)
        with pytest.raises(ValueError, match=r'rois: expected shape \(K, 5\), got \(5, 4\)'):
            prroi_pool(features, rois[:, 1:], 3)
        with pytest.raises(ValueError, match='holds 1 images; pass indices from 0 to 0'):
            prroi_pool(features[:1], rois, 3)

    def test_against_loops(self):
        features, rois = _maps(2, 3, 7, 9), _rois()
        expected = _pool_by_loops(features, rois, (2, 3))
        torch.testing.assert_close(prroi_pool(features, rois, (2, 3)), expected)

    def test_against_a_dense_sum_of_bilinear_samples(self):
        """grid_sample's zero padding is the same interpolation, written by someone else."""
        features, rois, samples = _maps(2, 3, 7, 9), _rois(), 400
        steps = (torch.arange(samples, dtype=torch.float64) + 0.5) / samples
        for roi, pooled in zip(rois, prroi_pool(features, rois, 2), strict=True):
            x = roi[1] + (roi[3] - roi[1]) * steps
            y = roi[2] + (roi[4] - roi[2]) * steps
            grid_y, grid_x = torch.meshgrid(
                (2 * y + 1) / 7 - 1, (2 * x + 1) / 9 - 1, indexing='ij'
            )
            grid = torch.stack((grid_x, grid_y), dim=-1)
            sampled = nn.functional.grid_sample(
                features[int(roi[0])][None], grid[None], align_corners=False
            )
            mean = nn.functional.avg_pool2d(sampled, samples // 2)[0]
            torch.testing.assert_close(pooled, mean, atol=2e-4, rtol=0)

    def test_a_constant_map_is_kept_inside_and_fades_at_the_border(self):
        features = torch.ones(1, 1, 6, 6)
        rois = torch.tensor([[0, 0.2, 1.1, 4.9, 4.0], [0, -1.0, 0.0, 0.0, 5.0]])
        output = prroi_pool(features, rois, 1).flatten()
        torch.testing.assert_close(output, torch.tensor([1.0, 0.5]))

    def test_spatial_scale_is_a_change_of_unit(self):
        features, rois = _maps(2, 3, 7, 9), _rois()
        in_pixels = torch.cat((rois[:, :1], rois[:, 1:] * 16), dim=1)
        torch.testing.assert_close(
            prroi_pool(features, in_pixels, 3, 1 / 16), prroi_pool(features, rois, 3)
        )

    def test_boxes_per_image_equal_indexed_rois(self):
        features, boxes = _maps(2, 3, 7, 9), 4 + 3 * _maps(2, 6, 4, seed=1)
        index = torch.arange(2, dtype=boxes.dtype).view(2, 1, 1).expand(2, 6, 1)
        rois = torch.cat((index, boxes), dim=2).flatten(0, 1)
        torch.testing.assert_close(
            prroi_pool_boxes(features, boxes, 2).flatten(0, 1), prroi_pool(features, rois, 2)
        )

    def test_gradcheck(self):
        features = _maps(2, 2, 5, 6).requires_grad_()
        rois = _rois()
        index, boxes = rois[:, :1], rois[:, 1:].clone().requires_grad_()
        assert gradcheck(
            lambda f, b: prroi_pool(f, torch.cat((index, b), dim=1), (3, 2), 0.9),
            (features, boxes),
        )

    @pytest.mark.parametrize(
        'box',
        [
            (1.0, 1.0, 1.0, 3.0),
            (3.0, 3.0, 2.0, 2.0),
            (1.0, 1.0, 1.0 + 1e-7, 3.0),
            (float('nan'), 1.0, 2.0, 3.0),
            (-3e38, 0.0, 3e38, 3.0),
        ],
    )
    def test_a_box_without_area_is_zero_with_zero_gradient(self, box):
        features = _maps(1, 2, 5, 6, dtype=torch.float32).requires_grad_()
        rois = torch.tensor([[0.0, *box]], requires_grad=True)
        output = prroi_pool(features, rois, 2)
        output.sum().backward()
        assert not output.any()
        assert not features.grad.any()
        assert not rois.grad.any()

    def test_a_bad_box_leaves_the_others_alone(self):
        features, rois = _maps(2, 3, 7, 9), _rois()
        broken = rois.clone()
        broken[2, 1:] = float('nan')
        expected = prroi_pool(features, rois, 2)
        expected[2] = 0
        torch.testing.assert_close(prroi_pool(features, broken, 2), expected)

    @pytest.mark.parametrize('size', [1e-2, 1e-5])
    def test_a_tiny_box_approaches_the_value_at_its_place(self, size):
        features = _maps(1, 1, 40, 40, dtype=torch.float32)
        rois = torch.tensor([[0.0, 30.25, 30.25, 30.25 + size, 30.25 + size]])
        corner = features[0, 0, 30:32, 30:32]
        weights = torch.tensor([0.75, 0.25])
        expected = weights @ corner @ weights
        pooled = prroi_pool(features, rois, 1).item()
        assert pooled == pytest.approx(expected.item(), abs=0.02)

    @pytest.mark.parametrize(
        ('dtype', 'tolerance'), [(torch.float16, 2e-3), (torch.bfloat16, 2e-2)]
    )
    def test_half_precision_loses_no_more_than_its_rounding(self, dtype, tolerance):
        features = _maps(2, 3, 7, 9)
        expected = prroi_pool(features.to(dtype).double(), _rois(), 3)
        output = prroi_pool(features.to(dtype), _rois(torch.float32), 3)
        torch.testing.assert_close(output.double(), expected, atol=tolerance, rtol=tolerance)

    @pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
    def test_autocast_does_not_round_it(self, dtype):
        features, rois = _maps(2, 3, 7, 9).float(), _rois(torch.float32)
        with torch.autocast('cpu', dtype):
            pooled = prroi_pool(features, rois, 3)
        assert torch.equal(pooled, prroi_pool(features, rois, 3))

    def test_module_has_the_constructor_of_mmcv(self):
        module = PrRoIPool(output_size=(2, 3), spatial_scale=0.5)
        features, rois = _maps(2, 3, 7, 9), _rois()
        torch.testing.assert_close(module(features, rois), prroi_pool(features, rois, (2, 3), 0.5))
        assert repr(module) == 'PrRoIPool(output_size=(2, 3), spatial_scale=0.5)'
