# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's own single-object trackers: PrDiMP, SiamRPN++, STARK."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.apis import inference_sot, init_model

from ..results import weights_sha256


class MMTrackPeer:
    """One of mmtrack's models, run by its ``init_model`` and ``inference_sot``.

    Args:
        name: What it is called in tables.
        config: Config, or path of its file, with mmtrack's test pipeline (LoadImageFromFile,
            LoadTrackAnnotations, then what packs the inputs).
        checkpoint: Path of its weights.
        device: Where to run.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If the config has no test pipeline.
    """

    def __init__(
        self, name: str, config: str | Path | Config, checkpoint: str | Path, device: str = 'cpu'
    ) -> None:
        paths = [checkpoint] if isinstance(config, Config) else [config, checkpoint]
        for path in paths:
            if not Path(path).is_file():
                raise FileNotFoundError(f'tracker {name!r}: {path} is not a file; check the path')
        config = config.copy() if isinstance(config, Config) else Config.fromfile(config)
        if not config.get('test_dataloader'):
            raise ValueError(
                f'tracker {name!r}: its config has no test_dataloader; pass one of those named '
                '..._test-lasot.py, or another with a test pipeline'
            )
        init_default_scope(config.get('default_scope', 'mmtrack'))
        self.name = name
        self._config = json.loads(json.dumps(config.model.to_dict(), default=repr))
        # The checkpoint has all weights: those that the backbone starts from are not needed.
        _drop_pretrained(config.model)
        self._model = init_model(config, str(checkpoint), device)
        self._box = np.zeros(4)
        self._frame = 0

    def identity(self) -> dict[str, Any]:
        """The model's config and a hash of its weights."""
        return dict(model=self._config, weights_sha256=weights_sha256(self._model))

    def start(self, frame: np.ndarray, box: np.ndarray) -> None:
        """Learn the target; see :class:`~.protocol.PeerTracker`."""
        self._frame = 0
        self._box = np.concatenate((box[:2], box[:2] + box[2:]))
        self._infer(frame)

    def step(self, frame: np.ndarray) -> np.ndarray:
        """Find the target; see :class:`~.protocol.PeerTracker`."""
        self._frame += 1
        x1, y1, x2, y2 = self._infer(frame)
        return np.array([x1, y1, x2 - x1, y2 - y1])

    def _infer(self, frame: np.ndarray) -> np.ndarray:
        """The box (x1, y1, x2, y2) of the frame at hand."""
        sample = inference_sot(self._model, frame, self._box, self._frame)
        boxes = sample.pred_track_instances.bboxes
        return boxes.detach().cpu().numpy().astype(np.float64).reshape(-1)[:4]


def _drop_pretrained(config: Any) -> None:
    """Remove every ``init_cfg`` that would load, or download, other weights."""
    if isinstance(config, dict):
        init = config.get('init_cfg')
        if isinstance(init, dict) and init.get('type') == 'Pretrained':
            config['init_cfg'] = None
    parts = config.values() if isinstance(config, dict) else config
    for part in parts:
        if isinstance(part, (dict, list, tuple)):
            _drop_pretrained(part)
