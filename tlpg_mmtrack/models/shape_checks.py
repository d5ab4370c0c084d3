# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Whether the parts of a model fit together, found out while it is built.

mmtrack's models build their parts one by one and let the first image show whether they fit. Here
the maps of a backbone are asked for, or computed once on an empty image, and each part is checked
against the maps that it will get.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from mmtrack.registry import MODELS
from torch import Tensor, nn

PROBE_SIZE = 256
"""Side of the empty image in pixels: at stride 32 the maps still have 8 cells."""


class MapShape(NamedTuple):
    """What one feature map is, whatever the image's size.

    Attributes:
        channels: Channels of the map.
        stride: Image pixels between neighbouring cells.
        cell_offset: Image pixel of the centre of cell 0, on both axes, where the backbone declares
            it: cell ``j`` is centred on pixel ``stride * j + cell_offset``; pixel coordinate ``u``
            means the centre of pixel ``u``.
    """

    channels: int
    stride: int
    cell_offset: float | None = None


def declare_maps(backbone: nn.Module, maps: Sequence[MapShape]) -> None:
    """Set what a backbone of this project says of the maps that it returns.

    Args:
        backbone: It gets ``feature_info``, the maps, and as tuples ``out_channels``, ``strides``
            and ``cell_offsets`` of each; ``cell_offset`` is that of stride 16, or of the first.
        maps: The maps in the order in which they are returned.
    """
    backbone.feature_info = tuple(maps)
    backbone.out_channels, backbone.strides, backbone.cell_offsets = zip(*maps, strict=True)
    at = backbone.strides.index(16) if 16 in backbone.strides else 0
    backbone.cell_offset = backbone.cell_offsets[at]


def backbone_shapes(backbone: nn.Module) -> tuple[MapShape, ...]:
    """The maps of a backbone: as it declares them in ``feature_info``, else by running it.

    Args:
        backbone: Takes images (N, 3, H, W) and returns its maps.
    """
    declared = getattr(backbone, 'feature_info', None)
    if declared is not None:
        return declared
    with _evaluation(backbone):
        return _shapes(backbone(torch.zeros(1, 3, PROBE_SIZE, PROBE_SIZE)))


def neck_shapes(neck: nn.Module, levels: Sequence[MapShape]) -> tuple[MapShape, ...]:
    """The maps of a neck, which is checked against the maps that it gets.

    Args:
        neck: Takes a list of maps and returns maps.
        levels: The backbone's maps.

    Raises:
        ValueError: If the neck does not take these maps; names the neck, its key and the maps.
    """
    name = type(neck).__name__
    got = tuple(level.channels for level in levels)
    declared = getattr(neck, 'in_channels', None)
    if declared is not None and tuple(declared) != got:
        raise ValueError(
            f'{name}: in_channels is {tuple(declared)}, but the backbone returns {len(got)} maps '
            f"of {got} channels; set neck.in_channels to these, or the backbone's levels"
        )
    try:
        with _evaluation(neck):
            maps = _shapes(neck(empty_maps(levels)))
    except (AssertionError, IndexError, RuntimeError) as error:
        raise ValueError(
            f'{name}: in_channels does not fit, the backbone returns {len(got)} maps of {got} '
            f'channels: {error}'
        ) from error
    # A neck leaves the cells of a stride where they are.
    offsets = {level.stride: level.cell_offset for level in levels}
    return tuple(level._replace(cell_offset=offsets.get(level.stride)) for level in maps)


def empty_maps(shapes: Sequence[MapShape]) -> list[Tensor]:
    """Zeros (1, C, H, W) of the given shapes, as of an image of ``PROBE_SIZE``."""
    return [torch.zeros(1, shape.channels, *[PROBE_SIZE // shape.stride] * 2) for shape in shapes]


def require_levels(part: str, key: str, shapes: Sequence[MapShape], count: int) -> None:
    """Raise unless there are enough maps.

    Args:
        part: The component that returns the maps.
        key: Its key that would change their number.
        shapes: The maps.
        count: How many are needed.

    Raises:
        ValueError: If a level is missing.
    """
    if len(shapes) < count:
        raise ValueError(
            f'{part}: {count} maps are needed, got {len(shapes)} of strides '
            f'{tuple(shape.stride for shape in shapes)}; set {key}'
        )


def require(part: str, key: str, value: Any, got: Any, source: str) -> None:
    """Raise unless a component is configured for what it will get.

    Args:
        part: The component.
        key: The key that is wrong.
        value: Its value.
        got: What it should be.
        source: Where that comes from.

    Raises:
        ValueError: If the two differ.
    """
    if value != got:
        raise ValueError(f'{part}: {key} is {value}, but {source} is {got}; set {key}={got}')


def check_map(part: nn.Module, x: MapShape) -> None:
    """Raise unless a component, such as a :class:`DCCHead`, fits the map that it will get.

    Args:
        part: The component; what it does not have as an attribute is not asked about.
        x: The map.

    Raises:
        ValueError: Naming the component, the key and what was found.
    """
    grid = getattr(part, 'grid', None)
    for owner, key, got, what in (
        (part, 'in_channels', x.channels, 'number of channels'),
        (grid, 'stride', x.stride, 'stride'),
        (grid, 'cell_offset', x.cell_offset, 'first cell'),
    ):
        if got is not None and hasattr(owner, key):
            require(type(part).__name__, key, getattr(owner, key), got, f"its map's {what}")


def check_maps(part: nn.Module, levels: Sequence[MapShape]) -> None:
    """The same for a component that reads several maps, such as an :class:`IoUNetHead`.

    Args:
        part: The component.
        levels: The maps.

    Raises:
        ValueError: Naming the component, the key and what was found.
    """
    # mmtrack's IoU-Net has strides, and cannot be told where its first cells are.
    grids = getattr(part, 'grids', None)
    strides = part.strides if grids is None else [grid.stride for grid in grids]
    offsets = None if grids is None else [grid.cell_offset for grid in grids]
    for key, value, got, what in (
        ('in_channels', part.in_channels, [x.channels for x in levels], 'number of channels'),
        ('strides', strides, [x.stride for x in levels], 'strides'),
        ('cell_offsets', offsets, [x.cell_offset for x in levels], 'first cells'),
    ):
        if value is not None and None not in got:
            require(type(part).__name__, key, tuple(value), tuple(got), f"its maps' {what}")


def complete(config: dict, **found: Any) -> dict:
    """A component's config, with what it leaves out taken from what was found.

    Args:
        config: The component's config.
        **found: Values for where the config has no such key, or has None.
    """
    missing = {name: value for name, value in found.items() if config.get(name) is None}
    return {**config, **missing}


def build_with(config: dict, **found: Any) -> nn.Module:
    """Build a component from its config after :func:`complete`."""
    return MODELS.build(complete(config, **found))


@contextmanager
def _evaluation(module: nn.Module) -> Iterator[None]:
    """Run without gradients, in evaluation mode: no statistic of batch norm changes."""
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(training)


def _shapes(maps: Sequence[Tensor]) -> tuple[MapShape, ...]:
    """Shapes of the maps of an image of ``PROBE_SIZE``."""
    # Without padding a map is a little smaller than its stride says; strides are powers of two.
    return tuple(
        MapShape(level.shape[1], 2 ** round(math.log2(PROBE_SIZE / level.shape[-1])))
        for level in maps
    )
