# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of the still images' dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_corpus import write_stills

from tlpg_mmtrack.datasets import TrackingImageDataset
from tlpg_mmtrack.utils.errors import CorpusWarning, InputError


def build(folder: Path, **changes: Any) -> TrackingImageDataset:
    """The dataset of a folder."""
    options = dict(
        data_root=str(folder),
        ann_file='annotations.json',
        data_prefix=dict(img_path='images'),
        pipeline=[],
    )
    return TrackingImageDataset(**{**options, **changes})


def change_entry(folder: Path, kind: str, index: int, **changes: Any) -> None:
    """Change one entry of the COCO file, of its `annotations` or `images`."""
    path = folder / 'annotations.json'
    content = json.loads(path.read_text())
    content[kind][index].update(changes)
    path.write_text(json.dumps(content))


def change_annotation(folder: Path, index: int, **changes: Any) -> None:
    """Change one annotation of the COCO file."""
    change_entry(folder, 'annotations', index, **changes)


def test_an_object_is_a_sequence_of_one_frame(stills: Path) -> None:
    dataset = build(stills)
    assert len(dataset) == 4
    sequence = dataset.get_sequence(1)
    np.testing.assert_array_equal(sequence['bboxes'], [[110.0, 80.0, 170.0, 120.0]])
    assert sequence['bboxes_isvalid'].tolist() == [True]
    assert sequence['video_length'] == 1
    assert Path(sequence['img_paths'][0]).name == 'set1_1.png'
    assert len(sequence['outlines'][0][0]) == 4


def test_a_peer_is_another_object_of_the_category(stills: Path) -> None:
    change_annotation(stills, 3, category_id=2)
    dataset = build(stills)
    rng = np.random.default_rng(0)
    assert {dataset.get_peer(0, rng) for _ in range(50)} == {None, 1, 2}
    assert dataset.get_peer(3, rng) is None


def test_include_and_exclude_choose_files(stills: Path) -> None:
    assert len(build(stills, include=['set0_*'])) == 2
    assert len(build(stills, exclude=['set0_0*'])) == 3
    with pytest.raises(InputError, match='include, exclude: pass lists'):
        build(stills, include='set0_*')


def test_small_objects_are_left_out(stills: Path) -> None:
    # sqrt(60 * 40) = 49 pixels of a long side of 320 are 73.5 of 480.
    assert len(build(stills, min_size=73.0)) == 4
    with pytest.raises(InputError, match='no object to train on'):
        build(stills, min_size=74.0)


def test_large_objects_are_for_pasting_only(stills: Path, tmp_path: Path) -> None:
    assert build(stills, max_cover=0.02).get_sequence(0)['paste_only']
    assert not build(stills, max_cover=0.04).get_sequence(0)['paste_only']
    without_masks = write_stills(tmp_path / 'plain', with_masks=False)
    with pytest.raises(InputError, match='no object to train on'):
        build(without_masks, max_cover=0.02)
    with pytest.raises(InputError, match='max_cover'):
        build(stills, max_cover=0.0)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(bbox=[10, 10, 0, 20]), 'has no area'),
        (dict(bbox=[400, 10, 20, 20]), 'is outside the 320 x 240 image'),
        (dict(bbox=[10, 10, 20]), 'is not four finite numbers'),
        (dict(bbox=[10, 10, 20, float('nan')]), 'is not four finite numbers'),
        (dict(bbox=['a', 'b', 'c', 'd']), r'bbox: .* four finite numbers \[x, y, width, height\]'),
        (dict(bbox=dict(x=10)), r"bbox: {'x': 10} is not four finite numbers"),
        (dict(bbox=None), 'bbox: None is not four finite numbers'),
        (dict(segmentation=[['a', 'b']]), 'segmentation: .*give a list of polygons or a run-len'),
        (dict(segmentation='nonsense'), 'segmentation: .*give a list of polygons or a run-length'),
        (dict(segmentation=[[0, 0, 20, 0, 20, 20]]), 'does not fit box'),
        (dict(segmentation=dict(size=[9, 9], counts=[81])), 'needs counts and size'),
    ],
)
def test_bad_annotations_are_left_out_with_the_file_named(stills, changes, message):
    change_annotation(stills, 2, **changes)
    where = r'annotations\.json: annotation 2 of set0_2\.png: object left out'
    with pytest.warns(CorpusWarning, match=f'{where}: .*{message}'):
        assert len(build(stills)) == 3


