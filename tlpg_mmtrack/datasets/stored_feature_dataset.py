# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Training on backbone maps that were computed beforehand: files, dataset, preprocessor."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmtrack.models import TrackDataPreprocessor
from mmtrack.registry import DATASETS, MODELS
from mmtrack.structures import TrackDataSample
from torch.utils.data import Dataset

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import CheckedOptions, Count, Natural


class FeatureStore:
    """Backbone maps, boxes and a flag for each sample, in memory-mapped ``.npy`` files.

    tools/store_features.py makes it. The maps are kept as float16: a thousandth of their size is
    lost by rounding. An InputError if the folder is no store, or a file is damaged.

    Attributes:
        manifest: Dict of ``samples``, their number; ``template_frames`` and ``search_frames``, the
            numbers of crops of each sample, templates first; ``shapes``, (C, H, W) of each of the
            backbone's maps; and ``source``, the SHA-256 of the configuration that made them.
        boxes: (samples, frames, 4) in crop pixels.
        written: (samples,), whether a sample is there.
        maps: Of each level (samples, frames, C, H, W).
    """

    def __init__(self, folder: Path | str, writable: bool = False) -> None:
        path = Path(folder) / 'manifest.json'
        if not path.is_file():
            raise InputError(
                f'{folder} holds no stored features; make them with tools/store_features.py'
            )
        try:
            self.manifest = json.loads(path.read_text())
            samples, templates, search, levels = (
                self.manifest[key]
                for key in ('samples', 'template_frames', 'search_frames', 'shapes')
            )
            head = (samples, templates + search)
            shapes = {'boxes': (*head, 4), 'written': (samples,)}
            shapes |= {f'level{number}': (*head, *level) for number, level in enumerate(levels)}
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(path, error) from error
        mode = 'r+' if writable else 'r'
        self.boxes, self.written, *self.maps = (
            _mapped(path.with_name(f'{name}.npy'), shape, mode) for name, shape in shapes.items()
        )

    def missing(self) -> np.ndarray:
        return np.flatnonzero(~self.written)


def _mapped(path: Path, shape: tuple[int, ...], mode: str) -> np.memmap:
    """A memory-mapped array; InputError unless it has this shape."""
    try:
        array = np.lib.format.open_memmap(path, mode)
        if array.shape != shape:
            raise InputError(f'expected shape {shape}, found {array.shape}')
        return array
    except (FileNotFoundError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(
        f'{path} is missing or damaged ({type(error).__name__}: {error}); delete the folder, and '
        'make it again with tools/store_features.py'
    )


@DATASETS.register_module()
@dataclass(eq=False)
class StoredFeatureDataset(CheckedOptions, Dataset):
    """Draws template and search crops from the samples of a :class:`FeatureStore`.

    It has ``NUM_SAMPLES`` samples, for mmtrack's ``QuotaSampler``: number ``i`` is the stored
    sample ``i`` modulo their count, with templates that depend on ``seed`` and ``i`` alone. It is
    a dict of ``inputs`` (``template`` and ``search``, each a list of float32 maps (frames, C, H,
    W), one a level) and ``data_samples``, a ``TrackDataSample`` with ``gt_instances.bboxes`` and
    ``search_gt_instances.bboxes``, (frames, 4) each, (x1, y1, x2, y2) in crop pixels.

    Raises:
        InputError: If the folder is no store, it is incomplete or has too few crops a sample.
    """

    NUM_SAMPLES: ClassVar = 2**20

    folder: str  #: Folder that tools/store_features.py wrote.
    num_template_frames: Count = 2  #: Template crops of a sample.
    #: Search crops; beyond the stored ones, template crops that are not used as templates.
    num_search_frames: Count = 1
    seed: Natural = 0  #: Seed of the choice of crops.

    def __post_init__(self) -> None:
        super().__post_init__()
        self.store = FeatureStore(self.folder)
        self.samples, frames = self.store.boxes.shape[:2]
        self.template_frames = self.store.manifest['template_frames']
        missing = len(self.store.missing())
        if missing:
            raise InputError(
                f'folder: {self.folder} lacks {missing} of {self.samples} samples; run '
                'tools/store_features.py again, it goes on where it stopped'
            )
        templates, search = self.num_template_frames, self.num_search_frames
        if templates > self.template_frames or search > frames - templates:
            raise InputError(
                f'num_template_frames, num_search_frames: got {templates} and {search}, but each '
                f'sample of {self.folder} has {frames} frames, {self.template_frames} of them '
                'templates'
            )

    @property
    def metainfo(self) -> dict:
        """No meta information; mmengine's runner reads it."""
        return {}

    def full_init(self) -> None:
        """Nothing to load: the files are mapped."""

    def __len__(self) -> int:
        return self.NUM_SAMPLES

    def __getitem__(self, index: int) -> dict:
        count, number = self.num_template_frames, index % self.samples
        templates = np.random.default_rng((self.seed, index)).permutation(self.template_frames)
        search = np.arange(self.template_frames, self.store.boxes.shape[1])
        search = np.concatenate((search, templates[count:]))[: self.num_search_frames]
        inputs, sample = {}, TrackDataSample()
        for name, frames in (('template', templates[:count]), ('search', search)):
            maps = (torch.from_numpy(level[number, frames]) for level in self.store.maps)
            inputs[name] = [level.float() for level in maps]
            boxes = InstanceData(bboxes=torch.from_numpy(self.store.boxes[number][frames]))
            setattr(sample, 'gt_instances' if name == 'template' else 'search_gt_instances', boxes)
        return dict(inputs=inputs, data_samples=sample)


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
