# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's data preprocessor, with a way through for stored features."""

from __future__ import annotations

from mmtrack.models import TrackDataPreprocessor
from mmtrack.registry import MODELS


@MODELS.register_module()
class TLPGDataPreprocessor(TrackDataPreprocessor):
    """Stacks images as mmtrack's does; stored features only change the device.

    It must not normalise: TLPG does, on its crops.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a collated batch of ``inputs`` and ``data_samples``."""
        if 'template' in data['inputs']:
            return self.cast_data(data)
        return super().forward(data, training)
