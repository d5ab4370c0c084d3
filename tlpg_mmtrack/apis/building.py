# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""A tracking model from a config and weights."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.registry import MODELS
from torch import nn

from tlpg_mmtrack.utils.checkpoint import file_sha256, load_weights, read_manifest
from tlpg_mmtrack.utils.config import read_config
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.model_zoo import DEFAULT, checkpoint_path, shipped_config, shipped_weights


def build_model(
    config: str | Path | Config | None, checkpoint: str | Path | None
) -> tuple[nn.Module, dict[str, Any]]:
    """Build a model and load its weights; see :meth:`.Tracker.from_pretrained`.

    Returns the model, and the names and hashes of what it was made from.
    """
    if config is not None and not isinstance(config, (str, Path, Config)):
        raise TypeError(
            f'config: must be the path of a file or an mmengine Config, got a '
            f'{type(config).__name__}'
        )
    if checkpoint is None and isinstance(config, (str, Path)) and not Path(config).is_file():
        raise InputError(f'config: {config} is not a file; check the path')
    name = DEFAULT if config is None else _config_name(config)
    weights = shipped_weights(name) if checkpoint is None else checkpoint_path(checkpoint)
    if not weights.is_file():
        # Before the config, which may take seconds to build.
        raise InputError(f'checkpoint: {weights} is not a file; check the path')
    cfg = _load_config(config, weights)
    model = _build_model(cfg)
    load_weights(model, weights)
    # Of the model alone: data paths and schedules do not change the boxes.
    text = json.dumps(cfg.model.to_dict(), sort_keys=True, default=str)
    return model, {
        'config': {'name': _config_name(cfg), 'model_sha256': sha256(text.encode()).hexdigest()},
        'weights': {'name': weights.name, 'sha256': file_sha256(weights)},
    }


def checked_device(device: str | torch.device | None) -> torch.device:
    """The device, or a GPU where there is one; InputError where it cannot compute here."""
    if device is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        checked = torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"device: {str(device)!r} cannot be used here ({reason}); pass 'cpu' or 'cuda:0'"
        ) from error
    if checked.type == 'meta':
        raise InputError("device: 'meta' has shapes and no numbers; pass 'cpu' or 'cuda:0'")
    return checked


def _config_name(config: str | Path | Config) -> str:
    path = config.filename if isinstance(config, Config) else config
    return Path(path or 'unnamed').stem


def _load_config(config: str | Path | Config | None, weights: Path) -> Config:
    if isinstance(config, Config):
        return config
    if config is None:
        if weights.suffix != '.safetensors':
            raise InputError(
                f'config: {weights.name} does not say which one it was trained with; pass it'
            )
        config = shipped_config(read_manifest(weights).config)
    return read_config(config)


def _build_model(cfg: Config) -> nn.Module:
    name = cfg.filename or 'the one given'
    if not isinstance(cfg.get('model'), dict):
        raise InputError(f'config: {name} has no `model`; pass one of configs/tlpg')
    init_default_scope(cfg.get('default_scope', 'mmtrack'))
    try:
        model = MODELS.build(cfg.model)
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(
            f'config: the `model` of {name} cannot be built ({type(error).__name__}: {error}); '
            'correct it, or pass one of configs/tlpg'
        ) from error
    if not all(callable(getattr(model, method, None)) for method in ('start', 'step')):
        raise InputError(
            f'config: {name} builds a {cfg.model.type}, which is no TLPG tracker; pass one '
            'of configs/tlpg'
        )
    return model
