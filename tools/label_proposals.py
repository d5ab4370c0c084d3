# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Boxes of the next frames, for the regions of a video task of Label Studio."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

from tlpg_mmtrack import Tracker
from tlpg_mmtrack.formats import BoxRecord, VideoBoxes
from tlpg_mmtrack.formats.label_studio import KIND, add_regions, regions_of, require_same_count
from tlpg_mmtrack.formats.records import Records
from tlpg_mmtrack.utils.errors import InputError
from tlpg_mmtrack.utils.frames import FrameSource, open_source

Region = dict[str, Any]
_SIDES = ('frame', 'x', 'y', 'width', 'height')


class Proposer:
    """Tracks on from the boxes that a person drew or corrected.

    Args:
        tracker: Tracks one region after another.
        folder: Videos below it alone are read.
        frames: How many frames to propose at once.
    """

    def __init__(self, tracker: Tracker, folder: Path, frames: int) -> None:
        self._tracker = tracker
        self._folder = folder.resolve()
        self._frames = frames
        # By task, the keyframes answered so far, to tell those that a person set since.
        self._known: dict[Any, set[tuple[float, ...]]] = {}

    def answer(self, request: dict[str, Any]) -> list[Any]:
        """A prediction for each task of a request to predict; empty where nothing is drawn yet.

        Raises:
            InputError: If the config has no video rectangles, or a video or region cannot be used.
        """
        tasks = request.get('tasks') if isinstance(request, dict) else None
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise InputError('request: needs a list of tasks')
        key = _video_key(request.get('label_config') or '')
        context = (request.get('params') or {}).get('context') or {}
        found = [self._regions(task, key, context.get('result') or _drawn(task)) for task in tasks]
        return [dict(result=regions, score=1.0) if regions else [] for regions in found]

    def _regions(self, task: dict[str, Any], key: str, regions: list[Region]) -> list[Region]:
        regions = [region for region in regions if region.get('type') == KIND]
        if not regions:
            return []
        video = self._find(str((task.get('data') or {}).get(key, '')))
        return [self._extended(region, video, task.get('id')) for region in regions]

    def _extended(self, region: Region, path: Path, task: Any) -> Region:
        """A region with its keyframes up to the last that a person set, and those that follow."""
        source, known = open_source(path), self._known.setdefault(task, set())
        size = next((f.shape[1::-1] for _, f in source if f is not None), None)
        records = Records(path)
        length = add_regions(records, [region], size) or source.frame_count
        require_same_count(f'region {region.get("id")!r}', length, source.frame_count, source.fps)
        drawn = records.sorted()
        if not drawn:
            raise InputError(f'region {region.get("id")!r}: has no box; draw one')
        keyframes = {int(each['frame']) - 1: each for each in region['value']['sequence']}
        since = [r for r in drawn if _place(keyframes[r.frame]) not in known]
        start = (since or drawn)[-1]
        found = self._tracked(source, start)
        boxes = VideoBoxes(path.name, (start, *found), size, source.fps, length)
        (answer,) = regions_of(boxes)
        first, *new = answer['value']['sequence']
        kept = [keyframes[r.frame] for r in drawn if r.frame < start.frame]
        current = keyframes[start.frame] | dict(enabled=first['enabled'])
        sequence = [*kept, current, *new]
        known.update(map(_place, sequence))
        return region | dict(value=region['value'] | dict(sequence=sequence))

    def _tracked(self, source: FrameSource, start: BoxRecord) -> list[BoxRecord]:
        frames = itertools.islice(source, start.frame, start.frame + self._frames + 1)
        _, first = next(frames, (0, None))
        if first is None:
            raise InputError(
                f'region: frame {start.frame + 1} of {source.name} is missing or corrupt; '
                'draw the box in another'
            )
        self._tracker.init(first, start.box)
        records = []
        for index, frame in frames:
            result = self._tracker.track(frame)
            box = tuple(map(float, result.box))
            records.append(BoxRecord(index, start.target, box, state=result.state.value))
        return records

    def _find(self, url: str) -> Path:
        """The file that a task's URL means: by as much of the end of its path as there is."""
        parts = urlsplit(url)
        # A local file of Label Studio's is /data/local-files/?d=PATH.
        path = Path(parse_qs(parts.query).get('d', [unquote(parts.path)])[0])
        names = [part for part in path.parts if part != '/']
        for first in range(len(names)):
            found = self._folder.joinpath(*names[first:]).resolve()
            if found.is_file() and self._folder in found.parents:
                return found
        raise InputError(
            f'video: none like {url!r} below {self._folder}; pass its folder with --videos'
        )


def _video_key(config: str) -> str:
    """Under which name the tasks of a labelling config have their video."""
    try:
        root = ElementTree.fromstring(config)
    except ElementTree.ParseError as error:
        raise InputError(f'labelling config: is no XML ({error})') from None
    video = root.find('.//Video')
    if video is None or root.find('.//VideoRectangle') is None:
        raise InputError('labelling config: needs the tags Video and VideoRectangle')
    return video.get('value', '').removeprefix('$')


def _drawn(task: dict[str, Any]) -> list[Region]:
    """The regions of the draft or annotation that was changed last."""
    answers = [*(task.get('annotations') or []), *(task.get('drafts') or [])]
    last = max(answers, key=lambda each: str(each.get('updated_at')), default={})
    return last.get('result') or []


def _place(keyframe: dict[str, Any]) -> tuple[float, ...]:
    return tuple(round(float(keyframe[side]), 3) for side in _SIDES)
