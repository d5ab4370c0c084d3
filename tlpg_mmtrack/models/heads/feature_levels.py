# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What heads on several maps of the backbone share: IoU-Net and box regression."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from tlpg_mmtrack.structures import CellGrid

CHANNELS_PER_GROUP = 16
"""Of the group norm."""


def check_levels(name: str, in_channels: Sequence[int], **per_level: Sequence[float]) -> None:
    """Raise unless every argument of a head's constructor has one entry a level.

    Args:
        name: The head's.
        in_channels: Channels of the maps.
        **per_level: The other arguments.

    Raises:
        ValueError: Naming the head and the argument.
    """
    for key, values in per_level.items():
        if len(values) != len(in_channels):
            raise ValueError(
                f'{name}.{key}: expected {len(in_channels)} entries, one for each of '
                f'in_channels {tuple(in_channels)}, got {tuple(values)}'
            )


def level_grids(
    name: str,
    in_channels: Sequence[int],
    strides: Sequence[int],
    cell_offsets: Sequence[float] | None,
) -> tuple[CellGrid, ...]:
    """Where the cells of each of a head's maps lie on the crop.

    Args:
        name: The head's.
        in_channels: Channels of the maps.
        strides: Crop pixels per cell of each map.
        cell_offsets: Crop pixel of the centre of each map's cell 0; None for zeros.

    Raises:
        ValueError: Naming the head and the argument that has not one entry a level.
    """
    offsets = [0.0] * len(in_channels) if cell_offsets is None else cell_offsets
    check_levels(name, in_channels, strides=strides, cell_offsets=offsets)
    return tuple(map(CellGrid, strides, offsets))


def check_feats(head: nn.Module, feats: Sequence[Tensor]) -> None:
    """Raise unless there is one map for each of a head's ``in_channels``, with that many.

    Args:
        head: The head.
        feats: Maps (B, C_l, H_l, W_l).

    Raises:
        ValueError: Naming the head and what it got.
    """
    got = tuple(feat.shape[1] for feat in feats)
    if got != head.in_channels:
        raise ValueError(
            f'{type(head).__name__}.in_channels: configured for maps of {head.in_channels} '
            f'channels, got {got}; pass those maps, or set in_channels={got}'
        )


def search_crops_per_template(template_boxes: Tensor, search_boxes: Tensor) -> int:
    """T, the number of search crops of each sequence, of one template crop each.

    Args:
        template_boxes: (B, 4).
        search_boxes: (B * T, 4).

    Raises:
        ValueError: If there are not equally many for each.
    """
    templates, searches = len(template_boxes), len(search_boxes)
    if searches % templates:
        raise ValueError(
            f'search_boxes: expected the same number for each of the {templates} templates, '
            f'got {searches} in all'
        )
    return searches // templates


def conv_norm_relu(in_channels: int, out_channels: int, kernel_size: int = 3) -> nn.Sequential:
    """Convolution that keeps the map's size, group norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False),
        nn.GroupNorm(out_channels // CHANNELS_PER_GROUP, out_channels),
        nn.ReLU(inplace=True),
    )
