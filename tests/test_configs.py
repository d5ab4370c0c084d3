# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Every config builds; the R50 configs, for which no data are at hand, run on made-up ones."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmtrack.registry import DATASETS, MODELS, TRANSFORMS
from training_step import build, train_step

from tlpg_mmtrack.models.learners import SDOptimizer
from tlpg_mmtrack.models.trackers import TLPG, TrackingOptions

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIGS = sorted((REPOSITORY / 'configs' / 'tlpg').glob('*.py'))
SMALL = REPOSITORY / 'configs' / 'tlpg' / 'tlpg_efflite0_small.py'
R50 = REPOSITORY / 'configs' / 'tlpg' / 'tlpg_r50_1xb10-60e_trackingnet-lasot-got10k.py'
TRAINED = [path for path in CONFIGS if '_test-' not in path.stem]
MIXED = REPOSITORY / 'configs' / 'mix' / 'prdimp_efflite0_small.py'
VIDEO_FRAMES = 24


def name_of(path: Path) -> str:
    """Id of a parametrised test."""
    return path.stem


@pytest.fixture(scope='module')
def r50() -> TLPG:
    """TLPG-R50 with random weights (building reads no checkpoint) and small crops."""
    return build(Config.fromfile(R50))


@pytest.mark.parametrize('path', TRAINED, ids=name_of)
def test_model_builds_and_takes_a_training_step(path: Path) -> None:
    config = Config.fromfile(path)
    model = build(config)
    assert isinstance(model, TLPG)
    # What the parts say of their geometry agrees with the backbone that the config names.
    channels, _, offsets = zip(*model.backbone.feature_info, strict=True)
    assert model.neck.in_channels == channels
    assert model.head.grid.cell_offset == offsets[1]
    if model.refiner is not None:
        assert model.refiner.head.grid.cell_offset == offsets[1]
    if model.iou_head is not None:
        assert model.iou_head.in_channels == channels[:2]
        # To a quarter of a cell, what the measurement of a backbone's offset is good for.
        for grid, offset in zip(model.iou_head.grids, offsets, strict=False):
            assert abs(grid.cell_offset - offset) <= grid.stride / 4
    train_step(model, config)


@pytest.mark.parametrize('path', [*TRAINED, MIXED], ids=name_of)
def test_a_single_process_trains_at_the_rates_as_written(path: Path) -> None:
    config = Config.fromfile(path)
    batch_size = config.train_dataloader.batch_size
    assert config.auto_scale_lr == dict(enable=False, base_batch_size=batch_size)


@pytest.mark.parametrize('path', [*TRAINED, MIXED], ids=name_of)
def test_a_training_is_validated_on_what_it_is_tested_on(path: Path) -> None:
    config = Config.fromfile(path)
    # The paper's data were not at hand; the boxes of a regression need a trained IoU-Net.
    validated = path != R50 and not path.stem.endswith('regression')
    assert (config.get('val_cfg') is not None) == validated
    if validated:
        assert config.val_dataloader == config.test_dataloader
        assert config.val_evaluator == config.test_evaluator
        # What SOTMetric calls it; tests/test_tools/test_mix.py has a training that does this.
        assert config.default_hooks.checkpoint.save_best == 'sot/success'


@pytest.mark.parametrize('path', [path for path in CONFIGS if path not in TRAINED], ids=name_of)
def test_benchmarks_test_the_model_that_is_trained(path: Path) -> None:
    name, _, bench = path.stem.partition('_test-')
    tested = Config.fromfile(path).model
    trained = Config.fromfile(path.with_name(f'{name}.py')).model
    options = TrackingOptions(**tested.pop('test_cfg'))
    defaults = asdict(TrackingOptions())
    changed = {name: value for name, value in asdict(options).items() if value != defaults[name]}
    expected = dict(trained.pop('test_cfg'))
    if bench == 'vot2018':
        expected.update(test_mode='VOT', crop_size=224, search_scale=4.0, memory_size=250)
        expected.update(first_iters=25, update_iters=3, hard_negative_iters=3, update_interval=10)
        # A failure starts the tracker anew there.
        expected.pop('redetection', None)
    assert changed == expected
    assert tested == trained


