# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Arrays of one element as numbers, which numpy 2.4 no longer takes them for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np


class _ScalarLike(np.ndarray):
    """An array that ``float`` and ``int`` take where it has one element, of any shape."""

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())


def allow_one_element_arrays() -> None:
    """Let mmtrack's crops run on numpy 2.4 and later.

    ``SeqCropLikeStark`` and ``CropLikeDiMP`` call ``math.sqrt`` and ``int`` on arrays of one
    element. The boxes that they crop around are passed as arrays which allow it.
    """
    from mmtrack.datasets.transforms import CropLikeDiMP, SeqCropLikeStark

    for owner, name in ((SeqCropLikeStark, 'crop_like_stark'), (CropLikeDiMP, 'crop_like_dimp')):
        crop = getattr(owner, name)
        if not hasattr(crop, '__wrapped__'):
            setattr(owner, name, _with_scalar_like_box(crop))


def _with_scalar_like_box(crop: Callable[..., Any]) -> Callable[..., Any]:
    """A method (img, bbox, ...) that is given its box as :class:`_ScalarLike`."""

    @functools.wraps(crop)
    def wrapped(self: Any, img: np.ndarray, bbox: np.ndarray, *args: Any, **kwargs: Any) -> Any:
        return crop(self, img, np.asarray(bbox).view(_ScalarLike), *args, **kwargs)

    return wrapped
