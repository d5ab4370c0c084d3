# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Crops: where a pixel lands, at every scale, and beyond the border."""

from __future__ import annotations

import numpy as np
import pytest

from tlpg_mmtrack.ops.crop import contrast, crop_patch, warp


def _blob(size: tuple[int, int], center: tuple[float, float], sigma: float) -> np.ndarray:
    """A soft dot at a place between pixels; ``size`` is (width, height)."""
    x, y = np.arange(size[0]), np.arange(size[1])[:, None]
    blob = np.exp(-((x - center[0]) ** 2 + (y - center[1]) ** 2) / (2 * sigma**2))
    return np.repeat((255 * blob).round().astype(np.uint8)[..., None], 3, axis=2)


def _centroid(crop: np.ndarray) -> np.ndarray:
    weight = crop[..., 0].astype(np.float64)
    rows, columns = np.mgrid[: crop.shape[0], : crop.shape[1]]
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


class TestMapping:
    @pytest.mark.parametrize('side', [60.0, 150.0, 288.0, 420.5, 700.0, 1500.0])
    @pytest.mark.parametrize('center', [(500.0, 400.0), (510.3, 391.7)])
    def test_a_dot_lands_where_the_docstring_says(self, side, center):
        """From nearly five times enlarged to five times shrunk."""
        size = 288
        dot = np.array(center) + side * np.array([0.21, -0.13])
        frame = _blob((1003, 801), tuple(dot), sigma=max(3.0, side / 60))
        crop = crop_patch(frame, center, side, size)
        expected = (dot - center) * size / side + (size - 1) / 2
        assert crop.shape == (size, size, 3)
        np.testing.assert_allclose(_centroid(crop), expected, atol=0.1)

    @pytest.mark.parametrize('scale', [2.0, 0.9, 0.4, 0.21])
    @pytest.mark.parametrize('mirror', [1.0, -1.0])
    def test_a_dot_lands_where_the_matrix_says(self, scale, mirror):
        """Stretched, turned, mirrored and shrunk: the blocks' own shift is not forgotten."""
        turn = np.array([[0.8, -0.6], [0.6, 0.8]]) @ np.diag([1.2 * mirror, 1 / 1.2]) * scale
        dot = np.array([310.4, 255.8])
        expected = np.array([97.3, 110.6])
        matrix = np.concatenate((turn, (expected - turn @ dot)[:, None]), axis=1)
        crop = warp(_blob((640, 480), tuple(dot), sigma=4 / scale), matrix, 200, 210)
        assert crop.shape == (210, 200, 3)
        np.testing.assert_allclose(_centroid(crop), expected, atol=0.1)

    @pytest.mark.parametrize('shrink', [2, 3, 7, 20])
    def test_strong_shrinking_averages(self, shrink):
        """A chequerboard of single pixels turns grey instead of black or white."""
        board = (np.indices((720, 720)).sum(axis=0) % 2 * 255).astype(np.uint8)
        crop = crop_patch(np.repeat(board[..., None], 3, 2), (360, 360), 32 * shrink, 32)
        assert crop[2:-2, 2:-2].min() > 100
        assert crop[2:-2, 2:-2].max() < 155

    def test_at_its_own_scale_pixels_are_copied(self):
        frame = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        crop = crop_patch(frame, (40.5, 30.5), 32.0, 32)
        assert np.array_equal(crop, frame[15:47, 25:57])


class TestBorder:
    def test_border_pixels_are_repeated(self):
        frame = np.zeros((40, 40, 3), dtype=np.uint8)
        frame[:, 0], frame[:, -1] = 100, 200
        crop = crop_patch(frame, (19.5, 19.5), 96.0, 96)
        assert (crop[:, :29] == 100).all()
        assert (crop[:, -28:] == 200).all()

    @pytest.mark.parametrize('shape', [(1, 1), (1, 200), (200, 1), (3, 500)])
    @pytest.mark.parametrize('side', [10.0, 5000.0])
    def test_tiny_frames(self, shape, side):
        crop = crop_patch(np.full((*shape, 3), 7, dtype=np.uint8), (0, 0), side, 64)
        assert crop.shape == (64, 64, 3)
        assert (crop == 7).all()

    def test_far_outside_the_frame(self):
        crop = crop_patch(np.full((50, 50, 3), 9, dtype=np.uint8), (-900, 4000), 100, 64)
        assert (crop == 9).all()


class TestContrast:
    def test_it_is_the_deviation_of_the_tiles(self):
        """Half of the crop 40 levels lighter: 20 in every channel."""
        crop = np.full((64, 64, 3), 100, dtype=np.uint8)
        assert contrast(crop) == 0.0
        crop[:, 32:] += 40
        assert contrast(crop) == pytest.approx(20.0)
        crop[..., 0] = 7
        assert contrast(crop) == pytest.approx(40 / 3)

    def test_noise_hardly_counts(self):
        noise = np.random.default_rng(0).normal(128, 3, (256, 256, 3))
        assert contrast(noise.round().astype(np.uint8)) < 0.25
