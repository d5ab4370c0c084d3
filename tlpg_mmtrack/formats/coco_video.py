# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""COCO's JSON for videos, as MMTracking (CocoVID) and TAO have it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .json_files import number_of, objects_of, read_json, size_of, text_of
from .records import UNNAMED, Records, VideoBoxes, rounded, unique_names


def read_coco(path: Path, size: tuple[int, int] | None = None) -> VideoBoxes:
    """Read a file of one video; targets are called by their categories."""
    records = Records(path)
    data, top = read_json(path), 'the top level'
    if not isinstance(data, dict) or 'images' not in data:
        raise records.error(top, "has no list 'images'; pass COCO's JSON for videos")
    images, videos, annotations, categories = (
        objects_of(records, top, data, key)
        for key in ('images', 'videos', 'annotations', 'categories')
    )
    if len(videos) > 1:
        raise records.error('videos', f'holds {len(videos)}; pass a file for each video')
    by_id = {str(image.get('id')): image for image in images}
    labels = {str(each.get('id')): str(each.get('name')) for each in categories}
    names = unique_names(
        {_track(each): labels.get(str(each.get('category_id')), UNNAMED) for each in annotations}
    )
    for index, each in enumerate(annotations):
        where = f'annotations[{index}]'
        image = by_id.get(str(each.get('image_id')))
        if image is None:
            raise records.error(where, f'its image_id {each.get("image_id")} is of no image here')
        key = 'frame_id' if 'frame_id' in image else 'frame_index'
        frame = number_of(records, where, image, key)
        box, score = each.get('bbox'), each.get('score')
        if not isinstance(box, list):
            raise records.error(where, 'has no bbox [x, y, width, height]')
        score = None if score is None else number_of(records, where, each, 'score')
        records.add(where, frame, names[_track(each)], box, score)
    video = videos[0] if videos else {}
    size = size_of({**(images[0] if images else {}), **video}, 'width', 'height') or size
    fps = video.get('fps') if isinstance(video.get('fps'), (int, float)) else None
    name = text_of(video.get('name'))
    return VideoBoxes(name, records.sorted(), size, fps or None, len(images) or None)


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
    # Of TAO: nothing is known to be absent, and no target is left out.
    head |= dict(neg_category_ids=[], not_exhaustive_category_ids=[])
    content = dict(
        videos=[head | (dict(fps=video.fps) if video.fps else {}) | dict(length=video.length)],
        categories=[dict(id=number, name=name) for name, number in numbers.items()],
        tracks=[dict(id=number, category_id=number, video_id=1) for number in numbers.values()],
        images=images,
        annotations=annotations,
    )
    return json.dumps(content, indent=1) + '\n'


def _track(annotation: dict[str, Any]) -> str:
    keys = ('track_id', 'instance_id', 'category_id')
    return str(next((annotation[key] for key in keys if key in annotation), ''))
