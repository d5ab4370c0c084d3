# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""benchmarks/size_feedback.py tells an error that feeds itself from one that does not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import size_feedback
from written_runs import write_square_clips

from tlpg_mmtrack.datasets.video_folder import FolderVideo, read_video_folder


class GrowingModel:
    """Finds a box a tenth larger than the last one, and goes half of the way there."""

    options = SimpleNamespace(box_rate=0.5)

    def start(self, frame: np.ndarray, box: np.ndarray, seed: int) -> SimpleNamespace:
        return SimpleNamespace(box=box)

    def step(self, frame: np.ndarray, target: SimpleNamespace) -> SimpleNamespace:
        target.box = target.box * (1, 1, 1.05, 1.05)
        return SimpleNamespace(box=target.box.copy())


class ShyModel(GrowingModel):
    """Takes half of the logarithm of a size back to that of the first frame."""

    def start(self, frame: np.ndarray, box: np.ndarray, seed: int) -> SimpleNamespace:
        return SimpleNamespace(box=box, first=box[2:])

    def step(self, frame: np.ndarray, target: SimpleNamespace) -> SimpleNamespace:
        found = np.sqrt(target.box[2:] * target.first)
        size = (target.box[2:] + found) / 2
        return SimpleNamespace(box=np.concatenate((target.box[:2], size)))


@pytest.fixture
def video(tmp_path: Path) -> FolderVideo:
    """Four frames of a white square."""
    write_square_clips(tmp_path, ('A',))
    return read_video_folder(tmp_path)[0][0]


def test_an_error_compounds_in_the_own_crop_alone(video: FolderVideo) -> None:
    own, true = (size_feedback.found_sizes(GrowingModel(), video, crop) for crop in (False, True))
    np.testing.assert_allclose(own[:, 0], [1.1, 1.05 * 1.1, 1.05**2 * 1.1])
    np.testing.assert_allclose(true, 1.1)


def test_half_of_a_wrong_size_is_left_after_one_step(video: FolderVideo) -> None:
    errors = size_feedback.one_step(ShyModel(), video)
    assert errors.shape == (size_feedback.FRAMES, len(size_feedback.SCALES), 2)
    expected = np.log(size_feedback.SCALES)[:, None] / 2
    np.testing.assert_allclose(errors, np.broadcast_to(expected, errors.shape), atol=1e-12)


def test_a_frame_that_cannot_be_read_is_named(video: FolderVideo) -> None:
    video.images[2].write_bytes(b'')
    with pytest.raises(ValueError, match=r'0003\.jpg cannot be read'):
        size_feedback.found_sizes(GrowingModel(), video, False)


def test_an_unknown_video_is_refused(video, capsys):
    folder = str(video.images[0].parents[2])
    assert size_feedback.main(['--data', folder, '--videos', 'A', 'Z']) == 2
    assert "holds no usable 'Z'; it has A" in capsys.readouterr().err
