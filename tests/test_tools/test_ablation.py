# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Runs tools/ablation.py on made-up clips, a stand-in tracker and made-up checkpoints."""

from __future__ import annotations

import copy
import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_model import FakeModel
from mmengine.config import Config
from tlpg_tools.ablation import assemble, main
from tlpg_tools.publish_weights import save_weights
from written_runs import write_square_clips

from tlpg_mmtrack.apis.tracker import Tracker
from tlpg_mmtrack.structures import TrackingResult
from tlpg_mmtrack.utils.checkpoint import load_weights, read_weights
from tlpg_mmtrack.utils.model_zoo import shipped_weights


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> list[FakeModel]:
    """The stand-ins that were built, in order; each reads its weights' file."""
    built: list[FakeModel] = []

    def from_pretrained(config: Path, weights: Path, device: str, seed: int) -> Tracker:
        assert read_weights(weights)['head.x'].shape == (2,)
        built.append(FakeModel())
        return Tracker(built[-1], 'cpu', seed)

    monkeypatch.setattr(Tracker, 'from_pretrained', from_pretrained)
    return built


@pytest.fixture
def arguments(tmp_path: Path, models: list[FakeModel]) -> list[str]:
    """Table 1 on two clips, with checkpoints of two of its four trainings."""
    write_square_clips(tmp_path / 'clips')
    for name in ('rc_iou', 'dcc_iou'):
        folder = tmp_path / 'work_dirs' / name
        folder.mkdir(parents=True)
        (folder / 'last_checkpoint').write_text(f'work_dirs/{name}/epoch_1.pth')
        torch.save(dict(state_dict={'head.x': torch.ones(2)}), folder / 'epoch_1.pth')
    paths = ['--data', str(tmp_path / 'clips'), '--out', str(tmp_path / 'out')]
    return ['--table', '1', *paths, '--checkpoints', str(tmp_path / 'work_dirs')]


