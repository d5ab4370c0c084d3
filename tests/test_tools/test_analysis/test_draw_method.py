# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The figures of docs/method.md are drawn from a frame that is really tracked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import draw_method
import numpy as np
import pytest
from tlpg_tools.demo_clip import DEMO_BOX, demo_clip

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.models.trackers import TLPG

REPOSITORY = Path(__file__).resolve().parents[3]
FIGURES = ('offsets.jpg', 'proposals.jpg', 'scores.jpg')


@pytest.fixture(autouse=True)
def built(shipped: TLPG, monkeypatch: pytest.MonkeyPatch) -> None:
    """No command builds the shipped model again."""
    monkeypatch.setattr(Tracker, 'from_pretrained', lambda **_: SimpleNamespace(model=shipped))


def test_the_figures_are_drawn_of_the_frame_that_was_searched(tmp_path, monkeypatch, shipped):
    monkeypatch.setattr(shipped, 'options', replace(shipped.options, warps=0))
    views, look = [], draw_method.look
    monkeypatch.setattr(
        draw_method, 'look', lambda *arguments: views.append(look(*arguments)) or views[0]
    )
    assert draw_method.main(['--out', str(tmp_path), '--frame', '1']) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == list(FIGURES)
    for name in FIGURES:
        picture = cv2.imread(str(tmp_path / name))
        assert picture.std() > 10, 'a picture, not an empty page'
        drawn = cv2.imread(str(REPOSITORY / 'docs' / 'images' / name))
        assert drawn.shape == picture.shape
    (view,) = views
    first, second = draw_method.read_frames(demo_clip(), 1)
    target = shipped.start(first, np.array(DEMO_BOX))
    region = shipped.online.search_region(target)
    box = shipped.step(second, target).box
    assert np.array_equal(view.crop[..., ::-1], region.cut(second))
    # As large as on the crop.
    np.testing.assert_allclose((view.box[2:] - view.box[:2]) / region.scale, box[2:])


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--frame', '-1'], '--frame: must be 0 or more, got -1'),
        (['--frame', '500'], 'has 120 frames, got 500'),
        (['--frame', '2', '--box', '500', '0', '10', '10'], 'lies outside the 176 x 144 frame'),
    ],
)
def test_a_frame_or_box_that_cannot_be_is_refused(tmp_path, capsys, arguments, message):
    assert draw_method.main(['--out', str(tmp_path), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_an_unreadable_frame_is_named(tmp_path: Path):
    cv2.imwrite(str(tmp_path / '0.png'), np.zeros((48, 64, 3), np.uint8))
    (tmp_path / '1.png').write_bytes(b'damaged')
    assert len(draw_method.read_frames(tmp_path, 0)) == 1
    with pytest.raises(ValueError, match=r'--video: frame 1 of .* cannot be read'):
        draw_method.read_frames(tmp_path, 1)
