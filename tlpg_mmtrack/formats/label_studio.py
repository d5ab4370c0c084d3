# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Label Studio's JSON: regions of the tag ``VideoRectangle``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tlpg_mmtrack.utils.errors import InputError

from .json_files import number_of, objects_of, read_json, size_of, text_of
from .records import UNNAMED, BoxRecord, Records, VideoBoxes, rounded, unique_names

_SIDES = ('x', 'y', 'width', 'height')
# Of the frame, which a region seldom has.
_SIZE = ('original_width', 'original_height')
KIND = 'videorectangle'


def read_label_studio(path: Path, size: tuple[int, int] | None = None) -> VideoBoxes:
    """Read the task of an export: the keyframes of its last annotation, else prediction.

    Boxes are in percent of the frame, whose size the file seldom has.
    """
    records = Records(path)
    data = read_json(path)
    task = data[0] if isinstance(data, list) and len(data) == 1 else data
    if not isinstance(task, dict) or not isinstance(task.get('data'), dict):
        raise records.error('the top level', 'must be a list of one task; export one task as JSON')
    answers = [
        each
        for key in ('predictions', 'annotations')
        for each in objects_of(records, 'the task', task, key)
        if not each.get('was_cancelled')
    ]
    regions = objects_of(records, 'the task', answers[-1], 'result') if answers else []
    length = add_regions(records, regions, size)
    name = next((Path(text).name for text in map(text_of, task['data'].values()) if text), '')
    size = next((found for each in regions if (found := size_of(each, *_SIZE))), size)
    return VideoBoxes(name, records.sorted(), size, frame_count=length)


def add_regions(
    records: Records, regions: Iterable[dict[str, Any]], size: tuple[int, int] | None
) -> int | None:
    """Add the keyframes of regions of video rectangles; returns the number of frames if known."""
    videos = [each for each in regions if each.get('type') == KIND]
    names, length = unique_names(dict(enumerate(map(_label, videos)))), None
    for index, region in enumerate(videos):
        where = f'region {region.get("id", index)!r}'
        width, height = size_of(region, *_SIZE) or size or (0, 0)
        if not width:
            raise records.error(
                where, 'is in percent of a frame of unknown size; pass the video or the size'
            )
        value = region.get('value') or {}
        for step, keyframe in enumerate(objects_of(records, where, value, 'sequence')):
            at = f'{where}, sequence[{step}]'
            frame = number_of(records, at, keyframe, 'frame')
            sides = [number_of(records, at, keyframe, side) / 100 for side in _SIDES]
            box = rounded([a * b for a, b in zip(sides, (width, height) * 2, strict=True)])
            records.add(at, frame - 1, names[index], box)
        count = value.get('framesCount')
        length = count if isinstance(count, int) and count > 0 else length
    return length


def require_same_count(where: str, counted: int | None, frames: int | None, fps: float) -> None:
    """Refuse regions whose frames are not the video's: Label Studio takes 24 a second by itself.

    ``where`` is what they are of, ``counted`` their number as Label Studio has it, ``frames``,
    about, the video's; an InputError if they differ.
    """
    if counted and frames and abs(counted - frames) > 2 + frames / 50:
        raise InputError(
            f'{where}: counts {counted} frames in a video of {frames}; give the tag Video of the '
            f'labelling config frameRate="{fps:g}", and draw again'
        )


def label_studio_text(video: VideoBoxes) -> str:
    """A task whose prediction is the boxes; ``data.video`` is the video's name."""
    known = [record.certainty for record in video.records]
    prediction = dict(
        model_version='tlpg_mmtrack',
        score=round(sum(known) / max(len(known), 1), 4),
        result=regions_of(video),
    )
    task = dict(data=dict(video=video.name), predictions=[prediction])
    return json.dumps([task], indent=1) + '\n'


def regions_of(video: VideoBoxes) -> list[dict]:
    """A region for each target, labelled with its name; a keyframe where it is seen."""
    width, height = video.known_size('labelstudio')
    regions = []
    for number, (name, records) in enumerate(video.targets.items(), 1):
        seen = {frame: record for frame, record in sorted(records.items()) if record.visible}
        value: dict[str, Any] = dict(
            framesCount=video.length,
            sequence=[
                _keyframe(video, record, frame + 1 in seen) for frame, record in seen.items()
            ],
            labels=[name],
        )
        if video.fps:
            value['duration'] = round(video.length / video.fps, 4)
        regions.append(
            dict(
                id=f'tlpg{number}',
                # Usual names of the tags VideoRectangle and Video in a labelling config.
                from_name='box',
                to_name='video',
                type=KIND,
                origin='prediction',
                original_width=width,
                original_height=height,
                value=value,
            )
        )
    return regions


def _keyframe(video: VideoBoxes, record: BoxRecord, goes_on: bool) -> dict[str, Any]:
    """A keyframe; ``enabled`` says that the target is there until the next one."""
    shares = [100 * a / b for a, b in zip(record.box, video.known_size('') * 2, strict=True)]
    sides = dict(zip(_SIDES, [round(share, 6) for share in shares], strict=True))
    time = dict(time=rounded([record.frame / video.fps])[0]) if video.fps else {}
    return dict(frame=record.frame + 1, enabled=goes_on, rotation=0, **sides, **time)


def _label(region: dict[str, Any]) -> str:
    value = region.get('value')
    labels = value.get('labels') if isinstance(value, dict) else None
    return str(labels[0]) if isinstance(labels, list) and labels else UNNAMED
