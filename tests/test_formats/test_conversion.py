# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Files of boxes there and back, files as other tools write them, and files that are refused."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose
from tlpg_tools.writers import BoxWriter

from tlpg_mmtrack.formats import FORMATS, VideoBoxes, read_boxes_of_video, write_boxes_of_video
from tlpg_mmtrack.structures import TrackingResult, TrackingState
from tlpg_mmtrack.utils.errors import FileError, InputError

Boxes = dict[tuple[int, str], tuple[float, ...]]
SUFFIXES = {'csv': '.csv', 'coco': '.json', 'cvat': '.xml', 'labelstudio': '.json'}

# As CVAT's documentation shows it; the boxes of a job, with attributes and an image's box.
CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><job><id>3</id><size>120</size><mode>interpolation</mode>
    <labels><label><name>car</name><attributes></attributes></label></labels>
    <original_size><width>176</width><height>144</height></original_size></job>
  </meta>
  <track id="0" label="car" source="manual">
    <box frame="4" outside="0" occluded="1" keyframe="1" xtl="62.00" ytl="36.00" xbr="115.00"
      ybr="101.00" z_order="0"><attribute name="model">a</attribute></box>
    <box frame="5" outside="1" occluded="1" keyframe="1" xtl="62.00" ytl="36.00" xbr="115.00"
      ybr="101.00" z_order="0"></box>
  </track>
  <track id="1" label="car" source="manual">
    <box frame="0" outside="0" occluded="0" keyframe="1" xtl="1.00" ytl="2.00" xbr="3.00"
      ybr="4.50" z_order="0"></box>
  </track>
</annotations>
"""
# As Label Studio exports a task: no size, frames from 1, percent.
LABEL_STUDIO = [
    {
        'id': 7,
        'data': {'video': '/data/upload/1/5bcb-clip.mp4'},
        'annotations': [
            {'was_cancelled': True, 'result': []},
            {
                'id': 1,
                'was_cancelled': False,
                'result': [
                    {
                        'id': 'Dx_aB',
                        'type': 'videorectangle',
                        'to_name': 'video',
                        'from_name': 'box',
                        'origin': 'manual',
                        'value': {
                            'framesCount': 120,
                            'duration': 4.0,
                            'labels': ['car'],
                            'sequence': [
                                {
                                    'frame': 3,
                                    'enabled': True,
                                    'rotation': 0,
                                    'x': 25,
                                    'y': 25,
                                    'width': 50,
                                    'height': 12.5,
                                    'time': 0.12,
                                }
                            ],
                        },
                    }
                ],
            },
        ],
    }
]


def by_frame(boxes: VideoBoxes) -> Boxes:
    return {(r.frame, r.target): r.box for r in boxes.records if r.visible}


@pytest.mark.parametrize('format', FORMATS)
@pytest.mark.parametrize('with_video', [False, True])
def test_there_and_back(format, with_video, boxes, clip, tmp_path):
    one = format in ('vot', 'otb')
    boxes = boxes.only('face') if one else boxes
    path = tmp_path / f'a{SUFFIXES.get(format, ".txt")}'
    write_boxes_of_video(boxes, path, format)
    video = clip if with_video else None
    # The format is told by the file, but for the two that look alike.
    read = read_boxes_of_video(path, format if one else None, video)
    names = {'mot': {'face': '1', 'hand': '2'}}.get(format, {'face': 'target'} if one else {})
    expected = boxes if one or format == 'csv' else [r for r in boxes.records if r.visible]
    records = expected.records if isinstance(expected, VideoBoxes) else expected
    assert len(read.records) == len(records)
    for record, original in zip(read.records, records, strict=True):
        assert record.frame == original.frame
        assert record.target == names.get(original.target, original.target)
        assert_allclose(record.box, original.box, atol=1e-4)
    if with_video:
        assert (read.name, read.size) == (boxes.name, boxes.size)
        assert read.fps == pytest.approx(boxes.fps)
    if format == 'csv':
        assert read.records[5].state == 'not_found'
        assert read.records[1].score == pytest.approx(0.5156)


def test_the_csv_of_the_tracker_is_read(tmp_path: Path) -> None:
    with BoxWriter(tmp_path / 'boxes.csv') as writer:
        writer.write(0, TrackingResult(np.array([1.5, 2, 3, 4]), 1.0, TrackingState.NORMAL))
        writer.write(1, TrackingResult(np.array([1.5, 2, 3, 4]), 0.0, TrackingState.NOT_FOUND))
    first, second = read_boxes_of_video(tmp_path / 'boxes.csv').records
    assert (first.box, first.score, first.visible) == ((1.5, 2, 3, 4), 1.0, True)
    assert (second.frame, second.visible) == (1, False)


def test_an_export_of_cvat(clip: Path, tmp_path: Path) -> None:
    (tmp_path / 'a.xml').write_text(CVAT)
    boxes = read_boxes_of_video(tmp_path / 'a.xml')
    assert by_frame(boxes) == {(0, 'car 1'): (1, 2, 2, 2.5), (4, 'car 0'): (62, 36, 53, 65)}
    assert (boxes.size, boxes.frame_count) == ((176, 144), 120)
    assert {name: record.frame for name, record in boxes.starts().items()} == {
        'car 0': 4,
        'car 1': 0,
    }


def test_an_export_of_label_studio(clip: Path, tmp_path: Path) -> None:
    (tmp_path / 'a.json').write_text(json.dumps(LABEL_STUDIO))
    boxes = read_boxes_of_video(tmp_path / 'a.json', video=clip)
    assert by_frame(boxes) == {(2, 'car'): (44, 36, 88, 18)}
    assert boxes.size == (176, 144)
    with pytest.raises(InputError, match=r"a\.json, region 'Dx_aB': is in percent of a frame"):
        read_boxes_of_video(tmp_path / 'a.json')
    assert by_frame(read_boxes_of_video(tmp_path / 'a.json', size=(16, 8))) == {
        (2, 'car'): (4, 2, 8, 1)
    }


def test_label_studio_at_another_frame_rate_is_refused(clip: Path, tmp_path: Path) -> None:
    """Its own is 24; in the clip's 4 seconds are 120 frames."""
    text = json.dumps(LABEL_STUDIO).replace('"framesCount": 120', '"framesCount": 96')
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(InputError, match=r'a\.json: counts 96 .* of 120; .* frameRate="29\.97"'):
        read_boxes_of_video(tmp_path / 'a.json', video=clip)


