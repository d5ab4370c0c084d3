# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What results belong to."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from torch import nn

from tlpg_mmtrack import __version__
from tlpg_mmtrack.evaluation.provenance import (
    data_fingerprint,
    environment,
    run_identity,
    video_names,
    weights_sha256,
)


def network() -> nn.Module:
    """A network with parameters, buffers, and an integer among them."""
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.5)
    return network


def test_the_hash_is_of_every_weight() -> None:
    first = weights_sha256(network())
    assert first == weights_sha256(network())
    for name, value in network().state_dict().items():
        changed = network()
        changed.load_state_dict(network().state_dict() | {name: value + 1})
        assert weights_sha256(changed) != first, name
    assert weights_sha256(network().double()) != first


def test_identity_holds_what_decides_the_results() -> None:
    config = Config(
        dict(
            model=dict(type='A', mean=(1.0, 2.0)),
            test_dataloader=dict(num_workers=4, dataset=dict(type='B', sizes=(3,))),
            test_cfg=dict(type='ResumableTestLoop', results_dir='x'),
            work_dir='y',
        )
    )
    identity = run_identity(config, network(), 5)
    assert identity == dict(
        config=dict(
            model=dict(type='A', mean=[1.0, 2.0]),
            dataset=dict(type='B', sizes=[3]),
            test_cfg=dict(type='ResumableTestLoop'),
        ),
        weights_sha256=weights_sha256(network()),
        seed=5,
    )
    assert json.loads(json.dumps(identity)) == identity


def test_environment_names_versions_and_hardware() -> None:
    noted = environment('best.pth', processes=2)
    assert noted['checkpoint'] == 'best.pth'
    assert noted['packages']['tlpg_mmtrack'] == __version__
    assert noted['packages']['torch'] == torch.__version__
    assert {'mmcv', 'mmcv-lite'} & noted['packages'].keys()
    assert noted['cpu']
    assert json.loads(json.dumps(noted)) == noted


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Three files of five bytes."""
    (tmp_path / 'img').mkdir()
    paths = [tmp_path / 'img' / f'{index}.jpg' for index in range(3)]
    for path in paths:
        path.write_bytes(b'frame')
    return paths


def test_a_copy_of_another_time_has_the_same(images: list[Path], tmp_path: Path) -> None:
    shutil.copytree(tmp_path / 'img', tmp_path / 'copy')
    copies = [str(tmp_path / 'copy' / path.name) for path in images]
    os.utime(copies[1], (0, 0))
    assert data_fingerprint(copies) == data_fingerprint(images)


@pytest.mark.parametrize(
    'change',
    [
        lambda images: images[0].write_bytes(b'other'),
        lambda images: images[2].write_bytes(b'longer'),
        lambda images: images[2].unlink(),
        lambda images: images.pop(),
        lambda images: images.reverse(),
    ],
    ids=['first content', 'size', 'missing', 'fewer', 'order'],
)
def test_changed_frames_have_another(change, images):
    before = data_fingerprint(images)
    change(images)
    assert data_fingerprint(images) not in (None, before)


def test_of_a_long_video_few_files_are_looked_at(images, monkeypatch):
    """On a network disk each takes its time; all of LaSOT's took minutes."""
    stat, looked_at = Path.stat, []

    def count(path: Path, **options: bool) -> os.stat_result:
        looked_at.append(path.name)
        return stat(path, **options)

    monkeypatch.setattr(Path, 'stat', count)
    names = [images[0], *(images[0].with_name(f'{index}.jpg') for index in range(10, 3010))]
    before = data_fingerprint(names)
    assert before is not None
    assert len(looked_at) == 16
    names[1500] = names[1500].with_name('other.jpg')
    assert data_fingerprint(names) != before


def test_changed_annotations_have_another(images: list[Path]) -> None:
    boxes = np.array([[1.0, 2.0, 3.0, np.nan]])
    before = data_fingerprint(images, (boxes,))
    assert data_fingerprint(images, (boxes.copy(),)) == before
    assert data_fingerprint(images, (boxes + 1,)) != before
    assert data_fingerprint(images, (boxes.reshape(2, 2),)) != before
    assert data_fingerprint(images) != before


def test_data_that_were_removed_have_none(images: list[Path]) -> None:
    images[0].unlink()
    assert data_fingerprint(images) is None


def names(*videos: tuple[str, str]) -> list[str]:
    """Names of videos of these frame folders and annotation files."""
    infos = [dict(video_path=video, ann_path=boxes) for video, boxes in videos]
    return video_names(SimpleNamespace(num_videos=len(infos), get_data_info=infos.__getitem__))


@pytest.mark.parametrize(
    ('video', 'boxes', 'name'),
    [
        ('data/Board/img', 'data/Board/groundtruth_rect.txt', 'Board'),
        ('data/Jogging/img', 'data/Jogging/groundtruth_rect.2.txt', 'Jogging-2'),
        ('data_seq/UAV123/bird1', 'anno/UAV123/bird1_3.txt', 'bird1_3'),
        ('airplane/airplane-1/img', 'airplane/airplane-1/groundtruth.txt', 'airplane-1'),
        ('test/GOT-10k_Test_1', 'test/GOT-10k_Test_1/groundtruth.txt', 'GOT-10k_Test_1'),
        ('TEST/frames/-VzSkGU-UHg_0', 'TEST/anno/-VzSkGU-UHg_0.txt', '-VzSkGU-UHg_0'),
        ('data/ants1/color', 'data/ants1/groundtruth.txt', 'ants1'),
        ('img', 'groundtruth.txt', 'img'),
    ],
)
def test_name(video: str, boxes: str, name: str) -> None:
    assert names((video, boxes)) == [name]


def test_repeated_names_are_refused() -> None:
    twice = ('data/car/img', 'data/car/groundtruth.txt'), ('more/car', 'more/car/groundtruth.txt')
    with pytest.raises(ValueError, match="several videos are named 'car'"):
        names(*twice)
