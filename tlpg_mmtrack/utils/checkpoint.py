# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Reading weights: mmengine's ``.pth`` checkpoints, which training writes, and ``.safetensors``.

The latter are shipped, with a manifest beside them; tools/publish_weights.py writes both.
"""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from .errors import InputError

NOTE = 'last_checkpoint'  #: mmengine's file of that name holds the path as the training saw it.


@dataclass(frozen=True)
class WeightsManifest:
    """What a weights file is: the JSON file beside it, with exactly these keys."""

    sha256: str  #: Hash of the weights file, in hexadecimal.
    #: Name of the config the weights were trained with: its file name without ``.py``.
    config: str
    seed: int  #: Random seed of that training.


def read_manifest(weights: Path) -> WeightsManifest:
    """Read the manifest beside a weights file; an InputError if it is missing or lacks a key."""
    path = weights.with_suffix('.json')
    try:
        content = json.loads(path.read_text())
        return WeightsManifest(*(content[field.name] for field in fields(WeightsManifest)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'checkpoint: {path} must hold the keys sha256, config and seed of {weights.name} '
            f'({type(error).__name__}: {error}); write both with tools/publish_weights.py'
        ) from error


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Load a ``.safetensors`` or ``.pth`` file into a model; every weight must find its place.

    Raises:
        InputError: If it is missing, truncated, altered, no checkpoint, or of another model.
    """
    path = Path(path)
    try:
        model.load_state_dict(read_weights(path))
    except RuntimeError as error:
        raise _wrong_model(path, str(error)) from error


def check_fit(model: nn.Module, state_dict: Mapping[str, Tensor], name: str) -> None:
    """Make sure that weights are a model's, for loaders that leave out what does not fit.

    An InputError if a parameter that the model would save is missing or of another shape. Further
    weights, and missing buffers, make no difference: checkpoints of other versions have such.
    ``name`` is what messages call the weights.
    """
    # As loaders do: a training in several processes saves the model that it wraps.
    state_dict = {key.removeprefix('module.'): value for key, value in state_dict.items()}
    # A frozen backbone leaves its weights out of the state dict: they need not be in the file.
    saved = model.state_dict().keys()
    wrong = [
        f'{key}: {"missing" if key not in state_dict else "of another shape"}'
        for key, value in model.named_parameters()
        if key in saved and getattr(state_dict.get(key), 'shape', None) != value.shape
    ]
    if wrong:
        raise _wrong_model(name, ', '.join(wrong))


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a checkpoint's weights, a state dict on the CPU; no code in the file is run.

    Raises:
        InputError: If it is missing, truncated, altered or no checkpoint.
    """
    if not path.is_file():
        raise InputError(f'checkpoint: {path} is not a file; check the path')
    if path.suffix == '.safetensors':
        expected, actual = read_manifest(path).sha256, file_sha256(path)
        if actual != expected:
            raise InputError(
                f'checkpoint: {path} is truncated or altered: its sha256 is {actual[:12]}..., its '
                f'manifest says {expected[:12]}...; copy both files again'
            )
        try:
            return load_file(path)
        except SafetensorError as error:
            raise InputError(
                f'checkpoint: {path} is no safetensors file ({error}); copy it again'
            ) from error
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # A damaged pickle can raise nearly anything.
        raise InputError(
            f'checkpoint: {path} is truncated, no checkpoint, or holds more than tensors and '
            f'plain values ({type(error).__name__}); copy it again, or pass another '
            'checkpoint'
        ) from error
    state_dict = content.get('state_dict', content) if isinstance(content, dict) else None
    if not state_dict or not all(isinstance(value, Tensor) for value in state_dict.values()):
        raise InputError(f'checkpoint: {path} holds no state dict; pass a checkpoint of a model')
    return dict(state_dict)


def last_checkpoint(work_dir: str | Path) -> Path | None:
    """The last checkpoint of a work folder, also of one that was renamed, moved or copied.

    It is the file of the noted name beside the note; else the path that the note names, since
    checkpoints may be kept in another folder. None without a note.
    """
    note = Path(work_dir) / NOTE
    text = note.read_text(encoding='utf-8').strip() if note.is_file() else ''
    if not text:
        return None
    beside = note.with_name(Path(text).name)
    return beside if beside.is_file() else Path(text)


def file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _wrong_model(path: str | Path, problems: str) -> InputError:
    return InputError(
        f'checkpoint: {path} belongs to another model ({textwrap.shorten(problems, 300)}); pass '
        'the config it was trained with'
    )
