# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the Python API, on a small stand-in for the model."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_model import FakeModel, white_square
from mmengine.config import Config
from mmtrack.registry import MODELS
from tlpg_tools.publish_weights import save_weights

from tlpg_mmtrack.apis import building
from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.structures import TrackingResult, TrackingState
from tlpg_mmtrack.utils import model_zoo as shipped
from tlpg_mmtrack.utils.checkpoint import file_sha256
from tlpg_mmtrack.utils.errors import InputError

BOX = (30.0, 40.0, 20.0, 20.0)


@pytest.fixture
def tracker() -> Tracker:
    tracker = Tracker(FakeModel(), device='cpu')
    tracker.init(white_square(30), BOX)
    return tracker


def assert_sound(result: TrackingResult, size: tuple[int, int]) -> None:
    assert result.box.shape == (4,)
    assert result.box.dtype == np.float64
    assert np.isfinite([*result.box, result.score]).all()
    x, y, width, height = result.box
    assert width > 0 and height > 0
    assert x < size[0] and y < size[1] and x + width > 0 and y + height > 0


class TestTracking:
    def test_follows_the_object(self, tracker):
        for x in (34, 38, 43):
            result = tracker.track(white_square(x))
            assert result.state is TrackingState.NORMAL
            np.testing.assert_allclose(result.box, (x - 0.5, 39.5, 20, 20), atol=0.02)

    def test_track_before_init(self):
        with pytest.raises(RuntimeError, match=r'call init\(frame, box\) first'):
            Tracker(FakeModel(), 'cpu').track(white_square(3))

    def test_init_starts_afresh(self, tracker):
        tracker.track(None)
        tracker.init(white_square(100), (100, 40, 10, 10))
        result = tracker.track(white_square(104))
        assert result.box[2:].tolist() == [10, 10]
        assert result.box[0] == pytest.approx(108.5, abs=0.02)

    def test_failed_init_keeps_the_old_target(self, tracker):
        with pytest.raises(ValueError, match=r'^box:'):
            tracker.init(white_square(5), (500, 0, 5, 5))
        assert tracker.track(white_square(30)).state is TrackingState.NORMAL

    def test_same_seed_same_boxes(self):
        def run(seed: int) -> np.ndarray:
            tracker = Tracker(FakeModel(), device='cpu', seed=seed)
            tracker.init(white_square(30), BOX)
            return np.stack([tracker.track(white_square(30 + i)).box for i in range(4)])

        np.testing.assert_array_equal(run(3), run(3))
        assert (run(3) != run(4)).any()

    def test_the_callers_arrays_are_never_shared(self, tracker):
        first = tracker.track(None)
        first.box[:] = np.nan
        assert_sound(tracker.track(None), (160, 120))


