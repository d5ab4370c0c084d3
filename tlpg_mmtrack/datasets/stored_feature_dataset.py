# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Training samples whose backbone maps were computed beforehand."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmtrack.registry import DATASETS
from mmtrack.structures import TrackDataSample
from torch import Tensor
from torch.utils.data import Dataset

from tlpg_mmtrack.utils.option_rules import checked, whole

from .feature_store import FeatureStore


@DATASETS.register_module()
class StoredFeatureDataset(Dataset):
    """Draws template and search crops from the samples of a feature store.

    It has ``NUM_SAMPLES`` numbered samples, far more than are stored, for mmtrack's
    ``QuotaSampler``: number ``i`` is the stored sample ``i`` modulo their count, each time with
    other crops of it as templates. Which ones depends on ``seed`` and ``i`` alone.

    A sample is a dict of ``inputs`` (``template`` and ``search``, each a list of float32 maps
    (frames, C, H, W), one a level) and ``data_samples``, a ``TrackDataSample`` with
    ``gt_instances.bboxes`` and ``search_gt_instances.bboxes``, (frames, 4) each, (x1, y1, x2, y2)
    in crop pixels.

    Args:
        folder: Folder that tools/store_features.py wrote.
        num_template_frames: Template crops of a sample.
        num_search_frames: Search crops; beyond the stored ones, template crops that are not used
            as templates.
        seed: Seed of the choice of crops.

    Raises:
        FileNotFoundError: When the folder is no store.
        ValueError: When the store is incomplete or has too few crops a sample.
    """

    NUM_SAMPLES = 2**20

    @checked(num_template_frames=whole(1), num_search_frames=whole(1), seed=whole(0))
    def __init__(
        self,
        folder: str,
        num_template_frames: int = 2,
        num_search_frames: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.store = FeatureStore(folder)
        self.num_template_frames = num_template_frames
        self.num_search_frames = num_search_frames
        self.seed = seed
        missing = len(self.store.missing())
        if missing:
            raise ValueError(
                f'folder: {folder} lacks {missing} of {self.store.manifest.samples} samples; run '
                'tools/store_features.py again, it goes on where it stopped'
            )
        manifest = self.store.manifest
        if (
            not 1 <= num_template_frames <= manifest.template_frames
            or not 1 <= num_search_frames <= manifest.frames - num_template_frames
        ):
            raise ValueError(
                f'num_template_frames, num_search_frames: got {num_template_frames} and '
                f'{num_search_frames}, but each sample of {folder} has '
                f'{manifest.template_frames} and {manifest.search_frames}'
            )

    @property
    def metainfo(self) -> dict:
        """No meta information; mmengine's runner reads it."""
        return {}

    def full_init(self) -> None:
        """Nothing to load: the files are mapped."""

    def __len__(self) -> int:
        return self.NUM_SAMPLES

    def _choose(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Template and search crops of one sample."""
        templates = rng.permutation(self.store.manifest.template_frames)
        search = np.arange(self.store.manifest.template_frames, self.store.manifest.frames)
        others = np.concatenate((search, templates[self.num_template_frames :]))
        return templates[: self.num_template_frames], others[: self.num_search_frames]

    def __getitem__(self, index: int) -> dict:
        chosen = self._choose(np.random.default_rng((self.seed, index)))
        number = index % self.store.manifest.samples
        sample = TrackDataSample()
        names = ('gt_instances', 'search_gt_instances')
        for name, frames in zip(names, chosen, strict=True):
            boxes = torch.from_numpy(self.store.boxes[number][frames])
            setattr(sample, name, InstanceData(bboxes=boxes))
        template, search = (self._maps(number, frames) for frames in chosen)
        return dict(inputs=dict(template=template, search=search), data_samples=sample)

    def _maps(self, number: int, frames: np.ndarray) -> list[Tensor]:
        return [torch.from_numpy(level[number, frames]).float() for level in self.store.maps]
