# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Deformable correlation against a plain loop, autograd and mmcv's compiled operator."""

from __future__ import annotations

import math

import pytest
import torch
from mmcv.ops import deform_conv2d
from mmcv.utils.ext_loader import check_ops_exist
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from tlpg_mmtrack.compat.compiled_ops import MissingOperatorError
from tlpg_mmtrack.ops import (
    BilinearSampler,
    deformable_correlation,
    kernel_points,
    kernel_sampler,
    project,
    project_transpose,
)

needs_compiled_mmcv = pytest.mark.skipif(
    not check_ops_exist(),
    reason='mmcv has no compiled operators here; `make test MMCV=full` compares with them',
)


def _case(
    seed: int,
    size: tuple[int, int] = (5, 4),
    batch: int = 2,
    channels: int = 3,
    kernel: int = 3,
    reach: float = 1.5,
    dtype: torch.dtype = torch.float64,
) -> tuple[Tensor, Tensor, Tensor]:
    """Features, filter and offsets that lead up to ``reach`` cells away, off the grid lines."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    features, weight = draw(batch, channels, *size), draw(1, channels, kernel, kernel)
    offsets = draw(batch, 2 * kernel**2, *size).clamp(-2, 2) / 2 * reach
    # Bilinear interpolation has no derivative on the grid lines: stay a tenth of a cell away.
    offsets = offsets.floor() + 0.1 + 0.8 * (offsets - offsets.floor())
    return features.to(dtype), weight.to(dtype), offsets.to(dtype)


def _read(channel_map: Tensor, y: float, x: float) -> float:
    """One bilinear reading of an (H, W) map, zero outside."""
    value = 0.0
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < channel_map.shape[0] and 0 <= column < channel_map.shape[1]:
                share = (1 - abs(y - row)) * (1 - abs(x - column))
                value += share * channel_map[row, column].item()
    return value


def _loop(features: Tensor, weight: Tensor, offsets: Tensor) -> Tensor:
    """Eq. 1 as it is written, one multiplication at a time."""
    batch, channels, height, width = features.shape
    kernel = weight.shape[-1]
    scores = torch.zeros(batch, 1, height, width, dtype=features.dtype)
    for n in range(batch):
        for i in range(height):
            for j in range(width):
                for k in range(kernel**2):
                    dy, dx = offsets[n, 2 * k : 2 * k + 2, i, j].tolist()
                    y = i + k // kernel - kernel // 2 + dy
                    x = j + k % kernel - kernel // 2 + dx
                    for c in range(channels):
                        value = _read(features[n, c], y, x)
                        scores[n, 0, i, j] += weight[0, c].flatten()[k] * value
    return scores


class TestSmoke:
    @pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
    def test_half_precision_is_close_to_double(self, dtype):
        case = _case(0, dtype=dtype)
        expected = deformable_correlation(*(value.double() for value in case))
        error = (deformable_correlation(*case).double() - expected).abs().max()
        assert error < 20 * torch.finfo(dtype).eps * expected.abs().max()

    @pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
    def test_half_precision_finds_the_cells_of_a_large_map(self, dtype):
        """Cells are counted in whole numbers, which half precision lacks beyond 256 or 2048."""
        generator = torch.Generator().manual_seed(0)
        features = torch.rand(1, 1, 48, 48, generator=generator).to(dtype)
        weight = torch.zeros(1, 1, 3, 3, dtype=dtype)
        weight[..., 1, 1] = 1
        scores = deformable_correlation(features, weight, torch.zeros(1, 18, 48, 48, dtype=dtype))
        assert torch.equal(scores, features)

    def test_works_without_autograd(self):
        with torch.inference_mode():
            assert deformable_correlation(*_case(0)).isfinite().all()


class TestException:
    def test_a_filter_must_have_one_output_channel(self):
        features, weight, offsets = _case(0)
        with pytest.raises(ValueError, match=r'weight: expected \(1, C, k, k\).*got \(2, 3, 3, 3'):
            deformable_correlation(features, weight.repeat(2, 1, 1, 1), offsets)

    def test_a_filter_must_be_odd(self):
        features, weight, offsets = _case(0)
        with pytest.raises(ValueError, match=r'weight: .*odd k, got \(1, 3, 2, 2\)'):
            deformable_correlation(features, weight[..., :2, :2], offsets)

    def test_offsets_must_fit(self):
        features, weight, offsets = _case(0)
        message = r'offsets: expected \(2, 18, 5, 4\), got \(2, 17, 5, 4\)'
        with pytest.raises(ValueError, match=message):
            deformable_correlation(features, weight, offsets[:, :-1])

    def test_an_unknown_backend_is_named(self):
        with pytest.raises(ValueError, match="backend: expected 'torch' or 'mmcv', got 'cudnn'"):
            deformable_correlation(*_case(0), backend='cudnn')

    @pytest.mark.skipif(check_ops_exist(), reason='mmcv has compiled operators here')
    def test_mmcv_without_compiled_operators_says_so(self):
        with pytest.raises(MissingOperatorError, match='MMCV=full'):
            deformable_correlation(*_case(0, dtype=torch.float32), backend='mmcv')


class TestValue:
    @pytest.mark.parametrize(
        ('size', 'reach', 'kernel'),
        [((4, 6), 0.5, 1), ((4, 6), 3.0, 3), ((5, 3), 30.0, 3), ((1, 1), 0.5, 5)],
    )
    def test_equals_the_loop(self, size, reach, kernel):
        case = _case(1, size=size, reach=reach, kernel=kernel)
        torch.testing.assert_close(deformable_correlation(*case), _loop(*case))

    def test_without_offsets_it_is_a_convolution(self):
        features, weight, offsets = _case(2, size=(7, 6), kernel=5)
        expected = torch.nn.functional.conv2d(features, weight, padding=2)
        scores = deformable_correlation(features, weight, torch.zeros_like(offsets))
        torch.testing.assert_close(scores, expected)

    def test_one_cell_to_the_right_reads_the_cell_on_the_right(self):
        features = torch.arange(12.0).view(1, 1, 3, 4)
        offsets = torch.tensor([0.0, 1.0]).view(1, 2, 1, 1).expand(1, 2, 3, 4)
        scores = deformable_correlation(features, torch.ones(1, 1, 1, 1), offsets)
        assert torch.equal(scores[..., :-1], features[..., 1:])
        assert not scores[..., -1].any()

    @pytest.mark.parametrize('far', [1e3, float('inf')])
    def test_far_outside_is_zero_with_no_gradient(self, far):
        features, weight, offsets = _case(0)
        offsets = torch.full_like(offsets, far)
        leaves = [value.requires_grad_() for value in (features, weight, offsets)]
        scores = deformable_correlation(*leaves)
        assert not scores.any()
        for gradient in torch.autograd.grad(scores.sum(), leaves):
            assert not gradient.any()

    def test_a_nan_offset_spoils_its_own_cell_only(self):
        features, weight, offsets = _case(0)
        expected = deformable_correlation(features, weight, offsets)
        offsets[1, 4, 2, 3] = float('nan')
        scores = deformable_correlation(features, weight, offsets)
        spoilt = torch.zeros_like(scores, dtype=torch.bool)
        spoilt[1, 0, 2, 3] = True
        assert torch.equal(scores.isnan(), spoilt)
        torch.testing.assert_close(scores[~spoilt], expected[~spoilt])


class TestGradcheck:
    @pytest.mark.parametrize('reach', [1.0, 4.0])
    def test_features_weight_and_offsets(self, reach):
        case = _case(3, size=(3, 4), batch=1, channels=2, reach=reach)
        leaves = [value.requires_grad_() for value in case]
        assert gradcheck(deformable_correlation, leaves)

    def test_twice(self):
        leaves = [value.requires_grad_() for value in _case(4, size=(2, 3), batch=1, channels=2)]
        assert gradgradcheck(deformable_correlation, leaves)


def _values_and_gradients(case: tuple[Tensor, Tensor, Tensor], backend: str) -> list[Tensor]:
    leaves = [value.clone().requires_grad_() for value in case]
    scores = deformable_correlation(*leaves, backend=backend)
    generator = torch.Generator().manual_seed(9)
    cotangent = torch.randn(scores.shape, generator=generator, dtype=torch.float64)
    return [scores, *torch.autograd.grad(scores, leaves, cotangent.to(scores.dtype))]


@needs_compiled_mmcv
class TestMmcvParity:
    @pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
    @pytest.mark.parametrize('size', [(6, 8), (7, 5)])
    @pytest.mark.parametrize('reach', [0.5, 3.0, 40.0])
    @pytest.mark.parametrize('kernel', [3, 5])
    def test_values_and_gradients(self, dtype, size, reach, kernel):
        case = _case(5, size=size, channels=6, reach=reach, kernel=kernel, dtype=dtype)
        ours = _values_and_gradients(case, 'torch')
        theirs = _values_and_gradients(case, 'mmcv')
        tolerance = dict(rtol=1e-10, atol=1e-10)
        if dtype is torch.float32:
            tolerance = dict(rtol=1e-4, atol=1e-4)
        for name, own, other in zip(
            ('scores', 'features', 'weight', 'offsets'), ours, theirs, strict=True
        ):
            torch.testing.assert_close(own, other, **tolerance, msg=lambda m, n=name: f'{n}: {m}')

    def test_the_backend_is_mmcv_s_operator(self):
        features, weight, offsets = _case(6, dtype=torch.float32)
        expected = deform_conv2d(features, offsets, weight, 1, 1)
        scores = deformable_correlation(features, weight, offsets, backend='mmcv')
        assert torch.equal(scores, expected)

    @pytest.mark.parametrize('batch', [37, 50])
    def test_a_batch_that_32_does_not_divide(self, batch):
        case = _case(7, batch=batch, dtype=torch.float32)
        expected = deformable_correlation(*case)
        torch.testing.assert_close(deformable_correlation(*case, backend='mmcv'), expected)

    def test_maps_with_channels_last_are_taken_too(self):
        features, weight, offsets = _case(0, dtype=torch.float32)
        expected = deformable_correlation(features, weight, offsets, backend='mmcv')
        features, offsets = (
            maps.contiguous(memory_format=torch.channels_last) for maps in (features, offsets)
        )
        scores = deformable_correlation(features, weight, offsets, backend='mmcv')
        torch.testing.assert_close(scores, expected)


def _sampler(
    seed: int, size: tuple[int, int] = (5, 4), batch: int = 2, points: int = 3, places: int = 7
) -> tuple[BilinearSampler, Tensor, Tensor]:
    """A sampler at positions inside and outside a map, with the positions."""
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, points, places)
    rows = 3 * size[0] * (torch.rand(shape, generator=generator, dtype=torch.float64) - 0.3)
    columns = 3 * size[1] * (torch.rand(shape, generator=generator, dtype=torch.float64) - 0.3)
    rows[..., :3] %= size[0] - 1
    columns[..., :3] %= size[1] - 1
    return BilinearSampler.at(rows, columns, size), rows, columns


class TestBilinearSampler:
    @pytest.mark.parametrize('size', [(5, 4), (2, 9)])
    def test_splat_is_the_transpose_of_sample(self, size):
        """<S x, y> = <x, S' y>."""
        sampler, rows, _ = _sampler(0, size)
        generator = torch.Generator().manual_seed(1)
        maps = torch.randn(2, 3, size[0] * size[1], generator=generator, dtype=torch.float64)
        values = torch.randn(rows.shape, generator=generator, dtype=torch.float64)
        forth = (sampler.sample(maps) * values).sum()
        back = (maps * sampler.splat(values)).sum()
        torch.testing.assert_close(forth, back)
        assert forth != 0

    def test_derivative_equals_autograd_s(self):
        _, rows, columns = _sampler(2)
        rows.requires_grad_()
        columns.requires_grad_()
        sampler = BilinearSampler.at(rows, columns, (5, 4))
        generator = torch.Generator().manual_seed(3)
        maps = torch.randn(2, 3, 20, generator=generator, dtype=torch.float64)
        expected = torch.autograd.grad(sampler.sample(maps).sum(), (rows, columns))
        for own, other in zip(sampler.derivative(maps), expected, strict=True):
            torch.testing.assert_close(own, other)
        assert expected[0].any()

    def test_kernel_sampler_reads_at_every_cell_s_points(self):
        """A 'kernel' of one point, two rows up."""
        maps = torch.arange(12.0).view(1, 1, 12)
        sampler = kernel_sampler(torch.tensor([-2.0, 0.0]).view(1, 2, 1, 1).expand(-1, -1, 4, 3))
        read = sampler.sample(maps).view(4, 3)
        assert torch.equal(read[2:], maps.view(4, 3)[:2])
        assert not read[:2].any()


