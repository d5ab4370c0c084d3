# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""mmtrack's PrDiMP, SiamRPN++ and STARK, small and untrained, through mmtrack's own interface."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from fake_model import white_square
from mmtrack.registry import MODELS
from small_baselines import CONFIGS, small_config
from tlpg_tools.baselines import FACTORIES, MMTrackBaseline, OpenCVBaseline, build_tracker


def track(tracker: MMTrackBaseline) -> list[np.ndarray]:
    """The boxes of two frames of a clip, and of one of another clip."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tracker.start(white_square(40), np.array([40.0, 40, 20, 20]))
        boxes = [tracker.step(white_square(x)) for x in (43, 46)]
        tracker.start(white_square(100), np.array([100.0, 40, 20, 20]))
        return [*boxes, tracker.step(white_square(100))]


@pytest.mark.parametrize('name', CONFIGS)
def test_tracks_untrained_and_says_so(name: str) -> None:
    tracker = MMTrackBaseline(name, small_config(name), None)
    assert tracker.name == f'{name}-untrained'
    boxes = track(tracker)
    assert all(box.shape == (4,) and np.isfinite(box).all() for box in boxes)
    assert all((box[2:] > 0).all() for box in boxes)
    # The second clip is started afresh: its target is 54 pixels from the first one's.
    assert not np.array_equal(boxes[1], boxes[2])
    identity = tracker.identity()
    assert identity['model']['type'] == small_config(name).model.type
    assert len(identity['weights_sha256']) == 64


def test_a_checkpoint_decides_the_boxes(tmp_path: Path) -> None:
    name = 'siamrpn'
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = MODELS.build(small_config(name).model)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'random.pth')
    first, second = (
        MMTrackBaseline(name, small_config(name), tmp_path / 'random.pth', seed=seed)
        for seed in (0, 1)
    )
    assert first.name == name
    assert first.identity() == second.identity()
    assert all(map(np.array_equal, track(first), track(second)))


def test_the_seed_decides_the_weights_of_an_untrained_model() -> None:
    first, second, other = (
        MMTrackBaseline('stark', small_config('stark'), None, seed=seed).identity()
        for seed in (0, 0, 1)
    )
    assert first == second
    assert first['weights_sha256'] != other['weights_sha256']


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    config = small_config('stark')
    with pytest.raises(FileNotFoundError, match=r"tracker 'stark': .*none\.pth is not a file"):
        MMTrackBaseline('stark', config, tmp_path / 'none.pth')
    config.test_dataloader = None
    with pytest.raises(ValueError, match='its config has no test_dataloader'):
        MMTrackBaseline('stark', config, None)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    weights = MODELS.build(small_config('stark').model).state_dict()
    # As of a model trained in parallel, where every name has a prefix.
    weights = {f'module.{name}': value for name, value in weights.items()}
    path = tmp_path / 'a.pth'
    torch.save({'state_dict': weights}, path)
    MMTrackBaseline('stark', small_config('stark'), path)
    del weights[next(name for name in weights if name.endswith('pred.0.conv.weight'))]
    torch.save({'state_dict': weights}, path)
    with pytest.raises(ValueError, match=r'^checkpoint: .*a\.pth belongs to another model'):
        MMTrackBaseline('stark', small_config('stark'), path)


def test_a_text_file_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / 'a.pth').write_text('epoch 1')
    with pytest.raises(ValueError, match=r'^checkpoint: .*a\.pth is truncated, no checkpoint'):
        MMTrackBaseline('stark', small_config('stark'), tmp_path / 'a.pth')


def test_a_checkpoint_without_weights_is_refused(tmp_path: Path) -> None:
    for content in ([1], {'state_dict': {}}):
        torch.save(content, tmp_path / 'a.pth')
        with pytest.raises(ValueError, match=r'^checkpoint: .*a\.pth holds no state dict'):
            MMTrackBaseline('stark', small_config('stark'), tmp_path / 'a.pth')


class Stub:
    """Stands in for one of OpenCV's trackers: finds the target in every other frame."""

    def __init__(self) -> None:
        self.answers = [(True, (5, 6, 7, 8)), (False, (0, 0, 0, 0))]

    def init(self, frame: np.ndarray, box: tuple[int, ...]) -> None:
        assert all(type(value) is int for value in box)
        self.started = box

    def update(self, frame: np.ndarray) -> tuple[bool, tuple[int, ...]]:
        return self.answers.pop(0)


@pytest.mark.parametrize('name', sorted(FACTORIES))
def test_follows_a_square(name: str) -> None:
    if not hasattr(cv2, FACTORIES[name]):
        pytest.skip(f'this OpenCV has no {name}; it is in opencv-contrib-python')
    background = np.random.default_rng(0).integers(0, 120, (120, 160, 3), dtype=np.uint8)
    tracker = OpenCVBaseline(name)
    cv2.setRNGSeed(0)
    tracker.start(np.maximum(background, white_square(40)), np.array([40.0, 40, 20, 20]))
    box = [tracker.step(np.maximum(background, white_square(x))) for x in (42, 44, 46)][-1]
    assert box.shape == (4,)
    assert abs(box[:2] - (46, 40)).max() < 6


def test_the_last_box_stays_where_the_target_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    stub = Stub()
    monkeypatch.setattr(cv2, FACTORIES['mil'], lambda: stub)
    tracker = OpenCVBaseline('mil')
    tracker.start(white_square(0), np.array([1.6, 2.4, 0.3, 5.0]))
    assert stub.started == (2, 2, 1, 5)
    assert tracker.step(white_square(0)).tolist() == [5, 6, 7, 8]
    assert tracker.step(white_square(0)).tolist() == [5, 6, 7, 8]
    assert tracker.identity() == {'tracker': 'mil', 'opencv': cv2.__version__}


def test_a_build_that_lacks_it_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, FACTORIES['csrt'], raising=False)
    with pytest.raises(
        ImportError, match=r"'csrt': this OpenCV, .*opencv-contrib-python.*PYTHONPATH"
    ):
        OpenCVBaseline('csrt')


def test_known_names() -> None:
    assert build_tracker('mil').name == 'mil'


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('dimp', 'must be one of .* or NAME=CONFIG:CHECKPOINT'),
        ('dimp=a.py', 'must have the form NAME=CONFIG:CHECKPOINT; nothing is downloaded'),
        ('dimp=a.py:', 'for random weights, to try a config, pass NAME=CONFIG:untrained'),
        ('=a.py:b.pth', 'must have the form'),
        ('..=a.py:b.pth', 'must have the form'),
    ],
)
def test_others_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_tracker(text)


def test_missing_files_are_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"tracker 'dimp': none\.py is not a file"):
        build_tracker('dimp=none.py:none.pth')
    with pytest.raises(FileNotFoundError, match=r'\.mim/configs/sot/none\.py is not a file'):
        build_tracker('dimp=mmtrack::sot/none.py:untrained')