@pytest.mark.parametrize('path', CONFIGS, ids=name_of)
def test_pipelines_build(path: Path) -> None:
    init_default_scope('mmtrack')
    config = Config.fromfile(path)
    pipelines = [config.train_pipeline] if 'train_pipeline' in config else []
    if 'test_dataloader' in config:
        pipelines.append(config.test_dataloader.dataset.pipeline)
    for pipeline in pipelines:
        assert all(callable(TRANSFORMS.build(transform)) for transform in pipeline)


def test_there_is_a_config_to_test_on_every_benchmark() -> None:
    benchmarks = {'got10k', 'got10k-val', 'lasot', 'otb100', 'trackingnet', 'uav123', 'vot2018'}
    for model in ('tlpg_efflite0_small', R50.stem):
        names = [path.stem.partition('_test-') for path in CONFIGS]
        assert {bench for name, _, bench in names if name == model} - {'', 'videos'} == benchmarks


@pytest.mark.parametrize('folder', ['tlpg', 'tlpg/ablation', 'mix'])
def test_a_folder_s_page_names_every_config(folder: str) -> None:
    folder = REPOSITORY / 'configs' / folder
    named = re.findall(r'`([\w*-]+\.py)`', (folder / 'README.md').read_text(encoding='utf-8'))
    assert all(list(folder.glob(name)) for name in named)
    configs = {path.name for path in folder.glob('*.py')}
    assert configs == {path.name for name in named for path in folder.glob(name)}


def test_the_index_lists_every_trained_config() -> None:
    index = yaml.safe_load((REPOSITORY / 'model-index.yml').read_text())
    listed = set()
    for name in index['Import']:
        models = yaml.safe_load((REPOSITORY / name).read_text())['Models']
        listed |= {REPOSITORY / model['Config'] for model in models}
    # Neither tests on a benchmark, nor a part of a training.
    assert listed == {
        path
        for path in CONFIGS
        if '_test-' not in path.stem and not Config.fromfile(path).model.get('frozen_modules')
    }


def test_the_readme_config_puts_our_optimiser_into_mmtracks_prdimp(tmp_path: Path) -> None:
    init_default_scope('mmtrack')
    page = (REPOSITORY / 'README.md').read_text(encoding='utf-8')
    blocks = re.findall(r'```python\n(.*?)```', page, flags=re.DOTALL)
    (example,) = (block for block in blocks if "_base_ = 'mmtrack::" in block)
    (tmp_path / 'config.py').write_text(example)
    model = MODELS.build(Config.fromfile(tmp_path / 'config.py').model)
    assert type(model).__name__ == 'PrDiMP'
    assert isinstance(model.classifier.filter_optimizer, SDOptimizer)


def learning_rates(model: TLPG, config: Config) -> dict[str, float]:
    """Of every parameter that has one, by name."""
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    rates = {
        id(parameter): group['lr']
        for group in wrapper.optimizer.param_groups
        for parameter in group['params']
    }
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[key]: rate for key, rate in rates.items()}


def test_r50_learning_rates_are_those_of_the_paper_and_dimp(r50: TLPG) -> None:
    by_name = learning_rates(r50, Config.fromfile(R50))
    for name, rate in {
        'backbone.layer2.0.conv1.weight': 2e-5,
        'neck.lateral_convs.0.weight': 5e-5,
        'head.filter_features.weight': 5e-5,
        'head.initial_free': 5e-5,
        'refiner.head.filter_features.weight': 5e-5,
        'refiner.enhancer.combine.weight': 5e-5,
        'head.learner.filter_optimizer.log_step': 5e-4,
        'refiner.head.learner.offset_optimizer.log_regularisation': 5e-4,
        'iou_head.predictor.weight': 1e-3,
    }.items():
        assert by_name[name] == pytest.approx(rate), name


def test_small_learning_rates_leave_what_starts_each_target_as_it_is() -> None:
    init_default_scope('mmtrack')
    config = Config.fromfile(SMALL)
    by_name = learning_rates(MODELS.build(config.model), config)
    for name, rate in {
        'neck.lateral_convs.0.weight': 5e-5,
        'head.filter_features.weight': 5e-5,
        'head.initial_affine': 0.0,
        'head.initial_free': 0.0,
        'refiner.head.log_initial_gain': 0.0,
        'refiner.enhancer.combine.weight': 1e-3,
        'head.learner.filter_optimizer.log_step': 2e-3,
        'box_head.match.weight': 1e-3,
    }.items():
        assert by_name[name] == pytest.approx(rate), name