class TestProject:
    def _draw(self, batch: int = 2, frames: int = 3) -> tuple[Tensor, Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        shapes = ((batch, frames, 4, 3, 5), (batch, 4, 9), (batch * frames, 9, 15))
        return tuple(torch.randn(*s, generator=generator, dtype=torch.float64) for s in shapes)

    def test_transpose(self):
        """<P w, m> = <w, P' m>."""
        features, weight, maps = self._draw()
        forth = (project(features, weight) * maps).sum()
        torch.testing.assert_close(forth, (weight * project_transpose(features, maps)).sum())

    def test_each_sequence_has_its_own_filter(self):
        features, weight, _ = self._draw()
        together = project(features, weight)
        alone = [project(features[b : b + 1], weight[b : b + 1]) for b in range(2)]
        torch.testing.assert_close(together, torch.cat(alone))

    def test_one_entry_by_hand(self):
        features, weight, _ = self._draw()
        expected = (features[1, 2, :, 1, 3] * weight[1, :, 4]).sum()
        torch.testing.assert_close(project(features, weight)[1 * 3 + 2, 4, 1 * 5 + 3], expected)


def test_kernel_points_run_row_by_row():
    assert kernel_points(3).tolist() == [
        [-1, -1], [-1, 0], [-1, 1], [0, -1], [0, 0], [0, 1], [1, -1], [1, 0], [1, 1],
    ]  # fmt: skip