@pytest.mark.parametrize('width', [None, 0])
def test_objects_of_an_image_without_a_size_are_left_out(stills: Path, width: object) -> None:
    change_entry(stills, 'images', 2, width=width)
    with pytest.warns(CorpusWarning, match=r'annotation 2 of set0_2\.png: .* positive width and'):
        assert len(build(stills)) == 3


def test_crowds_are_counted_in_one_warning(stills: Path, summaries: list[str]) -> None:
    change_annotation(stills, 1, iscrowd=1)
    change_annotation(stills, 2, iscrowd=1)
    with pytest.warns(CorpusWarning, match='2 of 4 annotations are of crowds') as found:
        assert len(build(stills)) == 2
    assert len(found) == 1
    (summary,) = summaries
    assert '2 objects, 2 left out (warnings above): 2 that are of crowds' in summary


def test_crowds_alone_are_an_error(stills: Path) -> None:
    for index in range(4):
        change_annotation(stills, index, iscrowd=1)
    with (
        pytest.warns(CorpusWarning, match='4 of 4 annotations are of crowds'),
        pytest.raises(InputError, match=r'no object to train on.* 4 left out: .* iscrowd 0; exp'),
    ):
        build(stills)


def test_annotations_without_image_are_counted_in_one_warning(stills: Path) -> None:
    change_annotation(stills, 0, image_id=77)
    change_annotation(stills, 1, image_id=[1])
    with pytest.warns(CorpusWarning, match=r'annotations\.json: 2 of 4 annotations') as found:
        assert len(build(stills)) == 2
    assert len(found) == 1


def test_image_ids_that_all_match_nothing_are_an_error(stills: Path) -> None:
    for index in range(4):
        change_annotation(stills, index, image_id=str(index))
    with (
        pytest.warns(CorpusWarning, match='4 of 4 annotations'),
        pytest.raises(InputError, match=r'4 that have the image_id of no image; .* type; exp'),
    ):
        build(stills)


def test_an_annotation_that_is_no_object_is_left_out(stills: Path) -> None:
    path = stills / 'annotations.json'
    content = json.loads(path.read_text())
    content['annotations'][0] = None
    path.write_text(json.dumps(content))
    with pytest.warns(CorpusWarning, match='1 of 4 annotations'):
        assert len(build(stills)) == 3


def test_a_byte_order_mark_does_no_harm(stills: Path) -> None:
    path = stills / 'annotations.json'
    path.write_text(path.read_text(), encoding='utf-8-sig')
    assert len(build(stills)) == 4


def test_a_missing_or_empty_file_is_named(stills: Path) -> None:
    with pytest.raises(InputError, match=r'nowhere\.json does not exist'):
        build(stills, ann_file='nowhere.json')
    (stills / 'annotations.json').write_text('{}')
    with pytest.raises(InputError, match=r'json: no object .*min_size=12\.0\); expected COCO'):
        build(stills)


@pytest.mark.parametrize(
    'content',
    [
        '{"images": [',
        '[1, 2]',
        '{"images": [{"file_name": "a.png"}]}',
    ],
)
def test_a_file_that_is_not_coco_is_named(stills: Path, content: str) -> None:
    (stills / 'annotations.json').write_text(content)
    with pytest.raises(InputError, match=r'annotations\.json is no COCO annotation file'):
        build(stills)


def test_it_serves_alone_seeded_by_numpy(stills: Path) -> None:
    dataset = build(stills, pipeline=[dict(type='SampleTrackingFrames')])
    samples = []
    for _ in range(2):
        np.random.seed(3)
        samples.append(dataset[0])
    assert samples[0]['img_path'] == samples[1]['img_path']
    assert samples[0]['rng'].random() == samples[1]['rng'].random()
