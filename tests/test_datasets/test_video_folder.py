# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The one layout of videos: for training, for testing, for comparing; OTB's exceptions too."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from mmtrack.registry import DATASETS
from written_runs import write_square_clips

from tlpg_mmtrack.datasets import TrackingVideoDataset, VideoFolderDataset
from tlpg_mmtrack.datasets.video_folder import read_video_folder
from tlpg_mmtrack.utils.errors import CorpusWarning, InputError


def test_boxes_are_made_zero_based(tmp_path: Path) -> None:
    write_square_clips(tmp_path, ('B', 'A'))
    videos, problems = read_video_folder(tmp_path)
    assert ([video.name for video in videos], problems) == (['A', 'B'], {})
    assert videos[0].truth.tolist()[:2] == [[30, 40, 20, 20], [34, 40, 20, 20]]
    assert [path.name for path in videos[0].images] == [f'000{n}.jpg' for n in (1, 2, 3, 4)]


def test_two_targets_and_other_separators(tmp_path: Path) -> None:
    write_square_clips(tmp_path, ('Jogging',))
    boxes = tmp_path / 'Jogging' / 'groundtruth_rect.txt'
    text = boxes.read_text()
    boxes.write_text('')
    boxes.with_name('groundtruth_rect.1.txt').write_text(text.replace(',', '\t'))
    boxes.with_name('groundtruth_rect.2.txt').write_text(text.replace(',', '  '))
    videos, problems = read_video_folder(tmp_path)
    assert ([video.name for video in videos], problems) == (['Jogging-1', 'Jogging-2'], {})
    assert videos[0].truth.tolist() == videos[1].truth.tolist()


def test_videos_of_the_benchmark_use_its_frames(tmp_path, monkeypatch):
    # A wheel comes without tools/.
    monkeypatch.setitem(sys.modules, 'dataset_check', None)
    # BlurCar1 is frames 247 to 988 of OTB-100.
    write_square_clips(tmp_path, ('BlurCar1', 'Mine'))
    for name in ('BlurCar1', 'Mine'):
        for number in range(4, 0, -1):
            image = tmp_path / name / 'img' / f'{number:04d}.jpg'
            image.rename(image.with_name(f'{number + 245:04d}.jpg'))
        boxes = tmp_path / name / 'groundtruth_rect.txt'
        boxes.write_text(''.join(boxes.read_text().splitlines(keepends=True)[:3]))
    videos, problems = read_video_folder(tmp_path)
    assert [(video.name, video.images[0].name) for video in videos] == [('BlurCar1', '0247.jpg')]
    assert '3 boxes for 4 frames: line 4 is missing, of 0249.jpg' in problems['Mine']


@pytest.mark.parametrize(
    ('line', 'message'),
    [('0,0,0,0', 'cannot be started from'), ('nan,nan,nan,nan', 'started from'), ('a', 'line 1')],
)
def test_a_bad_first_box_is_named(line: str, message: str, tmp_path: Path) -> None:
    write_square_clips(tmp_path, ('A',))
    path = tmp_path / 'A' / 'groundtruth_rect.txt'
    path.write_text('\n'.join([line, *path.read_text().splitlines()[1:]]))
    videos, problems = read_video_folder(tmp_path)
    assert videos == []
    assert str(path) in problems['A']
    assert message in problems['A']


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    write_square_clips(tmp_path / 'data')
    with pytest.raises(InputError, match=r'did you mean .*data\?'):
        read_video_folder(tmp_path)


def write_own_clips(folder: Path, box_file: str, content: str) -> None:
    """Write a clip of a user's: pictures of any names, and such a box file."""
    write_square_clips(folder, ('mine',))
    images = folder / 'mine' / 'img'
    for path, name in zip(
        sorted(images.iterdir()), ('a 1.jpg', 'a 2.JPG', 'a 10.jpg', 'a 11.jpg'), strict=True
    ):
        path.rename(images / name)
    (folder / 'mine' / 'groundtruth_rect.txt').unlink()
    (folder / 'mine' / box_file).write_text(content)


def build_test(folder: Path, **options: object) -> VideoFolderDataset:
    """The data set to test on."""
    return DATASETS.build(
        dict(
            type='VideoFolderDataset',
            data_root=str(folder),
            pipeline=[],
            test_mode=True,
            **options,
        )
    )


