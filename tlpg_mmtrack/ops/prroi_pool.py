# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Precise RoI pooling in plain PyTorch, for any device and floating-point type.

A bin's value is the mean of the bilinearly interpolated map over it. Bilinear interpolation is a
product of two hat functions, so that mean is ``W_y F W_x^T``: a row of W holds the mean of each
cell's hat over the bin's side, which has a closed form. It is exact, and differentiable in the
features and in the boxes. ``mmcv.ops.PrRoIPool`` computes the same, for float32 on CUDA only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.utils import _pair


def prroi_pool(
    features: Tensor, rois: Tensor, output_size: int | tuple[int, int], spatial_scale: float = 1.0
) -> Tensor:
    """Pool boxes of any images of a batch, as ``mmcv.ops.PrRoIPool`` does.

    Args:
        features: (N, C, H, W) floating-point maps, zero outside; a cell's centre is its index.
        rois: (K, 5) rows of (image index, x1, y1, x2, y2).
        output_size: Bins per box, (Ph, Pw) or one number for both.
        spatial_scale: Factor from the boxes' unit to cells.

    Returns:
        (K, C, Ph, Pw), of the features' type. A box that has no area or is not finite gives 0 and
        has a zero gradient.

    Raises:
        TypeError: The features are not floating-point.
        ValueError: The boxes' shape is wrong, or an image index is outside the batch.
    """
    if rois.dim() != 2 or rois.shape[1] != 5:
        raise ValueError(
            f'rois: expected shape (K, 5), got {tuple(rois.shape)}; '
            'pass rows of (image index, x1, y1, x2, y2)'
        )
    num_images = features.shape[0]
    image = rois[:, 0].detach().long()
    if rois.shape[0] and not 0 <= int(image.min()) <= int(image.max()) < num_images:
        raise ValueError(
            f'rois: image indices run from {int(image.min())} to {int(image.max())}, but '
            f'features holds {num_images} images; pass indices from 0 to {num_images - 1}'
        )
    # One row of boxes per image, so that a few matrix products serve them all. The empty places of
    # a shorter row are boxes without area: they pool to zero.
    members = nn.functional.one_hot(image, num_images).cumsum(0)
    place = members.gather(1, image[:, None])[:, 0] - 1
    row_length = int(members[-1].max()) if rois.shape[0] else 0
    cells = rois[:, 1:].to(torch.promote_types(rois.dtype, torch.float32)) * spatial_scale
    boxes = cells.new_zeros(num_images, row_length, 4).index_put((image, place), cells)
    return prroi_pool_boxes(features, boxes, output_size)[image, place]


def prroi_pool_boxes(
    features: Tensor, boxes: Tensor, output_size: int | tuple[int, int]
) -> Tensor:
    """Pool R boxes, (x1, y1, x2, y2) in cells, of each image; otherwise as :func:`prroi_pool`.

    Of (N, C, H, W) features and (N, R, 4) boxes: (N, R, C, Ph, Pw), in memory with channels last.
    """
    if not features.is_floating_point():
        raise TypeError(f'features: must be floating-point, got {features.dtype}')
    num_images, channels, height, width = features.shape
    bins_y, bins_x = _pair(output_size)
    # Half precision cannot hold a coordinate of a 36-cell map to better than 1/64 of a cell.
    compute_dtype = torch.promote_types(features.dtype, torch.float32)
    boxes = boxes.to(compute_dtype)
    size = boxes[..., 2:] - boxes[..., :2]
    boxes = boxes.where(size.sum(dim=-1, keepdim=True).isfinite(), 0.0)
    start, end = boxes.split(2, dim=-1)
    if bins_y == bins_x and height == width:
        weights_x, weights_y = _bin_weights(start, end, bins_y, height).unbind(2)
    else:
        weights_x = _bin_weights(start[..., 0], end[..., 0], bins_x, width)
        weights_y = _bin_weights(start[..., 1], end[..., 1], bins_y, height)

    num_boxes = boxes.shape[1]
    # Channels last: both products are then batched matrix products that copy nothing large.
    rows = features.to(compute_dtype).permute(0, 2, 3, 1).reshape(num_images, height, -1)
    # Autocast would round the bins' weights.
    with torch.autocast(features.device.type, enabled=False):
        pooled = weights_y.reshape(num_images, num_boxes * bins_y, height) @ rows
        pooled = pooled.view(num_images, num_boxes, bins_y, width, channels)
        pooled = weights_x.unsqueeze(2) @ pooled
    return pooled.permute(0, 1, 4, 2, 3).to(features.dtype)


def _bin_weights(start: Tensor, end: Tensor, bins: int, length: int) -> Tensor:
    """(..., bins, length), mean of every cell's hat over every bin of (...) intervals, in cells.

    Zero where a bin has no length.
    """
    fractions = torch.linspace(0, 1, bins + 1, dtype=start.dtype, device=start.device)
    edges = torch.lerp(start[..., None], end[..., None], fractions)
    cells = torch.arange(length, dtype=start.dtype, device=start.device)
    offset = (edges[..., None] - cells).clamp(-1, 1)
    integral = offset - 0.5 * offset * offset.abs()
    # The distance between the rounded edges, not the exact bin: it bounds the rounding error of a
    # box far smaller than a cell.
    # Slices: `diff` has no counterpart in other runtimes.
    bin_length = edges[..., 1:] - edges[..., :-1]
    # Masked before the division: the gradient of 0 * (0 / 0) would be NaN.
    has_length = bin_length > torch.finfo(start.dtype).eps
    inverse = has_length / bin_length.where(has_length, 1.0)
    return (integral[..., 1:, :] - integral[..., :-1, :]) * inverse[..., None]


class PrRoIPool(nn.Module):
    """:func:`prroi_pool` with the constructor and call of ``mmcv.ops.PrRoIPool``."""

    def __init__(self, output_size: int | tuple[int, int], spatial_scale: float = 1.0) -> None:
        super().__init__()
        self.output_size = _pair(output_size)
        self.spatial_scale = float(spatial_scale)

    def forward(self, features: Tensor, rois: Tensor) -> Tensor:
        return prroi_pool(features, rois, self.output_size, self.spatial_scale)

    def extra_repr(self) -> str:
        return f'output_size={self.output_size}, spatial_scale={self.spatial_scale}'


class CompiledPrRoIPool(PrRoIPool):
    """``mmcv.ops.PrRoIPool`` for what it can pool, float32 on CUDA; PyTorch for the rest."""

    def __init__(self, output_size: int | tuple[int, int], spatial_scale: float = 1.0) -> None:
        super().__init__(output_size, spatial_scale)
        # Its kernels exist only in an mmcv that was built for CUDA.
        from mmcv.ops import PrRoIPool as CompiledPool

        self._compiled = CompiledPool(self.output_size, self.spatial_scale)

    def forward(self, features: Tensor, rois: Tensor) -> Tensor:
        if features.is_cuda and features.dtype == torch.float32:
            return self._compiled(features, rois)
        return super().forward(features, rois)
