# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Training samples whose backbone maps were computed beforehand, and the files that hold them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmtrack.registry import DATASETS
from mmtrack.structures import TrackDataSample
from torch.utils.data import Dataset

from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.option_rules import CheckedOptions, option, whole


@dataclass(frozen=True)
class FeatureStoreManifest:
    """What a store holds, and of what.

    Attributes:
        samples: Number of training samples.
        template_frames: Template crops of each sample; they come first.
        search_frames: Search crops of each sample.
        shapes: (C, H, W) of each of the backbone's maps.
        source: SHA-256 of the backbone's, the pixel normalisation's and the data's configuration.
    """

    samples: int
    template_frames: int
    search_frames: int
    shapes: tuple[tuple[int, int, int], ...]
    source: str

    @property
    def frames(self) -> int:
        """Crops of each sample."""
        return self.template_frames + self.search_frames

    def files(self) -> list[tuple[str, tuple[int, ...], type[np.generic]]]:
        """Name, shape and type of every array."""
        head = (self.samples, self.frames)
        maps = [
            (f'level{number}.npy', (*head, *shape), np.float16)
            for number, shape in enumerate(self.shapes)
        ]
        written = ('written.npy', (self.samples,), np.bool_)
        return [('boxes.npy', (*head, 4), np.float32), written, *maps]


class FeatureStore:
    """Backbone maps, boxes and a flag for each sample, in memory-mapped ``.npy`` files.

    tools/store_features.py makes it. The maps are kept as float16: a thousandth of their size is
    lost by rounding. Samples are written in any order, by several processes if need be; what was
    written stays valid when one is interrupted.

    Raises:
        InputError: If the folder is no store, or a file does not have the manifest's shape.
    """

    def __init__(self, folder: Path | str, writable: bool = False) -> None:
        self.folder = Path(folder)
        if not (self.folder / 'manifest.json').is_file():
            raise InputError(
                f'{self.folder} holds no stored features; make them with tools/store_features.py'
            )
        content = json.loads((self.folder / 'manifest.json').read_text())
        content['shapes'] = tuple(map(tuple, content['shapes']))
        self.manifest = FeatureStoreManifest(**content)
        arrays = []
        for name, shape, _ in self.manifest.files():
            path = self.folder / name
            arrays.append(np.load(path, mmap_mode='r+' if writable else 'r'))
            if arrays[-1].shape != shape:
                raise InputError(f'{path}: expected shape {shape}, found {arrays[-1].shape}')
        self.boxes, self.written, *self.maps = arrays

    def write(self, index: int, maps: Sequence[np.ndarray], boxes: np.ndarray) -> None:
        """Store a sample: of each level (frames, C, H, W); (frames, 4) boxes in crop pixels."""
        for stored, level in zip(self.maps, maps, strict=True):
            stored[index] = level
        self.boxes[index] = boxes
        self.written[index] = True

    def missing(self) -> np.ndarray:
        """Numbers of the samples that are not written yet."""
        return np.flatnonzero(~self.written)


@DATASETS.register_module()
@dataclass(eq=False)
class StoredFeatureDataset(CheckedOptions, Dataset):
    """Draws template and search crops from the samples of a :class:`FeatureStore`.

    It has ``NUM_SAMPLES`` samples, for mmtrack's ``QuotaSampler``: number ``i`` is the stored
    sample ``i`` modulo their count, with templates that depend on ``seed`` and ``i`` alone. It is
    a dict of ``inputs`` (``template`` and ``search``, each a list of float32 maps (frames, C, H,
    W), one a level) and ``data_samples``, a ``TrackDataSample`` with ``gt_instances.bboxes`` and
    ``search_gt_instances.bboxes``, (frames, 4) each, (x1, y1, x2, y2) in crop pixels.

    Args:
        folder: Folder that tools/store_features.py wrote.
        num_template_frames: Template crops of a sample.
        num_search_frames: Search crops; beyond the stored ones, template crops that are not used
            as templates.
        seed: Seed of the choice of crops.

    Raises:
        InputError: If the folder is no store, it is incomplete or has too few crops a sample.
    """

    NUM_SAMPLES: ClassVar = 2**20

    folder: str
    num_template_frames: int = option(2, whole(1))
    num_search_frames: int = option(1, whole(1))
    seed: int = option(0, whole(0))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.store = FeatureStore(self.folder)
        missing, manifest = len(self.store.missing()), self.store.manifest
        if missing:
            raise InputError(
                f'folder: {self.folder} lacks {missing} of {manifest.samples} samples; run '
                'tools/store_features.py again, it goes on where it stopped'
            )
        templates, search = self.num_template_frames, self.num_search_frames
        if templates > manifest.template_frames or search > manifest.frames - templates:
            raise InputError(
                f'num_template_frames, num_search_frames: got {templates} and {search}, but each '
                f'sample of {self.folder} has {manifest.template_frames} and '
                f'{manifest.search_frames}'
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
        manifest, count = self.store.manifest, self.num_template_frames
        rng = np.random.default_rng((self.seed, index))
        templates = rng.permutation(manifest.template_frames)
        search = np.arange(manifest.template_frames, manifest.frames)
        search = np.concatenate((search, templates[count:]))[: self.num_search_frames]
        number = index % manifest.samples
        inputs, sample = {}, TrackDataSample()
        for name, frames in (('template', templates[:count]), ('search', search)):
            maps = (torch.from_numpy(level[number, frames]) for level in self.store.maps)
            inputs[name] = [level.float() for level in maps]
            boxes = InstanceData(bboxes=torch.from_numpy(self.store.boxes[number][frames]))
            setattr(sample, 'gt_instances' if name == 'template' else 'search_gt_instances', boxes)
        return dict(inputs=inputs, data_samples=sample)
