# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What is written is read by the formats' own tools (requirements/readers.txt)."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from got10k.datasets import OTB, VOT
from mmtrack.datasets.api_wrappers import CocoVID
from numpy.testing import assert_allclose

from tlpg_mmtrack.formats import VideoBoxes, write_boxes_of_video
from tlpg_mmtrack.utils.frames import open_source

Boxes = dict[tuple[int, str], tuple[float, ...]]
#: datumaro rounds corners to it.
HUNDREDTH = 0.011
LABELLING = (
    '<View><Video name="video" value="$video"/><VideoRectangle name="box" toName="video"/>'
    '<Labels name="label" toName="video"><Label value="face"/><Label value="hand"/></Labels>'
    '</View>'
)


def reader(name: str) -> ModuleType:
    """A package of requirements/readers.txt; skips the test where it is absent."""
    return pytest.importorskip(name, reason=f'{name} is not there (requirements/readers.txt)')


def assert_same_boxes(found: Boxes, expected: Boxes, tolerance: float = 1e-3) -> None:
    assert sorted(found) == sorted(expected)
    for key, box in expected.items():
        assert_allclose(found[key], box, atol=tolerance)


def datumaro_boxes(path: Path, kind: str) -> Boxes:
    """What datumaro reads, less what it calls outside."""
    datumaro = reader('datumaro')
    dataset = datumaro.Dataset.import_from(str(path), kind)
    labels = [each.name for each in dataset.categories()[datumaro.AnnotationType.label]]
    return {
        (int(item.id[-6:]), labels[each.label]): each.get_bbox()
        for item in dataset
        for each in item.annotations
        if not each.attributes.get('outside')
    }


def test_cvat_by_datumaro(boxes: VideoBoxes, seen: Boxes, tmp_path: Path) -> None:
    write_boxes_of_video(boxes, tmp_path / 'a.xml', 'cvat')
    assert_same_boxes(datumaro_boxes(tmp_path / 'a.xml', 'cvat'), seen, HUNDREDTH)


def test_coco_by_mmtrack(boxes: VideoBoxes, seen: Boxes, tmp_path: Path) -> None:
    write_boxes_of_video(boxes, tmp_path / 'a.json', 'coco')
    coco = CocoVID(str(tmp_path / 'a.json'))
    (video,) = coco.get_vid_ids()
    images = coco.load_imgs(coco.get_img_ids_from_vid(video))
    assert [image['frame_id'] for image in images] == list(range(120))
    names = {each['id']: each['name'] for each in coco.load_cats(coco.get_cat_ids())}
    found = {}
    for image in images:
        for each in coco.load_anns(coco.get_ann_ids(img_ids=image['id'])):
            found[image['frame_id'], names[each['category_id']]] = each['bbox']
    assert_same_boxes(found, seen)
    assert sorted(coco.instancesToImgs) == [1, 2]


def test_coco_by_datumaro(boxes: VideoBoxes, seen: Boxes, tmp_path: Path) -> None:
    for folder in ('annotations', 'images'):
        (tmp_path / folder).mkdir()
    path = tmp_path / 'annotations' / 'instances_default.json'
    write_boxes_of_video(boxes, path, 'coco')
    assert_same_boxes(datumaro_boxes(tmp_path, 'coco'), seen, HUNDREDTH)


def test_coco_as_tao_by_trackeval(boxes: VideoBoxes, tmp_path: Path) -> None:
    """The file as the truth, its annotations as a tracker's answer: all is found."""
    trackeval = reader('trackeval')
    truth, answer = tmp_path / 'truth', tmp_path / 'trackers' / 'tlpg' / 'data'
    for folder in (truth, answer):
        folder.mkdir(parents=True)
    write_boxes_of_video(boxes, truth / 'a.json', 'coco')
    annotations = json.loads((truth / 'a.json').read_text())['annotations']
    (answer / 'a.json').write_text(json.dumps(annotations))
    folders = dict(GT_FOLDER=str(truth), TRACKERS_FOLDER=str(tmp_path / 'trackers'))
    dataset = trackeval.datasets.TAO(folders | dict(PRINT_CONFIG=False))
    assert dataset.get_eval_info()[1] == ['carphone_pristine.mp4']
    for name, seen in (('face', 7), ('hand', 6)):
        raw = dataset.get_raw_seq_data('tlpg', 'carphone_pristine.mp4')
        data = dataset.get_preprocessed_seq_data(raw, name)
        found = trackeval.metrics.HOTA(dict(PRINT_CONFIG=False)).eval_sequence(data)
        assert (data['num_gt_dets'], data['num_timesteps']) == (seen, 120)
        assert_allclose(found['HOTA'], 1.0)


def test_mot_by_motmetrics(boxes: VideoBoxes, seen: Boxes, tmp_path: Path) -> None:
    write_boxes_of_video(boxes, tmp_path / 'a.txt', 'mot')
    table = reader('motmetrics').io.loadtxt(str(tmp_path / 'a.txt'), fmt='mot15-2D')
    names = {1: 'face', 2: 'hand'}
    # It subtracts the 1 that MOTChallenge counts pixels from, and leaves frames from 1.
    found = {
        (frame - 1, names[number]): row[['X', 'Y', 'Width', 'Height']].to_numpy()
        for (frame, number), row in table.iterrows()
    }
    assert_same_boxes(found, seen)
    assert_allclose(table['Confidence'].to_numpy()[:3], [0.5, 0.5156, 0.5312], atol=1e-4)


def test_label_studio_by_its_sdk(boxes: VideoBoxes, seen: Boxes, tmp_path: Path) -> None:
    sdk = pytest.importorskip('label_studio_sdk.label_interface', reason='needs label-studio-sdk')
    write_boxes_of_video(boxes, tmp_path / 'a.json', 'labelstudio')
    (task,) = json.loads((tmp_path / 'a.json').read_text())
    interface = sdk.LabelInterface(LABELLING)
    assert interface.validate_prediction(task['predictions'][0], return_errors=True) == []


def test_otb_and_vot_by_got10k(boxes: VideoBoxes, clip: Path, tmp_path: Path) -> None:
    """It leaves pixels as they are counted: from 1 in OTB."""
    face, sequence = boxes.only('face'), tmp_path / 'Crossing'
    (sequence / 'img').mkdir(parents=True)
    for index, _ in open_source(clip):
        # It counts them, and reads none.
        (sequence / 'img' / f'{index + 1:04d}.jpg').touch()
        (sequence / f'{index + 1:08d}.jpg').touch()
    write_boxes_of_video(face, sequence / 'groundtruth_rect.txt', 'otb')
    _, truth = OTB(str(tmp_path), version=2013, download=False)[0]
    expected = np.array([record.box for record in face.records])
    assert_allclose(truth[:8] - [1, 1, 0, 0], expected, atol=1e-3)
    assert np.isnan(truth[8:]).all()

    (sequence / 'groundtruth_rect.txt').unlink()
    (tmp_path / 'list.txt').write_text('Crossing\n')
    write_boxes_of_video(face, sequence / 'groundtruth.txt', 'vot')
    _, truth = VOT(str(tmp_path), anno_type='rect', download=False)[0]
    assert_allclose(truth[:8], expected, atol=1e-3)