def test_r50_tracks(r50: TLPG) -> None:
    generator = np.random.default_rng(0)
    background = generator.integers(0, 255, (120, 160, 3), dtype=np.uint8)
    target = None
    r50.eval()
    for index in range(3):
        frame = background.copy()
        frame[40 + 2 * index : 70 + 2 * index, 60 + 3 * index : 90 + 3 * index] = (40, 220, 90)
        if target is None:
            target = r50.start(frame, np.array([60.0, 40.0, 30.0, 30.0]))
            continue
        result = r50.step(frame, target)
        assert np.isfinite(result.box).all()
        assert (result.box[2:] > 0).all()
        assert np.isfinite(result.score)


def write_video(folder: Path, names: str, boxes_path: Path) -> None:
    """Write 24 small frames, named by a %-template, and their boxes x,y,w,h."""
    folder.mkdir(parents=True)
    boxes_path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    frame = generator.integers(0, 255, (72, 96, 3), dtype=np.uint8)
    for index in range(VIDEO_FRAMES):
        cv2.imwrite(str(folder / (names % (index + 1))), frame)
    boxes_path.write_text('30,20,24,30\n' * VIDEO_FRAMES)


def write_list(path: Path, video: str, boxes: str, first: int = 1) -> None:
    """Write mmtrack's list of videos, with a single one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'a comment\n{video},{boxes},{first},{first + VIDEO_FRAMES - 1}\n')


@pytest.fixture
def full_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One video of each of the three training sets, laid out as mmtrack expects them."""
    zeros, ones = '0\n' * VIDEO_FRAMES, '8\n' * VIDEO_FRAMES
    got10k = tmp_path / 'GOT10k'
    video = 'train/GOT-10k_Train_000001'
    write_video(got10k / video, '%08d.jpg', got10k / video / 'groundtruth.txt')
    (got10k / video / 'absence.label').write_text(zeros)
    (got10k / video / 'cover.label').write_text(ones)
    write_list(
        got10k / 'annotations/got10k_train_vot_infos.txt', video, f'{video}/groundtruth.txt'
    )
    lasot = tmp_path / 'LaSOT_full'
    videos, video = lasot / 'LaSOTBenchmark', 'cat/cat-1'
    write_video(videos / video / 'img', '%08d.jpg', videos / video / 'groundtruth.txt')
    for name in ('full_occlusion.txt', 'out_of_view.txt'):
        (videos / video / name).write_text(','.join('0' * VIDEO_FRAMES))
    write_list(
        lasot / 'annotations/lasot_train_infos.txt', f'{video}/img', f'{video}/groundtruth.txt'
    )
    trackingnet = tmp_path / 'TrackingNet'
    boxes = 'TRAIN_0/anno/a.txt'
    write_video(trackingnet / 'TRAIN_0/frames/a', '%d.jpg', trackingnet / boxes)
    write_list(trackingnet / 'annotations/trackingnet_train_infos.txt', 'TRAIN_0/frames/a', boxes)
    monkeypatch.setenv('TLPG_DATA', str(tmp_path))
    return tmp_path


def test_r50_draws_samples_from_the_three_sets(full_data: Path) -> None:
    init_default_scope('mmtrack')
    dataset = DATASETS.build(Config.fromfile(R50).train_dataloader.dataset)
    assert [type(part).__name__ for part in dataset.datasets] == [
        'TrackingNetDataset',
        'LaSOTDataset',
        'GOT10kDataset',
    ]
    assert np.allclose(dataset.dataset_sampling_probs, np.array([4, 1, 4]) / 9)
    for part in dataset.datasets:
        sample = part[0]
        assert sample['inputs']['img'].shape == (3, 3, 288, 288)
        assert sample['inputs']['search_img'].shape == (3, 3, 288, 288)
        boxes = sample['data_samples'].search_gt_instances.bboxes
        # The target's nominal size is a fifth of the crop, before jitter.
        assert boxes.shape == (3, 4)
        assert ((boxes[:, 2:] - boxes[:, :2]) > 10).all()
