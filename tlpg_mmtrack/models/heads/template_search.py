# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What heads share that hold a search crop's backbone maps against a template's."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

GROUP = 16
"""Channels that are normalised together."""


def check_levels(head: str, in_channels: Sequence[int], **per_level: Sequence[float]) -> None:
    """Raise a ValueError unless every argument has one entry a level.

    Args:
        head: Name of the head's class.
        in_channels: Channels of each level's map.
        **per_level: The other arguments.
    """
    for name, values in per_level.items():
        if len(values) != len(in_channels):
            raise ValueError(
                f'{head}.{name}: expected {len(in_channels)} entries, one for each of '
                f'in_channels {tuple(in_channels)}, got {tuple(values)}'
            )


def check_feats(head: str, in_channels: tuple[int, ...], feats: Sequence[Tensor]) -> None:
    """Raise a ValueError unless there is one map (B, C_l, H_l, W_l) for each level."""
    got = tuple(feat.shape[1] for feat in feats)
    if got != in_channels:
        raise ValueError(
            f'{head}.in_channels: configured for maps of {in_channels} channels, got {got}; '
            f'pass those maps, or set in_channels={got}'
        )


def searches_per_template(template_boxes: Tensor, search_boxes: Tensor) -> int:
    """Number of search crops for each template, from the (B, 4) and (B * T, 4) boxes.

    Raises:
        ValueError: If the search crops are not a multiple of the templates.
    """
    num_templates, num_search = len(template_boxes), len(search_boxes)
    if num_search % num_templates:
        raise ValueError(
            f'search_boxes: expected the same number for each of the {num_templates} '
            f'templates, got {num_search} in all'
        )
    return num_search // num_templates


def conv(in_channels: int, out_channels: int, kernel_size: int = 3) -> nn.Sequential:
    """Convolution that keeps the size, group norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False),
        nn.GroupNorm(out_channels // GROUP, out_channels),
        nn.ReLU(inplace=True),
    )
