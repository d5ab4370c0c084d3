# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Every benchmark's look-alike is checked, listed, and read by its config's data set."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import look_alikes
import mmtrack
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmtrack.datasets import BaseSOTDataset
from mmtrack.registry import DATASETS
from tlpg_tools import prepare_dataset
from tlpg_tools.prepare_dataset import BENCHMARKS, Findings, ListedVideo, read_names, write_list

from tlpg_mmtrack.datasets.video_folder import otb_targets
from tlpg_mmtrack.evaluation.provenance import video_names

REPOSITORY = Path(__file__).resolve().parents[2]
#: For each benchmark its folder below `data/` and, of its list, what the look-alike has.
FOLDERS = {
    'got10k-test': 'GOT10k',
    'got10k-val': 'GOT10k',
    'lasot': 'LaSOT_full',
    'otb100': 'OTB100',
    'trackingnet': 'TrackingNet',
    'uav123': 'UAV123',
    'vot2018': 'VOT2018',
}
LISTED = {
    'lasot_test.txt': {'airplane-1', 'zebra-10'},
    'otb100.txt': set(look_alikes.OTB_FOLDERS),
    'uav123.txt': {'bird1_1', 'bird1_2', 'bird1_3', 'uav6'},
    'vot2018.txt': {'ants1', 'zebrafish1'},
}


@pytest.fixture
def prepare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes a benchmark's look-alike, and shortens the benchmark's list to it."""

    def read_few(name: str) -> list[list[str]]:
        return [row for row in read_names(name) if row[0] in LISTED[name]]

    monkeypatch.setattr(prepare_dataset, 'read_names', read_few)
    for name in prepare_dataset.VIDEOS:
        monkeypatch.setitem(prepare_dataset.VIDEOS, name, 2)
    monkeypatch.setenv('TLPG_DATA', str(tmp_path))

    def write(name: str) -> Path:
        root = tmp_path / FOLDERS[name]
        getattr(look_alikes, f'write_{name.partition("-")[0]}')(root)
        return root

    return write


def list_videos(name: str, root: Path) -> Path:
    """Check a look-alike, which must be whole, and write its list."""
    check, list_name = BENCHMARKS[name]
    findings = check(root)
    assert findings.problems == []
    write_list(root / 'annotations' / list_name, findings.videos)
    return root / 'annotations' / list_name


def load(name: str) -> BaseSOTDataset:
    """The data set of the benchmark's config."""
    init_default_scope('mmtrack')
    bench = 'got10k' if name == 'got10k-test' else name
    config = REPOSITORY / 'configs' / 'tlpg' / f'tlpg_efflite0_small_test-{bench}.py'
    return DATASETS.build(Config.fromfile(config).test_dataloader.dataset)


@pytest.mark.parametrize('name', sorted(BENCHMARKS))
def test_configs_read_what_was_prepared(name: str, prepare: Callable[[str], Path]) -> None:
    list_videos(name, prepare(name))
    dataset = load(name)
    assert dataset.num_videos >= 2
    for video in range(dataset.num_videos):
        for frame in (0, dataset.get_len_per_video(video) - 1):
            sample = dataset[video, frame]
            assert sample['inputs']['img'].shape[-3:] == (3, 60, 80)
            assert sample['data_samples'].frame_id == frame
        first = dataset[video, 0]['data_samples'].gt_instances.bboxes
        assert first.shape == (1, 8 if name == 'vot2018' else 4)


def test_otb_has_its_exceptions(prepare: Callable[[str], Path]) -> None:
    list_videos('otb100', prepare('otb100'))
    dataset = load('otb100')
    names = video_names(dataset)
    assert names == [
        'BlurCar3', 'Board', 'David', 'Football1', 'Human4-2', 'Jogging-1', 'Jogging-2', 'Tiger1',
        'Vase', 'Walking',
    ]  # fmt: skip
    lengths = dict(zip(names, map(dataset.get_len_per_video, range(len(names))), strict=True))
    assert [lengths[name] for name in names[:5]] == [357, 698, 471, 74, 667]
    first = {
        name: Path(dataset.get_img_infos_from_video(index)['img_paths'][0]).name
        for index, name in enumerate(names)
    }
    assert (first['BlurCar3'], first['Board']) == ('0003.jpg', '00001.jpg')
    assert (first['David'], first['Tiger1'], first['Walking']) == (
        '0300.jpg',
        '0006.jpg',
        '0001.jpg',
    )
    # The box of Tiger1's sixth frame.
    assert dataset.get_bboxes_from_video(names.index('Tiger1'))[0].tolist() == [15, 8, 20, 16]