class TestBadInput:
    @pytest.mark.parametrize('frame', [None, white_square(30)[:, :1]])
    def test_unusable_frame_at_init(self, frame):
        with pytest.raises((TypeError, ValueError), match=r'^frame: .*pass'):
            Tracker(FakeModel(), 'cpu').init(frame, BOX)

    @pytest.mark.parametrize('frame', [None, 'x', np.empty(0), white_square(30)[:, :1]])
    def test_unusable_frame_on_the_way_is_a_state(self, tracker, frame):
        before = tracker.track(white_square(36))
        result = tracker.track(frame)
        assert result.state is TrackingState.NOT_FOUND
        assert result.score == 0
        np.testing.assert_array_equal(result.box, before.box)
        assert tracker.track(white_square(38)).state is TrackingState.NORMAL

    def test_unusable_frames_are_logged_once(self, tracker, caplog):
        with caplog.at_level(logging.WARNING):
            for _ in range(5):
                tracker.track(white_square(30)[..., 0])
        assert [record.levelname for record in caplog.records] == ['WARNING']
        assert 'COLOR_GRAY2BGR' in caplog.text

    def test_frame_size_changes(self, tracker):
        assert tracker.track(white_square(200, (320, 240))).box[0] == pytest.approx(199.5, abs=0.1)
        small = tracker.track(np.zeros((50, 60, 3), np.uint8))
        assert_sound(small, (60, 50))
        assert tracker.track(white_square(10, (60, 50), y=5)).state is TrackingState.NORMAL

    @pytest.mark.parametrize(
        ('box', 'score'), [((np.nan, 0, 5, 5), 0.5), ((0, 0, 5, 5), np.nan), ((0, 0, 0, 5), 0.5)]
    )
    def test_unsound_answers_of_the_model_are_not_passed_on(self, tracker, box, score):
        tracker.model.answer = TrackingResult(np.array(box), score, TrackingState.NORMAL)
        result = tracker.track(white_square(30))
        assert result.state is TrackingState.NOT_FOUND
        assert result.box.tolist() == list(BOX)

    @pytest.mark.parametrize('corner', [(500, 500), (-500, 30)])
    def test_boxes_that_left_the_frame_are_moved_to_its_edge(self, tracker, corner):
        box = np.array([*corner, 20.0, 20.0])
        tracker.model.answer = TrackingResult(box, 0.5, TrackingState.UNCERTAIN)
        assert_sound(tracker.track(white_square(30)), (160, 120))

    @pytest.mark.parametrize(
        ('device', 'message'),
        [
            ('tpu9', "device: 'tpu9' cannot be used"),
            ('cuda:99', "device: 'cuda:99' cannot be used"),
            (torch.device('meta'), r"device: 'meta' has shapes.*pass 'cpu'"),
        ],
    )
    def test_a_device_that_cannot_be_used(self, device, message):
        with pytest.raises(InputError, match=message):
            Tracker(FakeModel(), device=device)

    @pytest.mark.parametrize(
        ('box', 'message'),
        [
            ((50, 40, 150, 100), 'looks like two corners (x1, y1, x2, y2); it is taken as'),
            ((0.25, 0.5, 0.2, 0.2), 'looks like fractions of the frame; it is taken as'),
            ((50, 40, 100, 60), None),
        ],
    )
    def test_box_in_another_format_is_named(self, caplog, box, message):
        Tracker(FakeModel(), 'cpu').init(white_square(30), box)
        assert message in caplog.text if message else not caplog.records

    def test_missing_frame_is_named_once_and_not_as_opencv_does(self, tracker, caplog):
        for _ in range(3):
            tracker.track(None)
        (record,) = caplog.records
        assert record.getMessage().startswith('a frame is missing or cannot be read')

    @pytest.mark.parametrize('seed', [-1, 0.5])
    def test_a_seed_is_a_whole_number(self, seed):
        message = f'seed: must be a whole number, 0 or more, got {seed!r}'
        with pytest.raises(ValueError, match=message):
            Tracker(FakeModel(), device='cpu', seed=seed)


