# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of tools/convert.py; tests/test_formats has those of the formats."""

from __future__ import annotations

from pathlib import Path

import pytest
from tlpg_tools.convert import FORMATS, main
from tlpg_tools.demo_clip import demo_clip

from tlpg_mmtrack import formats

BOXES = """frame,x,y,w,h,score,state,target
0,62,36,53,65,1,normal,face
1,63,36,53,65,0.9,normal,face
1,10,20,30,40,1,normal,hand
"""


@pytest.fixture
def boxes(tmp_path: Path) -> str:
    """A file of boxes of two targets in the demo's clip."""
    path = tmp_path / 'boxes.csv'
    path.write_text(BOXES)
    return str(path)


def test_its_formats_are_the_packages() -> None:
    assert tuple(formats.FORMATS) == FORMATS


def test_all_targets_with_what_the_video_says(boxes: str, tmp_path: Path) -> None:
    out = tmp_path / 'boxes.xml'
    assert main([boxes, str(out), '--to', 'cvat', '--video', str(demo_clip())]) == 0
    text = out.read_text()
    assert '<width>176</width>' in text
    assert '<name>carphone_pristine.mp4</name>' in text
    back = tmp_path / 'back.txt'
    assert main([str(out), str(back), '--to', 'mot']) == 0
    assert back.read_text().splitlines()[2] == '2,2,11.0,21.0,30.0,40.0,1.0,-1,-1,-1'


def test_one_target(boxes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / 'a.txt'
    assert main([boxes, str(out), '--to', 'otb', '--target', 'face']) == 0
    assert out.read_text().splitlines()[0] == '63.0000,37.0000,53.0000,65.0000'
    assert capsys.readouterr().out == f'wrote {out}: 2 boxes of 1 targets\n'


def test_the_file_that_is_read_stays(boxes: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([boxes, boxes, '--to', 'mot']) == 2
    assert 'is the file to read; pass another' in capsys.readouterr().err
    assert Path(boxes).read_text() == BOXES


def test_a_file_without_a_box_is_refused(tmp_path: Path, capsys) -> None:
    (tmp_path / 'empty.xml').write_text('<annotations/>')
    assert main([str(tmp_path / 'empty.xml'), str(tmp_path / 'a'), '--to', 'mot']) == 2
    assert 'empty.xml holds no box; pass a file with some' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--to', 'vot'], 'target: none is named; pass one of face, hand'),
        (['--to', 'coco'], 'size: coco needs the size of the frames'),
        (['--to', 'cvat', '--size', '0', '-5'], 'size: must be positive, got (0, -5); pass'),
        (['--to', 'mot', '--from', 'mot'], 'boxes.csv, line 1: expected frame,id,x,y,w,h,conf'),
    ],
)
def test_what_is_wrong_is_one_line(options, message, boxes, tmp_path, capsys):
    assert main([boxes, str(tmp_path / 'a'), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / 'a').exists()
