# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Reading folders in OTB's layout, its exceptions included."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_runs import write_square_clips

from tlpg_mmtrack.evaluation.peers.otb_folder import read_otb_folder


def test_boxes_are_made_zero_based(tmp_path: Path) -> None:
    write_square_clips(tmp_path, ('B', 'A'))
    videos, problems = read_otb_folder(tmp_path)
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
    videos, problems = read_otb_folder(tmp_path)
    assert ([video.name for video in videos], problems) == (['Jogging-1', 'Jogging-2'], {})
    assert videos[0].truth.tolist() == videos[1].truth.tolist()


def test_videos_of_the_benchmark_use_its_frames(tmp_path: Path) -> None:
    # BlurCar1 is frames 247 to 988 of OTB-100.
    write_square_clips(tmp_path, ('BlurCar1', 'Mine'))
    for name in ('BlurCar1', 'Mine'):
        for number in range(4, 0, -1):
            image = tmp_path / name / 'img' / f'{number:04d}.jpg'
            image.rename(image.with_name(f'{number + 245:04d}.jpg'))
        boxes = tmp_path / name / 'groundtruth_rect.txt'
        boxes.write_text(''.join(boxes.read_text().splitlines(keepends=True)[:3]))
    videos, problems = read_otb_folder(tmp_path)
    assert [(video.name, video.images[0].name) for video in videos] == [('BlurCar1', '0247.jpg')]
    assert 'has 3 lines, but 4 are expected' in problems['Mine']


@pytest.mark.parametrize(
    ('line', 'message'),
    [('0,0,0,0', 'cannot be started from'), ('nan,nan,nan,nan', 'started from'), ('a', 'line 1')],
)
def test_a_bad_first_box_is_named(line: str, message: str, tmp_path: Path) -> None:
    write_square_clips(tmp_path, ('A',))
    path = tmp_path / 'A' / 'groundtruth_rect.txt'
    path.write_text('\n'.join([line, *path.read_text().splitlines()[1:]]))
    videos, problems = read_otb_folder(tmp_path)
    assert videos == []
    assert str(path) in problems['A']
    assert message in problems['A']


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    write_square_clips(tmp_path / 'data')
    with pytest.raises(FileNotFoundError, match=r'did you mean .*data\?'):
        read_otb_folder(tmp_path)