@pytest.mark.parametrize(
    ('box_file', 'one_based', 'base'),
    [
        ('groundtruth.txt', None, 0),
        ('groundtruth.txt', True, 1),
        ('groundtruth_rect.txt', None, 1),
        ('groundtruth_rect.txt', False, 0),
    ],
)
def test_one_folder_trains_tests_and_compares(box_file, one_based, base, tmp_path):
    rows = '30.5,40,20.25,20\n34.5,40,20,20\n0,0,0,0\n42,40,20,20\n'
    write_own_clips(tmp_path, box_file, rows)
    expected = [[30.5 - base, 40 - base, 50.75 - base, 60 - base]]
    names = ['a 1.jpg', 'a 2.JPG', 'a 10.jpg', 'a 11.jpg']

    trained = TrackingVideoDataset(data_root=str(tmp_path), one_based=one_based, pipeline=[])
    tested = build_test(tmp_path, one_based=one_based)
    (compared,), _ = read_video_folder(tmp_path, one_based)

    np.testing.assert_array_equal(trained.get_sequence(0)['bboxes'][:1], expected)
    assert trained.get_sequence(0)['visible'].tolist() == [True, True, False, True]
    truth = tested.get_ann_infos_from_video(0)
    np.testing.assert_array_equal(truth['bboxes'][:1], expected)
    assert truth['visible'].tolist() == [True, True, False, True]
    x, y, width, height = compared.truth[0]
    assert [[x, y, x + width, y + height]] == expected
    for paths in (
        trained.get_sequence(0)['img_paths'],
        tested.get_img_infos_from_video(0)['img_paths'],
        compared.images,
    ):
        assert [Path(path).name for path in paths] == names
    assert len(tested) == 4


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('1,2,3,4\n' * 3, r'groundtruth\.txt: 3 boxes for 4 frames: line 4 is missing'),
        ('1,2,3,4\n' * 5, r'groundtruth\.txt: 5 boxes for 4 frames: line 5 has no frame'),
        ('1,2,3,4\n1,nan,3,4\n' * 2, r'groundtruth\.txt, line 2: '),
        ('nan\n' * 4, r'groundtruth\.txt, line 1: the first box cannot be started from'),
    ],
)
def test_faults_are_named_before_a_frame_is_tracked(content, message, tmp_path):
    write_own_clips(tmp_path, 'groundtruth.txt', content)
    write_square_clips(tmp_path)
    with pytest.raises(InputError, match=f'1 of 3 videos cannot be tested on: mine: .*{message}'):
        build_test(tmp_path)
    videos, problems = read_video_folder(tmp_path)
    assert [video.name for video in videos] == ['A', 'B']
    assert list(problems) == ['mine']


def test_missing_and_ambiguous_files_are_named(tmp_path: Path) -> None:
    write_square_clips(tmp_path, ('A', 'B', 'C'))
    (tmp_path / 'A' / 'groundtruth_rect.txt').unlink()
    (tmp_path / 'B' / 'groundtruth.txt').write_text('1,2,3,4\n' * 4)
    for path in (tmp_path / 'C' / 'img').iterdir():
        path.unlink()
    (tmp_path / 'stray').mkdir()
    with pytest.warns(CorpusWarning, match='stray: video left out: it holds no img/'):
        videos, problems = read_video_folder(tmp_path)
    assert videos == []
    assert 'A holds 0 of groundtruth.txt and groundtruth_rect.txt' in problems['A']
    assert 'B holds 2 of' in problems['B']
    assert 'C/img holds no picture' in problems['C']


@pytest.mark.parametrize('comment', ['', 'video_path,ann_path,start_frame_id,end_frame_id\n'])
def test_mmtracks_list_is_read_from_its_first_video_on(comment: str, tmp_path: Path) -> None:
    write_square_clips(tmp_path, ('A', 'B', 'C'))
    lines = [f'{name}/img,{name}/groundtruth_rect.txt,1,4\n' for name in 'BA']
    (tmp_path / 'list.txt').write_text(comment + ''.join(lines))
    dataset = build_test(tmp_path, ann_file='list.txt')
    assert [Path(dataset.get_data_info(index)['video_path']).parent.name for index in (0, 1)] == [
        'B',
        'A',
    ]
    np.testing.assert_array_equal(
        dataset.get_ann_infos_from_video(0)['bboxes'][0], [30, 40, 50, 60]
    )


@pytest.mark.parametrize(
    ('lines', 'message'),
    [
        ('a comment\nA/img,A/groundtruth_rect.txt,1\n', r'list\.txt, line 2: expected frames'),
        ('A/img,A/groundtruth_rect.txt,1,5\n', r'line 1: .*A/img: of frames 1 to 5 4 are there'),
        ('A/img,A/groundtruth_rect.txt,2,4\n', r'line 1: .* 4 boxes for 3 frames'),
        ('A/img,A/none.txt,1,4\n', r'line 1: .*none\.txt'),
        ('a comment\n', r'list\.txt: names no video'),
    ],
)
def test_a_bad_list_is_refused(lines: str, message: str, tmp_path: Path) -> None:
    write_square_clips(tmp_path, ('A',))
    (tmp_path / 'list.txt').write_text(lines)
    with pytest.raises(InputError, match=message):
        build_test(tmp_path, ann_file='list.txt')
    with pytest.raises(InputError, match=r'none\.txt is no list of videos'):
        build_test(tmp_path, ann_file='none.txt')