def test_lasot_hides_its_target(prepare: Callable[[str], Path]) -> None:
    list_videos('lasot', prepare('lasot'))
    visible = load('lasot').get_ann_infos_from_video(1)['visible']
    assert np.flatnonzero(~visible).tolist() == [2, 4]


def test_got10k_validation_has_every_box_and_its_visibility(prepare):
    list_videos('got10k-val', prepare('got10k-val'))
    dataset = load('got10k-val')
    infos = dataset.get_ann_infos_from_video(1)
    assert np.flatnonzero(~infos['visible']).tolist() == [3]
    assert infos['bboxes'].shape == (10, 4)
    assert dataset[1, 9]['data_samples'].gt_instances.bboxes.tolist() == [[19, 8, 39, 24]]


def test_uav123_videos_share_frames_and_miss_their_target(prepare):
    list_videos('uav123', prepare('uav123'))
    dataset = load('uav123')
    assert video_names(dataset) == ['bird1_1', 'bird1_2', 'bird1_3', 'uav6']
    assert dataset.get_img_infos_from_video(1)['img_paths'][0].endswith('bird1/000775.jpg')
    assert (~dataset.get_ann_infos_from_video(3)['visible']).sum() == 20


def converter(path: str) -> Callable:
    """mmtrack's own function that writes a list."""
    file = Path(mmtrack.__file__).parent / '.mim/tools/dataset_converters' / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.gen_data_infos


@pytest.mark.parametrize(
    ('name', 'path', 'arguments'),
    [
        ('got10k-test', 'got10k/gen_got10k_infos.py', dict(split='test')),
        ('got10k-val', 'got10k/gen_got10k_infos.py', dict(split='val')),
        ('trackingnet', 'trackingnet/gen_trackingnet_infos.py', dict(split='test')),
        ('vot2018', 'vot/gen_vot_infos.py', dict(dataset_type='vot2018')),
    ],
)
def test_lists_are_those_of_mmtracks_converters(name, path, arguments, prepare, tmp_path):
    root = prepare(name)
    ours = list_videos(name, root)
    converter(path)(str(root), str(tmp_path / 'theirs'), **arguments)
    lines = (tmp_path / 'theirs' / ours.name).read_text().splitlines()
    assert ours.read_text().splitlines()[1:] == lines[1:]


def test_the_lists_name_whole_benchmarks() -> None:
    for name, count in {'lasot_test.txt': 280, 'uav123.txt': 123, 'vot2018.txt': 60}.items():
        assert len({tuple(row) for row in read_names(name)}) == count
    assert len(otb_targets()) == 100
    assert len({folder for folder, _ in otb_targets()}) == 98
    assert otb_targets()['Tiger1', 'groundtruth_rect.txt'] == (6, 354)


def test_otb_list_has_the_lengths_of_published_results(reference_data: Path) -> None:
    folder = reference_data / 'otb100' / 'groundtruth'
    files = {path.stem.lower(): path for path in folder.iterdir()}
    for (video, boxes), (first, last) in otb_targets().items():
        target = re.search(r'\.(\d)\.', boxes)
        name = f'{video}-{target[1]}' if target else video
        lines = files[name.lower()].read_text().split()
        assert len(lines) == last - first + 1, name


# --- what is wrong is said --------------------------------------------------------------------


