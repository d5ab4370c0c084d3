# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Files that hold a frozen backbone's maps of training crops, so that they are computed once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from mmengine.config import Config, ConfigDict

from tlpg_mmtrack.utils.atomic_write import atomic_write


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


def images_of(config: Config) -> ConfigDict:
    """The dataset whose samples are stored for a training config.

    That is what its train_dataloader reads; where it reads a store, its ``image_dataset``.

    Args:
        config: The training config.

    Raises:
        ValueError: If it has neither.
    """
    trained = (config.get('train_dataloader') or {}).get('dataset')
    if trained and trained.get('type') != 'StoredFeatureDataset':
        return trained
    if not config.get('image_dataset'):
        raise ValueError(
            f'config: {config.filename} names no images to store features of; give it a '
            'train_dataloader.dataset that reads images, or an image_dataset'
        )
    return config.image_dataset


def source_hash(config: Config) -> str:
    """SHA-256 of all that decides what is stored for a training config."""
    model = config.model
    parts = dict(
        backbone=model.backbone,
        mean=model.get('mean'),
        std=model.get('std'),
        bgr_to_rgb=model.get('bgr_to_rgb'),
        dataset=images_of(config),
    )
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class FeatureStore:
    """Backbone maps, boxes and a flag for each sample, in memory-mapped ``.npy`` files.

    The maps are kept as float16: a thousandth of their size is lost by rounding. Samples are
    written in any order, by several processes if need be; what was written stays valid when one
    is interrupted.

    Args:
        folder: Folder with ``manifest.json``.
        writable: Whether samples may be written.

    Raises:
        FileNotFoundError: When the folder is no store.
        ValueError: When a file does not have the manifest's shape.
    """

    def __init__(self, folder: Path | str, writable: bool = False) -> None:
        self.folder = Path(folder)
        try:
            content = json.loads((self.folder / 'manifest.json').read_text())
        except FileNotFoundError:
            raise FileNotFoundError(
                f'{self.folder} holds no stored features; make them with tools/store_features.py'
            ) from None
        content['shapes'] = tuple(tuple(shape) for shape in content['shapes'])
        self.manifest = FeatureStoreManifest(**content)
        mode = 'r+' if writable else 'r'
        for name, shape, _ in _files(self.manifest):
            found = np.load(self.folder / name, mmap_mode='r').shape
            if found != shape:
                raise ValueError(f'{self.folder / name}: expected shape {shape}, found {found}')
        arrays = [
            np.load(self.folder / name, mmap_mode=mode) for name, _, _ in _files(self.manifest)
        ]
        self.boxes, self.written, *self.maps = arrays

    @classmethod
    def create(cls, folder: Path | str, manifest: FeatureStoreManifest) -> FeatureStore:
        """Open a store for writing: an existing one to go on with, or a new one.

        Args:
            folder: Where it is, or is to be.
            manifest: What it holds.

        Raises:
            ValueError: When the folder holds a store of something else, or of another size.
            OSError: When the disk has no room for it.
        """
        folder = Path(folder)
        if (folder / 'manifest.json').exists():
            store = cls(folder, writable=True)
            if store.manifest == replace(manifest, samples=store.manifest.samples) != manifest:
                raise ValueError(
                    f'samples: {folder} was made for {store.manifest.samples}, not for '
                    f'{manifest.samples}; ask for as many, name another folder, or delete it'
                )
            if store.manifest != manifest:
                raise ValueError(
                    f'{folder} holds features of another configuration; name another folder, or '
                    'delete it'
                )
            return store
        folder.mkdir(parents=True, exist_ok=True)
        for name, shape, dtype in _files(manifest):
            np.lib.format.open_memmap(folder / name, 'w+', dtype, shape).flush()
            _reserve(folder / name)
        # The manifest comes last: a folder with one is complete.
        with atomic_write(folder / 'manifest.json') as part:
            part.write_text(json.dumps(asdict(manifest), indent=2) + '\n')
        return cls(folder, writable=True)

    def write(self, index: int, maps: Sequence[np.ndarray], boxes: np.ndarray) -> None:
        """Store one sample.

        Args:
            index: Its number.
            maps: (frames, C, H, W), one for each of the backbone's levels.
            boxes: (frames, 4), (x1, y1, x2, y2) in crop pixels.
        """
        for stored, level in zip(self.maps, maps, strict=True):
            stored[index] = level
        self.boxes[index] = boxes
        self.written[index] = True

    def missing(self) -> np.ndarray:
        """Numbers of the samples that are not written yet."""
        return np.flatnonzero(~self.written)


def _reserve(path: Path) -> None:
    """Take a file's space on the disk at once, where the system can.

    A mapped file is a hole at first, and a process that writes to it when the disk has become full
    is killed (SIGBUS), without a word.
    """
    if not hasattr(os, 'posix_fallocate'):
        return
    size = path.stat().st_size
    try:
        with open(path, 'r+b') as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        raise OSError(
            error.errno,
            f'{path} needs {size / 1e9:.1f} GB ({error.strerror}); free space, name a folder on '
            'another disk, or store fewer samples',
        ) from error


def _files(
    manifest: FeatureStoreManifest,
) -> list[tuple[str, tuple[int, ...], type[np.generic]]]:
    """Name, shape and type of every array."""
    head = (manifest.samples, manifest.frames)
    maps = [
        (f'level{number}.npy', (*head, *shape), np.float16)
        for number, shape in enumerate(manifest.shapes)
    ]
    return [
        ('boxes.npy', (*head, 4), np.float32),
        ('written.npy', (manifest.samples,), np.bool_),
        *maps,
    ]