def test_a_truth_of_motchallenge(tmp_path: Path) -> None:
    (tmp_path / 'gt.txt').write_text('1,2,912,484,97,109,1,1,1\n1,7,1,1,20,30,1,1,0.5\n')
    assert by_frame(read_boxes_of_video(tmp_path / 'gt.txt')) == {
        (0, '2'): (911, 483, 97, 109),
        (0, '7'): (0, 0, 20, 30),
    }


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('a.csv', 'x,y\n1,2\n', r'a\.csv, line 1: lacks the columns frame, w, h'),
        ('a.csv', 'frame,x,y,w,h\n0,1,2,3,nan\n', r'line 2: box \(1.0, 2.0, 3.0, nan\) must be'),
        ('a.csv', 'frame,x,y,w,h\n0,1,2,3,4\n0,1,2,3,4\n', r'line 3: a second box of .target.'),
        ('a.csv', 'frame,x,y,w,h,state\n0,1,2,3,4,lost\n', "line 2: state 'lost' must be one of"),
        ('a.csv', 'frame,x,y,w,h\n-1,1,2,3,4\n', 'line 2: frame -1 must be a whole number'),
        (
            'a.txt',
            '1,1,5,5,5,5,1,1,1\n\n2,1,x,5,5,5,1,1,1\n',
            r'a\.txt, line 2: expected frame,id',
        ),
        ('a.txt', '1,2,3,4\n', r'format: cannot be told from .*a\.txt; pass one of csv, coco'),
        ('a.xml', CVAT[:300], r'a\.xml, line \d+: is no XML .*export it again'),
        ('a.xml', '<annotations><image/></annotations>', "<image>: is of 'CVAT for images'"),
        ('a.xml', CVAT.replace('ybr="4.50"', ''), r'<track id="1">, <box frame="0">: lacks a num'),
        ('a.json', '{"images": [', r'a\.json, line 1: is no JSON .*export it again'),
        ('a.json', '{"boxes": []}', r"the top level: has no list 'images'"),
        ('a.json', '{"images": [], "videos": [{}, {}]}', 'videos: holds 2; pass a file for each'),
        (
            'a.json',
            '{"images": [{"id": 1}], "annotations": [{"image_id": 2}]}',
            r'annotations\[0\]: its image_id 2 is of no image here',
        ),
        ('a.json', '[]', 'the top level: must be a list of one task'),
        (
            'a.json',
            json.dumps(LABEL_STUDIO).replace('"x": 25', '"x": "25"'),
            r"region 'Dx_aB', sequence\[0\]: 'x' must be a number, got '25'",
        ),
    ],
)
def test_what_is_malformed_is_named(name: str, content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read_boxes_of_video(tmp_path / name, size=(176, 144))


def broken(content: Any) -> Iterator[Any]:
    """The content with each of its parts left out, or replaced by what it should not be."""
    parts = content.items() if isinstance(content, dict) else enumerate(content)
    for key, part in list(parts):
        for other in (None, -1, 'x', [], {}, [1], 1e400):
            copy = content.copy()
            copy[key] = other
            yield copy
        copy = content.copy()
        del copy[key]
        yield copy
        if isinstance(part, (dict, list)):
            for changed in broken(part):
                copy = content.copy()
                copy[key] = changed
                yield copy


@pytest.mark.parametrize('format', ['coco', 'labelstudio'])
def test_broken_json_is_an_input_error_or_read(format, boxes, tmp_path):
    few = dataclasses.replace(boxes, records=boxes.records[:2], frame_count=2)
    path = tmp_path / 'a.json'
    write_boxes_of_video(few, path, format)
    refused = 0
    for content in broken(json.loads(path.read_text())):
        path.write_text(json.dumps(content))
        try:
            read_boxes_of_video(path, format)
        except InputError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 50


def test_broken_xml_is_an_input_error_or_read(tmp_path: Path) -> None:
    path, refused = tmp_path / 'a.xml', 0
    for found in re.finditer(r'[a-z_]+="[^"]*"|<[a-z_/]+|\d+', CVAT):
        for other in ('', 'x', '-1', 'a="nan"', '<b/>'):
            path.write_text(CVAT[: found.start()] + other + CVAT[found.end() :])
            try:
                read_boxes_of_video(path)
            except InputError as error:
                assert str(path) in str(error)
                refused += 1
    assert refused > 50


def test_boxes_of_another_video_are_refused(boxes: VideoBoxes, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / 'a.xml'
    write_boxes_of_video(dataclasses.replace(boxes, size=(640, 480)), path, 'cvat')
    with pytest.raises(InputError, match=r'a\.xml: is of frames of 640 x 480, not 176 x 144 pix'):
        read_boxes_of_video(path, video=clip)
    path = tmp_path / 'a.csv'
    path.write_text('frame,x,y,w,h\n7,180,20,30,30\n')
    with pytest.raises(InputError, match=r"'target' in frame 7 lies outside of the 176 x 144"):
        read_boxes_of_video(path, video=clip)
    path.write_text('frame,x,y,w,h\n120,80,20,30,30\n')
    with pytest.raises(InputError, match=r'a box in frame 120, after the end; they are of anot'):
        read_boxes_of_video(path, video=clip)


def test_a_folder_of_pictures_is_a_video_too(boxes: VideoBoxes, tmp_path: Path) -> None:
    for index in range(10):
        cv2.imwrite(str(tmp_path / f'{index}.png'), np.zeros((144, 176, 3), np.uint8))
    write_boxes_of_video(boxes, tmp_path / 'a.csv', 'csv')
    read = read_boxes_of_video(tmp_path / 'a.csv', video=tmp_path)
    assert (read.size, read.frame_count) == ((176, 144), 10)


def test_a_format_of_one_target_asks_which(boxes: VideoBoxes, tmp_path: Path) -> None:
    for format in ('vot', 'otb'):
        with pytest.raises(InputError, match='target: none is named; pass one of face, hand'):
            write_boxes_of_video(boxes, tmp_path / 'a.txt', format)
    with pytest.raises(InputError, match="target: no 'foot' here; pass one of face, hand"):
        boxes.only('foot')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('format', ['coco', 'cvat', 'labelstudio'])
def test_a_format_that_needs_the_size_asks_for_it(format, boxes, tmp_path):
    path = tmp_path / 'a'
    path.write_text('kept')
    with pytest.raises(InputError, match=f'size: {format} needs the size of the frames'):
        write_boxes_of_video(dataclasses.replace(boxes, size=None), path, format)
    assert path.read_text() == 'kept'


def test_a_file_that_cannot_be_written_is_named(boxes: VideoBoxes, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r'none/a\.xml: cannot be written'):
        write_boxes_of_video(boxes, tmp_path / 'none' / 'a.xml', 'cvat')


def test_a_full_disk_leaves_the_old_file(boxes, tmp_path, monkeypatch):
    path = tmp_path / 'a.xml'
    path.write_text('old')

    def no_space(*_: object, **__: object) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(Path, 'write_text', no_space)
    with pytest.raises(FileError, match=r'a\.xml: cannot be written \(No space left on device\)'):
        write_boxes_of_video(boxes, path, 'cvat')
    assert path.read_text() == 'old'
    assert [each.name for each in tmp_path.iterdir()] == ['a.xml']


def test_other_names_of_formats_are_refused(boxes: VideoBoxes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="format: 'yolo' is none; pass one of csv, coco, cvat"):
        write_boxes_of_video(boxes, tmp_path / 'a', 'yolo')
    with pytest.raises(InputError, match=r'boxes: .*none\.csv is not a file; check the path'):
        read_boxes_of_video(tmp_path / 'none.csv')
