# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of reading and writing weights."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tlpg_tools.publish_weights import save_weights
from torch import nn

from tlpg_mmtrack.utils.checkpoint import (
    check_fit,
    file_sha256,
    load_weights,
    read_manifest,
)
from tlpg_mmtrack.utils.errors import InputError


def model_of_seed(seed: int, width: int = 3) -> nn.Module:
    model = nn.Sequential(nn.Linear(width, 2), nn.BatchNorm1d(2))
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        nn.init.normal_(parameter, generator=generator)
    return model


def same(one: nn.Module, other: nn.Module, tolerance: float = 0.0) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.allclose(a, b, rtol=tolerance, atol=tolerance) for a, b in pairs)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / 'model.safetensors'
    save_weights(model_of_seed(1).state_dict(), path, config='tlpg_tiny', seed=5)
    return path


class TestSafetensors:
    def test_round_trip(self, weights):
        model = model_of_seed(2)
        load_weights(model, weights)
        assert same(model, model_of_seed(1), tolerance=1e-3)
        assert model[0].weight.dtype == torch.float32

    def test_full_precision_round_trip_is_exact(self, tmp_path):
        path, model = tmp_path / 'a.safetensors', model_of_seed(2)
        save_weights(model_of_seed(1).state_dict(), path, 'c', 0, half=False)
        load_weights(model, path)
        assert same(model, model_of_seed(1))

    def test_manifest_says_what_it_is(self, weights):
        manifest = read_manifest(weights)
        assert (manifest.config, manifest.seed) == ('tlpg_tiny', 5)
        assert sorted(json.loads(weights.with_suffix('.json').read_text())) == [
            'config',
            'seed',
            'sha256',
        ]

    def test_a_full_disk_leaves_the_pair_that_was_there(self, weights, monkeypatch):
        def fail(*arguments: object) -> None:
            raise OSError('full')

        with monkeypatch.context() as patch:
            patch.setattr(Path, 'write_text', fail)
            with pytest.raises(OSError, match='full'):
                save_weights(model_of_seed(3).state_dict(), weights, 'tlpg_tiny', 6)
        model = model_of_seed(2)
        load_weights(model, weights)
        assert same(model, model_of_seed(1), tolerance=1e-3)
        assert sorted(file.name for file in weights.parent.iterdir()) == [
            'model.json',
            'model.safetensors',
        ]

    def test_altered_by_one_bit(self, weights):
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
        with pytest.raises(InputError, match=r'truncated or altered.*sha256'):
            load_weights(model_of_seed(2), weights)

    def test_without_manifest(self, weights):
        weights.with_suffix('.json').unlink()
        with pytest.raises(InputError, match=r'model\.json must hold.*publish_weights'):
            load_weights(model_of_seed(2), weights)

    def test_a_text_file_with_a_manifest_that_matches(self, weights):
        weights.write_text('hello, this is no checkpoint')
        manifest = json.loads(weights.with_suffix('.json').read_text())
        manifest['sha256'] = file_sha256(weights)
        weights.with_suffix('.json').write_text(json.dumps(manifest))
        with pytest.raises(InputError, match=r'^checkpoint: .*is no safetensors file'):
            load_weights(model_of_seed(2), weights)

    @pytest.mark.parametrize('text', ['', '{"sha256": "00"}'])
    def test_broken_manifest(self, weights, text):
        weights.with_suffix('.json').write_text(text)
        with pytest.raises(InputError, match=r'model\.json must hold'):
            load_weights(model_of_seed(2), weights)


class TestTorchCheckpoint:
    @pytest.mark.parametrize('wrap', [lambda s: s, lambda s: {'state_dict': s, 'meta': {'a': 1}}])
    def test_loads_plain_and_mmengine_files(self, tmp_path, wrap):
        path, model = tmp_path / 'a.pth', model_of_seed(2)
        torch.save(wrap(model_of_seed(1).state_dict()), path)
        load_weights(model, path)
        assert same(model, model_of_seed(1))

    @pytest.mark.parametrize('kept', [0, -30])
    def test_truncated(self, tmp_path, kept):
        path = tmp_path / 'a.pth'
        torch.save(model_of_seed(1).state_dict(), path)
        path.write_bytes(path.read_bytes()[:kept])
        with pytest.raises(
            InputError, match=r'is truncated, no checkpoint, .*; copy it again, or pass'
        ):
            load_weights(model_of_seed(2), path)

    def test_damaged_files_raise_nothing_but_value_errors(self, tmp_path):
        path, random = tmp_path / 'a.pth', np.random.default_rng(0)
        torch.save({'state_dict': model_of_seed(1).state_dict()}, path)
        whole = path.read_bytes()
        for _ in range(100):
            damaged = np.frombuffer(whole, np.uint8).copy()
            damaged[random.integers(0, damaged.size, 10)] = random.integers(0, 256, 10)
            path.write_bytes(damaged.tobytes())
            with contextlib.suppress(ValueError):
                load_weights(model_of_seed(2), path)

    @pytest.mark.parametrize('content', [{'state_dict': {}}, [1, 2]])
    def test_holds_no_weights(self, tmp_path, content):
        path = tmp_path / 'a.pth'
        torch.save(content, path)
        with pytest.raises(InputError, match='holds no state dict; pass a checkpoint of'):
            load_weights(model_of_seed(2), path)

    def test_never_runs_code_of_the_file(self, tmp_path):
        path = tmp_path / 'a.pth'
        torch.save({'state_dict': {'a': Path}}, path)
        with pytest.raises(InputError, match='is truncated, no checkpoint, or holds more'):
            load_weights(model_of_seed(2), path)


class TestWrongModel:
    def test_missing_and_unexpected_are_listed_shortly(self, tmp_path):
        path = tmp_path / 'a.pth'
        torch.save({f'head.layer_{i}': torch.zeros(1) for i in range(9)}, path)
        with pytest.raises(InputError, match='another model') as caught:
            load_weights(model_of_seed(2), path)
        message = str(caught.value)
        assert 'Missing key(s) in state_dict: "0.weight", "0.bias"' in message
        assert message.endswith('pass the config it was trained with')
        assert len(message) < 500

    def test_other_shapes(self, weights):
        with pytest.raises(InputError, match=r'another model.*size mismatch for 0\.weight'):
            load_weights(model_of_seed(2, width=4), weights)

    def test_no_such_file(self, tmp_path):
        with pytest.raises(InputError, match=r'checkpoint: .*check the path'):
            load_weights(model_of_seed(2), tmp_path / 'a.pth')


class TestCheckFit:
    def test_more_than_is_needed_and_missing_buffers_are_fine(self):
        model = model_of_seed(1)
        weights = dict(model.state_dict(), teacher=torch.zeros(3))
        del weights['1.running_mean'], weights['1.num_batches_tracked']
        check_fit(model, weights, 'a.pth')

    def test_what_the_model_does_not_save_need_not_be_there(self):
        class Frozen(nn.Sequential):
            def state_dict(self, *args, **kwargs):
                weights = super().state_dict(*args, **kwargs)
                return {key: value for key, value in weights.items() if key != '0.weight'}

        model = Frozen(*model_of_seed(1))
        check_fit(model, model.state_dict(), 'a.pth')
        with pytest.raises(InputError, match=r'0\.bias: missing'):
            check_fit(model, {}, 'a.pth')
