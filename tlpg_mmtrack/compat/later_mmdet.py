# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack on releases of mmdet later than those it was written for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..utils.errors import PackageError

#: A release of mmdet that mmtrack 1.0.0rc1 accepts.
ACCEPTED_MMDET_VERSION = '3.0.0rc6'


@contextmanager
def accepted_mmdet() -> Iterator[None]:
    """Let mmtrack be imported with mmdet 3.0.0 or later inside the ``with`` block.

    mmtrack asserts ``mmdet < 3.0.0``, and its STARK derives from a class that mmdet 3.0.0rc6
    removed, ``mmdet.models.layers.Transformer``: building one then raises PackageError. All else
    that mmtrack imports is in mmdet 3.3. After the block mmdet is as it was.

    Yields:
        Nothing.
    """
    import mmdet
    from mmdet.models import layers

    true_version = mmdet.__version__
    lacking = not hasattr(layers, 'Transformer')
    mmdet.__version__ = ACCEPTED_MMDET_VERSION
    if lacking:
        layers.Transformer = _AbsentTransformer
    try:
        yield
    finally:
        mmdet.__version__ = true_version
        if lacking:
            del layers.Transformer


class _AbsentTransformer:
    """Base class of mmtrack's ``StarkTransformer``, which it keeps from being built."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        import mmdet

        raise PackageError(
            f'STARK needs mmdet.models.layers.Transformer, which mmdet {mmdet.__version__} lacks: '
            'pip install mmdet==3.0.0rc5, in an environment of its own where other projects need '
            'a later one'
        )