@pytest.mark.parametrize(
    ('name', 'file', 'content', 'message'),
    [
        ('otb100', 'data/Vase/img/0100.jpg', None, r'Vase/img: 1 of 271 frames .*: 0100\.jpg$'),
        ('otb100', 'data/Board/groundtruth_rect.txt', None, 'Board/.*the file is missing'),
        ('otb100', 'data/Tiger1/groundtruth_rect.txt', '1,2,3,4\n' * 349, '349 lines, but 354'),
        ('otb100', 'data/Vase/groundtruth_rect.txt', '1.5,2,3,4\n' * 271, 'whole numbers, is'),
        ('lasot', 'LaSOTBenchmark/zebra/zebra-10/out_of_view.txt', '0,0', '2 values, but 12'),
        ('lasot', 'LaSOTBenchmark/zebra/zebra-10/full_occlusion.txt', None, 'file is missing'),
        (
            'lasot',
            'LaSOTBenchmark/airplane/airplane-1/groundtruth.txt',
            'NaN,1,2,3\n' * 9,
            'line 1',
        ),
        ('got10k-val', 'val/GOT-10k_Val_000002/cover.label', '9\n' * 10, r"'9' is not .* 0\.\.8"),
        ('got10k-test', 'test/list.txt', 'GOT-10k_Test_000001\n', 'names 1 videos, test has 2'),
        ('got10k-test', 'test/list.txt', None, 'list.txt: the file is missing'),
        ('trackingnet', 'TEST/anno/zMZpQN_RmGM_3.txt', None, 'has 1 annotation files'),
        ('trackingnet', 'TEST/frames/zMZpQN_RmGM_3/0.jpg', None, r'missing: 0\.jpg$'),
        ('uav123', 'anno/UAV123/uav6.txt', '1,2,3\n' * 109, "line 1: .* got '1,2,3'"),
        (
            'vot2018',
            'data/ants1/groundtruth.txt',
            '1,2,3,4,5,6\n' * 12,
            'line 1: .*eight of four corners',
        ),
    ],
)
def test_problems_name_the_file(name, file, content, message, prepare):
    root = prepare(name)
    whole = len(BENCHMARKS[name][0](root).videos)
    if content is None:
        (root / file).unlink()
    else:
        (root / file).write_text(content)
    findings = BENCHMARKS[name][0](root)
    assert [problem for problem in findings.problems if re.search(message, problem)]
    if not file.endswith('list.txt'):
        assert len(findings.videos) == whole - 1


@pytest.mark.parametrize('name', sorted(BENCHMARKS))
def test_an_empty_folder_is_reported_and_gives_no_video(name: str, tmp_path: Path) -> None:
    findings = BENCHMARKS[name][0](tmp_path)
    assert findings.problems
    assert findings.videos == []
    assert all(str(tmp_path) in problem for problem in findings.problems)


def test_many_missing_frames_are_counted(prepare: Callable[[str], Path]) -> None:
    root = prepare('otb100')
    for image in list((root / 'data/Vase/img').iterdir())[:30]:
        image.unlink()
    (problem,) = BENCHMARKS['otb100'][0](root).problems
    assert '30 of 271 frames are missing' in problem
    assert problem.endswith('and 25 more')


VIDEO = ListedVideo('data/a/img', 'data/a/groundtruth_rect.txt', 2, 6)


def run(monkeypatch: pytest.MonkeyPatch, findings: Findings, *arguments: object) -> int:
    """Run the tool where a check finds this."""
    monkeypatch.setitem(BENCHMARKS, 'otb100', (lambda root: findings, 'infos.txt'))
    return prepare_dataset.main(['otb100', *map(str, arguments)])


def test_writes_the_list_of_a_whole_benchmark(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, Findings([VIDEO]), tmp_path) == 0
    assert 'otb100: 1 videos with 5 frames are complete; 0 problems' in capsys.readouterr().out
    lines = (tmp_path / 'annotations' / 'infos.txt').read_text().splitlines()
    assert lines[1:] == ['data/a/img,data/a/groundtruth_rect.txt,2,6']


def test_writes_nothing_when_something_is_missing_unless_told(monkeypatch, tmp_path, capsys):
    findings = Findings([VIDEO], ['data/b: the folder is missing'])
    assert run(monkeypatch, findings, tmp_path) == 2
    assert 'data/b: the folder is missing\n' in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert run(monkeypatch, findings, tmp_path, '--partial') == 1
    assert (tmp_path / 'annotations' / 'infos.txt').is_file()


def test_the_command_names_what_is_missing(tmp_path, capsys):
    assert prepare_dataset.main(['uav123', str(tmp_path)]) == 2
    printed = capsys.readouterr().out
    assert f'{tmp_path}/data_seq/UAV123/bike1: the folder is missing' in printed
    assert '0 videos with 0 frames are complete; 246 problems' in printed


def test_a_root_that_is_no_folder_is_refused(monkeypatch, tmp_path):
    assert run(monkeypatch, Findings([VIDEO]), tmp_path / 'nowhere') == 2