def test_rows_with_a_checkpoint_are_evaluated_beside_the_papers_figures(
    arguments, tmp_path, capsys
):
    assert main(arguments) == 1
    printed = capsys.readouterr()
    for label in ('DC+IoU', 'DC+Reg+IoU'):
        assert f'left out: {label}: no ' in printed.err
    with open(tmp_path / 'out/table1.csv', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    assert [row['row'] for row in rows] == ['RC+IoU', 'DCC+NMS', 'DCC+IoU']
    assert [float(row["the paper's AUC"]) for row in rows] == [57.7, 60.0, 60.3]
    assert all(row['videos'] == '2' and float(row['otb AUC']) > 90 for row in rows)
    assert (tmp_path / 'out/table1.md').read_text().strip() in printed.out
    assert '| DCC+NMS | `dcc_nms` | 2 |' in printed.out
    # The row that DCC+IoU is compared with was left out.
    assert all(row['gain'] == '' for row in rows)
    assert (tmp_path / 'out/table1.png').stat().st_size > 0


def test_a_gain_has_its_error(arguments, tmp_path, capsys):
    work_dirs = tmp_path / 'work_dirs'
    (work_dirs / 'rc_iou').rename(work_dirs / 'dc-reg_iou')
    main(arguments)
    # The same stand-in tracks both rows.
    assert '| +0.0 ± 0.0 `dc-reg_iou` |' in capsys.readouterr().out
    with open(tmp_path / 'out/table1.csv', encoding='utf-8') as file:
        gains = {row['config']: (row['gain over'], row['gain']) for row in csv.DictReader(file)}
    assert gains == {
        'dc-reg_iou': ('', ''),
        'dcc_nms': ('', ''),
        'dcc_iou': ('dc-reg_iou', '0.000000'),
    }


def test_figures_are_means_over_the_trainings(arguments, tmp_path, models, monkeypatch, capsys):
    """Two seeds of DCC and one of RC; the second training's tracker loses its target."""
    shutil.copytree(tmp_path / 'work_dirs/dcc_iou', tmp_path / 'seed1/dcc_iou')
    first = FakeModel.step

    def step(model: FakeModel, *inputs: object) -> TrackingResult:
        result = first(model, *inputs)
        second_training = models.index(model) in (2, 4)
        return replace(result, box=np.array([0.0, 0, 2, 2])) if second_training else result

    monkeypatch.setattr(FakeModel, 'step', step)
    assert main([*arguments, str(tmp_path / 'seed1')]) == 1
    printed = capsys.readouterr()
    assert f'left out: RC+IoU: no {tmp_path / "seed1/rc_iou"}' in printed.err
    with open(tmp_path / 'out/table1.csv', encoding='utf-8') as file:
        rows = {row['config']: row for row in csv.DictReader(file)}
    assert {name: row['trainings'] for name, row in rows.items()} == dict(
        rc_iou='1', dcc_nms='2', dcc_iou='2'
    )
    good = float(rows['rc_iou']['otb AUC'])
    bad = 2 * float(rows['dcc_iou']['otb AUC']) - good
    assert bad < 50 < 90 < good
    assert float(rows['dcc_iou']['deviation']) == pytest.approx((good - bad) / 2**0.5, rel=1e-4)
    assert rows['rc_iou']['deviation'] == ''
    assert (tmp_path / 'out/training2/dcc_iou').is_dir()


def test_it_goes_on_where_it_stopped(arguments: list[str], models: list[FakeModel]) -> None:
    main(arguments)
    assert [len(model.starts) for model in models] == [2, 2, 2]
    # Table 2 has two of these rows, and no other of its trainings is there.
    models.clear()
    main([*arguments[:1], '2', *arguments[2:]])
    assert [len(model.starts) for model in models] == [0, 0]


def test_nothing_to_evaluate_is_an_error(arguments, tmp_path, capsys):
    assert main([*arguments[:-1], str(tmp_path / 'clips')]) == 2
    assert 'holds a checkpoint of no row; train one' in capsys.readouterr().err
    assert not (tmp_path / 'out/table1.csv').exists()


FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'tlpg' / 'ablation'


@pytest.fixture(scope='module')
def config() -> Config:
    """A row that does not train IoU-Net."""
    return Config.fromfile(FOLDER / 'rc_iou.py')


def test_iou_net_comes_from_its_own_training(config: Config, tmp_path: Path) -> None:
    shipped = read_weights(shipped_weights())
    start = assemble(config, None, shipped_weights(), seed=3)
    iou = {name: value for name, value in start.items() if name.startswith('iou_head.')}
    assert iou
    assert all(torch.equal(value, shipped[name]) for name, value in iou.items())
    trained = {name: value + 1 for name, value in start.items()}
    torch.save(dict(state_dict=trained), tmp_path / 'epoch_1.pth')
    weights = assemble(config, tmp_path / 'epoch_1.pth', shipped_weights(), seed=3)
    assert weights.keys() == start.keys()
    for name, value in weights.items():
        assert torch.equal(value, iou[name] if name in iou else trained[name]), name


def test_a_row_that_trains_all_is_left_as_it_is(config: Config, tmp_path: Path) -> None:
    config = copy.deepcopy(config)
    config.model.frozen_modules = []
    torch.save(dict(state_dict={'iou_head.x': torch.ones(2)}), tmp_path / 'a.pth')
    weights = assemble(config, tmp_path / 'a.pth', shipped_weights(), seed=0)
    assert weights.keys() == {'iou_head.x'}


def test_weights_are_whole_and_seeded(config: Config, tmp_path: Path) -> None:
    from mmtrack.registry import MODELS

    first, second = (assemble(config, None, shipped_weights(), seed=1) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    save_weights(first, tmp_path / 'a.safetensors', 'rc_iou', 0, half=False)
    load_weights(MODELS.build(config.model), tmp_path / 'a.safetensors')


def test_a_file_without_iou_net_is_named(config: Config, tmp_path: Path) -> None:
    torch.save(dict(state_dict={'head.x': torch.ones(2)}), tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=r'iou: .*a\.pth has no weights named iou_head'):
        assemble(config, tmp_path / 'a.pth', tmp_path / 'a.pth', seed=0)
