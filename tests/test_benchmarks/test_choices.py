# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""benchmarks/choices.py: several starts a video, and gains that are paired."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import choices
import numpy as np
import pytest
from fake_model import FakeModel
from written_runs import write_square_clips

from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.datasets.video_folder import FolderVideo, read_video_folder
from tlpg_mmtrack.structures import TrackingResult


def test_a_video_is_tracked_in_its_longer_direction_from_every_start() -> None:
    truth = np.arange(40.0).reshape(10, 4)
    truth[6] = np.nan  # Not there: nothing to start from.
    video = FolderVideo('A', [Path(f'{index}.jpg') for index in range(10)], truth)
    runs = {run.name: run for run in choices.starts(video, 4)}
    assert {name: [int(path.stem) for path in run.images] for name, run in runs.items()} == {
        'A@0+': list(range(10)),
        'A@3+': list(range(3, 10)),
        'A@9-': list(range(9, -1, -1)),
    }
    np.testing.assert_array_equal(runs['A@9-'].truth, truth[::-1])
    np.testing.assert_array_equal(runs['A@3+'].truth, truth[3:])


def test_every_choice_changes_what_it_names() -> None:
    reference = choices.build_tracker(choices.Choice(choices.REFERENCE)).model
    changed = choices.build_tracker(choices.Choice('x', options=dict(box_rate=0.7))).model
    assert changed.options == replace(reference.options, box_rate=0.7)
    heads = choices.build_tracker(
        choices.Choice('x', head=choices.assigned(label_band='ignore'))
    ).model
    assert [head.assigner.label_band for head in heads.network.heads] == ['ignore', 'ignore']
    trained, fresh = (dict(model.named_parameters()) for model in (reference, heads))
    for name in trained:
        same = bool((trained[name] == fresh[name]).all())
        if name.startswith(('iou_head.', 'box_head.')):
            assert same, name
        if name == 'refiner.head.filter_features.weight':
            assert not same


def test_gains_are_over_the_row_that_a_choice_is_compared_with(tmp_path, monkeypatch, capsys):
    chosen = (
        choices.Choice(choices.REFERENCE),
        choices.Choice('standing still', dict(box_rate=0.0)),
        choices.Choice(choices.UNTRAINED, head={}),
        choices.Choice('other head', head=choices.assigned(label_band='ignore')),
    )
    built = []

    def build(choice: object) -> Tracker:
        model = FakeModel()
        if choice.options:
            model.step = lambda frame, target, search: TrackingResult(target['box'], 0.9, None)
        built.append(model)
        return Tracker(model, 'cpu')

    monkeypatch.setattr(choices, 'CHOICES', chosen)
    monkeypatch.setattr(choices, 'build_tracker', build)
    write_square_clips(tmp_path / 'data', ('A', 'B'))
    arguments = ['--data', str(tmp_path / 'data'), '--out', str(tmp_path / 'out'), '--starts', '2']
    choices.main(arguments)
    frames = sum(len(video.images) for video in read_video_folder(tmp_path / 'data')[0])
    assert f'2 videos, 4 runs, {2 * frames} frames' in capsys.readouterr().out
    with open(tmp_path / 'out/choices.csv', encoding='utf-8') as file:
        rows = {row['']: row for row in csv.DictReader(file)}
    assert {name: row['against'] for name, row in rows.items()} == {
        'reference': '',
        'standing still': 'reference',
        'untrained second stage': 'reference',
        'other head': 'untrained second stage',
    }
    gain = float(rows['standing still']['AUC']) - float(rows['reference']['AUC'])
    assert gain < -10
    assert float(rows['standing still']['gain']) == pytest.approx(gain)
    assert f'| reference | {gain:+.1f} ± 0.0 |' in (tmp_path / 'out/choices.md').read_text()
    assert float(rows['other head']['gain']) == float(rows['other head']['standard error']) == 0

    assert [len(model.starts) for model in built] == [4, 4, 4, 4]
    built.clear()
    choices.main([*arguments, '--choices', 'reference'])
    assert [len(model.starts) for model in built] == [0]