class TestFromPretrained:
    @pytest.fixture(autouse=True)
    def registered(self):
        MODELS.register_module(name='FakeTrackingModel', module=FakeModel, force=True)
        yield
        MODELS.module_dict.pop('FakeTrackingModel')

    @pytest.fixture
    def package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """An installed package with a config and weights."""
        package = tmp_path / 'tlpg_mmtrack'
        configs = package / '.mim' / 'configs' / 'tlpg'
        configs.mkdir(parents=True)
        (configs / 'tlpg_fake.py').write_text("model = dict(type='FakeTrackingModel')\n")
        (package / 'weights').mkdir()
        state_dict = {key: value * 0 + 2 for key, value in FakeModel().state_dict().items()}
        save_weights(state_dict, package / 'weights' / 'fake.safetensors', 'tlpg_fake', seed=1)
        monkeypatch.setattr(
            building, 'shipped_config', lambda name: shipped.shipped_config(name, package)
        )
        monkeypatch.setattr(
            building,
            'shipped_weights',
            lambda config: shipped.shipped_weights(config, package),
        )
        monkeypatch.setattr(building, 'DEFAULT', 'tlpg_fake')
        return package

    def test_defaults_are_what_is_shipped(self, package):
        tracker = Tracker.from_pretrained(device='cpu')
        assert (tracker.model.layer.weight == 2).all()
        assert not tracker.model.training

    def test_published_weights_do_not_become_the_default(self, package):
        mine = {key: value * 0 + 3 for key, value in FakeModel().state_dict().items()}
        save_weights(mine, package / 'weights' / 'a.safetensors', 'a_config', seed=1)
        assert (Tracker.from_pretrained(device='cpu').model.layer.weight == 2).all()

    def test_own_config_and_checkpoint(self, tmp_path, package):
        checkpoint = tmp_path / 'epoch_1.pth'
        model = FakeModel()
        torch.save({'state_dict': model.state_dict()}, checkpoint)
        config = Config(dict(model=dict(type='FakeTrackingModel')))
        tracker = Tracker.from_pretrained(config, checkpoint, 'cpu')
        torch.testing.assert_close(tracker.model.layer.weight, model.layer.weight)

    def test_pth_without_config(self, tmp_path):
        torch.save(FakeModel().state_dict(), tmp_path / 'a.pth')
        with pytest.raises(ValueError, match=r'config: a\.pth does not say'):
            Tracker.from_pretrained(checkpoint=tmp_path / 'a.pth', device='cpu')

    def test_checkpoint_of_another_model(self, package):
        config = Config(dict(model=dict(type='FakeTrackingModel', width=7)))
        weights = package / 'weights' / 'fake.safetensors'
        with pytest.raises(ValueError, match='belongs to another model'):
            Tracker.from_pretrained(config, weights, 'cpu')

    def test_a_config_that_is_no_path(self):
        with pytest.raises(TypeError, match=r'config: must be the path of .* got a dict'):
            Tracker.from_pretrained(dict(model={}))

    def test_missing_config(self, package, tmp_path):
        weights = package / 'weights' / 'fake.safetensors'
        with pytest.raises(InputError, match=r'config: .*is not a file'):
            Tracker.from_pretrained(tmp_path / 'none.py', weights, 'cpu')
        (package / '.mim' / 'configs' / 'tlpg' / 'tlpg_fake.py').unlink()
        with pytest.raises(InputError, match=r'config: no tlpg/tlpg_fake\.py'):
            Tracker.from_pretrained(device='cpu')

    @pytest.mark.parametrize(
        ('text', 'message'),
        [
            ('model = dict(', r'bad\.py cannot be read \(SyntaxError'),
            ('model = 3', r'bad\.py has no `model`'),
            ("model = dict(type='Unheard')", r'bad\.py cannot be built \(KeyError: .*Unheard'),
            ("model = dict(type='FakeTrackingModel', a=1)", r'cannot be built \(TypeError'),
        ],
    )
    def test_a_config_that_is_none(self, package, tmp_path, text, message):
        config = tmp_path / 'bad.py'
        config.write_text(text)
        weights = package / 'weights' / 'fake.safetensors'
        with pytest.raises(ValueError, match=f'^config: .*{message}.* pass one of configs/tlpg$'):
            Tracker.from_pretrained(config, weights, 'cpu')

    def test_a_config_of_another_kind_of_model(self, package):
        config = shipped.PACKAGE.parent / 'configs' / 'mix' / 'prdimp_efflite0_small.py'
        weights = package / 'weights' / 'fake.safetensors'
        message = r'^config: .*small\.py builds a RepairedPrDiMP, which is no TLPG tracker'
        with pytest.raises(ValueError, match=message):
            Tracker.from_pretrained(config, weights, 'cpu')

    def test_missing_checkpoint(self, tmp_path):
        message = r'^checkpoint: .*missing\.pth is not a file; check the path'
        for config in (None, tmp_path / 'none.py'):
            with pytest.raises(InputError, match=message):
                Tracker.from_pretrained(config, tmp_path / 'missing.pth', 'cpu')

    def test_manifest(self, package):
        manifest = Tracker.from_pretrained(device='cpu', seed=4).manifest()
        assert json.loads(json.dumps(manifest)) == manifest
        assert manifest['seed'] == 4
        assert manifest['device'] == 'cpu'
        assert manifest['versions']['torch'] == torch.__version__
        assert manifest['config']['name'] == 'tlpg_fake'
        weights = package / 'weights' / 'fake.safetensors'
        assert manifest['weights'] == {'name': weights.name, 'sha256': file_sha256(weights)}

    def test_config_hash_depends_on_the_model_alone(self, package):
        def hash_of(**config: dict) -> str:
            weights = package / 'weights' / 'fake.safetensors'
            tracker = Tracker.from_pretrained(Config(config), weights, 'cpu')
            return tracker.manifest()['config']['model_sha256']

        model = dict(type='FakeTrackingModel')
        assert hash_of(model=model) == hash_of(model=model, work_dir='elsewhere')
        assert hash_of(model=model) != hash_of(model=dict(model, width=3))
