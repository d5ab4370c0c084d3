# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""COCO's JSON for videos, as MMTracking (CocoVID) and TAO have it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .json_files import number_of, read_json, text_of
from .records import UNNAMED, Records, VideoBoxes, rounded, unique_names


def read_coco(path: Path, size: tuple[int, int] | None = None) -> VideoBoxes:
    """Read a file of one video; targets are called by their categories."""
    records = Records(path)
    data = read_json(path)
    if not isinstance(data, dict) or not isinstance(data.get('images'), list):
        raise records.error('the top level', "has no list 'images'; pass COCO's JSON for videos")
    videos = data.get('videos') or [{}]
    if len(videos) > 1:
        raise records.error('videos', f'holds {len(videos)}; pass a file for each video')
    images = {image.get('id'): image for image in data['images']}
    categories = {each.get('id'): str(each.get('name')) for each in data.get('categories', [])}
    annotations = list(enumerate(data.get('annotations', [])))
    labels = {
        _track(each): categories.get(each.get('category_id')) or UNNAMED for _, each in annotations
    }
    names = unique_names(labels)
    for index, each in annotations:
        where = f'annotations[{index}]'
        if each.get('image_id') not in images:
            raise records.error(where, f'its image_id {each.get("image_id")} is of no image here')
        image = images[each['image_id']]
        key = 'frame_id' if 'frame_id' in image else 'frame_index'
        frame = number_of(records, where, image, key)
        box = each.get('bbox')
        if not isinstance(box, list):
            raise records.error(where, 'has no bbox [x, y, width, height]')
        score = each.get('score')
        records.add(where, int(frame), names[_track(each)], box, score)
    first = {**(data['images'][0] if data['images'] else {}), **videos[0]}
    if first.get('width') and first.get('height'):
        size = (int(first['width']), int(first['height']))
    fps, name = videos[0].get('fps'), text_of(videos[0].get('name'))
    return VideoBoxes(name, records.sorted(), size, fps, len(data['images']) or None)


def coco_text(video: VideoBoxes) -> str:
    """One video, an image for each frame; frames where a target is lost have no annotation."""
    width, height = video.known_size('coco')
    numbers = {name: number for number, name in enumerate(video.targets, 1)}
    stem = Path(video.name or 'video').stem
    images = [
        dict(
            id=frame + 1,
            video_id=1,
            # CocoVID's name, and TAO's.
            frame_id=frame,
            frame_index=frame,
            file_name=f'{stem}/{frame:06d}.jpg',
            width=width,
            height=height,
        )
        for frame in range(video.length)
    ]
    seen = [record for record in video.records if record.visible]
    annotations = [
        dict(
            id=index,
            image_id=record.frame + 1,
            video_id=1,
            category_id=numbers[record.target],
            # CocoVID's name, and TAO's.
            instance_id=numbers[record.target],
            track_id=numbers[record.target],
            bbox=rounded(record.box),
            area=round(record.box[2] * record.box[3], 4),
            iscrowd=0,
            score=round(record.certainty, 4),
        )
        for index, record in enumerate(seen, 1)
    ]
    head: dict[str, Any] = dict(id=1, name=video.name or stem, width=width, height=height)
    content = dict(
        videos=[head | (dict(fps=video.fps) if video.fps else {}) | dict(length=video.length)],
        categories=[dict(id=number, name=name) for name, number in numbers.items()],
        tracks=[dict(id=number, category_id=number, video_id=1) for number in numbers.values()],
        images=images,
        annotations=annotations,
    )
    return json.dumps(content, indent=1) + '\n'


def _track(annotation: dict[str, Any]) -> int:
    return annotation.get('track_id', annotation.get('instance_id', annotation.get('category_id')))
