# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Several training sets in chosen proportions, every sample a function of its number."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import numpy as np
from mmtrack.registry import DATASETS
from torch.utils.data import Dataset

from tlpg_mmtrack.utils.errors import CorpusWarning, InputError
from tlpg_mmtrack.utils.option_rules import Natural, NonNegative, checked

from .tracking_source import TrackingSource


@DATASETS.register_module()
class WeightedTrackingDataset(Dataset):
    """Draws each sample from one of several sets, by weight.

    It has ``NUM_SAMPLES`` numbered samples, far more than an epoch: give the data loader mmtrack's
    ``QuotaSampler(samples_per_epoch=...)``, which draws a different part of them each epoch.
    Sample ``i`` depends on ``seed`` and ``i`` alone, so neither the number of workers nor resuming
    changes what is trained on.

    Args:
        datasets: Configs (or instances) of ``TrackingImageDataset`` and ``TrackingVideoDataset``,
            each with its own pipeline.
        weights: Share of the samples that comes from each; scaled to a sum of 1. Equal if None.
        seed: Seed of all samples.
        on_unusable: ``'skip'``: files, objects and videos that cannot be used are left out, with a
            warning; ``'stop'``: the first one is an error, a ``CorpusWarning``.

    Raises:
        InputError: If weights do not fit the datasets, or many draws in a row are unusable.
    """

    NUM_SAMPLES = 2**20
    MAX_ATTEMPTS = 50

    @checked
    def __init__(
        self,
        datasets: Sequence[dict | TrackingSource],
        weights: Sequence[NonNegative] | None = None,
        seed: Natural = 0,
        on_unusable: Literal['skip', 'stop'] = 'skip',
    ) -> None:
        super().__init__()
        if not datasets:
            raise InputError('datasets: must name at least one dataset')
        weights = [1.0] * len(datasets) if weights is None else list(weights)
        if len(weights) != len(datasets) or sum(weights) <= 0.0:
            raise InputError(
                f'weights: need {len(datasets)} numbers >= 0 with a positive sum, got {weights}'
            )
        self.on_unusable = on_unusable
        with self._strict():
            self.datasets = [
                dataset if isinstance(dataset, TrackingSource) else DATASETS.build(dataset)
                for dataset in datasets
            ]
        self.probabilities = np.array(weights, dtype=np.float64) / sum(weights)
        self.seed = seed

    @property
    def metainfo(self) -> dict:
        """Meta information of the first set."""
        return self.datasets[0].metainfo

    def full_init(self) -> None:
        """Load the annotations of every set (before workers start, so that they share them)."""
        with self._strict():
            for dataset in self.datasets:
                dataset.full_init()

    def __len__(self) -> int:
        return self.NUM_SAMPLES

    @contextmanager
    def _strict(self) -> Iterator[None]:
        """With ``'stop'``, what is left out is an error, wherever it is noticed."""
        if self.on_unusable == 'skip':
            # Outside of catch_warnings, which would have the same file named again and again.
            yield
            return
        with warnings.catch_warnings():
            warnings.simplefilter('error', CorpusWarning)
            yield

    def __getitem__(self, index: int) -> dict:
        rng = np.random.default_rng((self.seed, index))

        def draw() -> tuple[TrackingSource, int]:
            dataset = self.datasets[rng.choice(len(self.datasets), p=self.probabilities)]
            return dataset, int(rng.integers(len(dataset)))

        def draw_sequence() -> dict:
            dataset, item = draw()
            return dataset.get_sequence(item)

        with self._strict():
            for _ in range(self.MAX_ATTEMPTS):
                dataset, item = draw()
                sample = dataset.sample(item, rng, draw_sequence)
                if sample is not None:
                    return sample
        raise InputError(
            f'sample {index}: {self.MAX_ATTEMPTS} draws in a row were unusable; the warnings '
            'above name the files'
        )
