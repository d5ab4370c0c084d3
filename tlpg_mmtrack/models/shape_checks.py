# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Whether the parts of a model fit together, found out while it is built.

mmtrack's models let the first image show it. Here the maps of a backbone are asked for, or
computed once on an empty image, and each part is checked against those it will get.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmtrack.registry import MODELS
from torch import Tensor, nn

from tlpg_mmtrack.utils.errors import InputError

PROBE_SIZE = 256  #: Side of the empty image in pixels: at stride 32 the maps still have 8 cells.


class MapShape(NamedTuple):
    """What one feature map is, whatever the image's size; a pixel's centre is its index."""

    channels: int
    stride: int  #: Image pixels between neighbouring cells.
    cell_offset: float | None = None  #: Image pixel of cell 0's centre, where it is declared.


def backbone_shapes(backbone: nn.Module) -> tuple[MapShape, ...]:
    """The maps of a backbone: as it declares them in ``feature_info``, else by running it."""
    declared = getattr(backbone, 'feature_info', None)
    return declared or _run(backbone, torch.zeros(1, 3, PROBE_SIZE, PROBE_SIZE))


def neck_shapes(neck: nn.Module, levels: Sequence[MapShape]) -> tuple[MapShape, ...]:
    """The maps of a neck that takes a backbone's; an InputError if it does not take these."""
    try:
        maps = _run(neck, empty_maps(levels))
    except (AssertionError, IndexError, RuntimeError, InputError) as error:
        got = tuple(level.channels for level in levels)
        raise InputError(
            f'{type(neck).__name__}: in_channels is {getattr(neck, "in_channels", None)}, but the '
            f'backbone returns {len(got)} maps of {got} channels; set neck.in_channels to these, '
            f"or the backbone's levels ({error})"
        ) from error
    # A neck leaves the cells of a stride where they are.
    offsets = {level.stride: level.cell_offset for level in levels}
    return tuple(level._replace(cell_offset=offsets.get(level.stride)) for level in maps)


def empty_maps(shapes: Sequence[MapShape]) -> list[Tensor]:
    """Zeros (1, C, H, W) of these shapes, as of an image of ``PROBE_SIZE``."""
    return [torch.zeros(1, shape.channels, *[PROBE_SIZE // shape.stride] * 2) for shape in shapes]


def require_levels(part: str, key: str, shapes: Sequence[MapShape], count: int) -> None:
    """Raise an InputError unless a part returns enough maps; ``key`` would change their number."""
    if len(shapes) < count:
        raise InputError(
            f'{part}: {count} maps are needed, got {len(shapes)} of strides '
            f'{tuple(shape.stride for shape in shapes)}; set {key}'
        )


def require(part: str, key: str, value: Any, got: Any, source: str) -> None:
    """Raise an InputError unless a part's value of a key is what its source gives."""
    if value != got:
        raise InputError(f'{part}: {key} is {value}, but {source} is {got}; set {key}={got}')


def check_maps(part: nn.Module, *maps: MapShape) -> None:
    """Raise an InputError unless a component fits the map that it will get, or the several maps.

    Its ``in_channels`` and ``grid``, or ``grids``, are compared, where it has them.
    """
    several = len(maps) > 1
    plural, whose = ('s', "its maps'") if several else ('', "its map's")
    grids = getattr(part, 'grids', []) if several else [getattr(part, 'grid', None)]
    for field, key, what in (
        ('channels', 'in_channels', 'number of channels'),
        ('stride', f'stride{plural}', 'stride'),
        ('cell_offset', f'cell_offset{plural}', 'first cell'),
    ):
        value = getattr(part, key, None)
        if value is None:
            value = [getattr(grid, field, None) for grid in grids]
            value = value if several else value[0]
        got = [getattr(level, field) for level in maps]
        if value in (None, []) or None in got:
            continue
        value, got = (tuple(value), tuple(got)) if several else (value, got[0])
        require(type(part).__name__, key, value, got, f'{whose} {what}')


def complete(config: dict, **found: Any) -> dict:
    """A component's config, where it has no such key, or None there, with what was found."""
    return {**config, **{key: found[key] for key in found if config.get(key) is None}}


def build_with(config: dict, **found: Any) -> nn.Module:
    """Build a component from its config after :func:`complete`."""
    return MODELS.build(complete(config, **found))


def _run(module: nn.Module, inputs: Any) -> tuple[MapShape, ...]:
    """Shapes of the maps of an image of ``PROBE_SIZE``; no statistic of batch norm changes."""
    training = module.training
    module.eval()
    with torch.no_grad():
        maps = module(inputs)
    module.train(training)
    # Without padding a map is a little smaller than its stride says; strides are powers of two.
    return tuple(
        MapShape(level.shape[1], 2 ** round(math.log2(PROBE_SIZE / level.shape[-1])))
        for level in maps
    )
