# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""CVAT's XML for videos, version 1.1."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from tlpg_mmtrack.utils.errors import InputError

from .records import BoxRecord, Records, VideoBoxes, unique_names

_CORNERS = ('xtl', 'ytl', 'xbr', 'ybr')


def read_cvat(path: Path, size: tuple[int, int] | None = None) -> VideoBoxes:
    """Read the boxes of tracks; targets are called by their labels. Boxes outside are left out."""
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise InputError(
            f'{path}, line {error.position[0]}: is no XML ({error}); it may be cut off: export it '
            "again as 'CVAT for video 1.1'"
        ) from None
    records = Records(path)
    if root.tag != 'annotations':
        raise records.error(f'<{root.tag}>', "is not <annotations>; export 'CVAT for video 1.1'")
    tracks = root.findall('track')
    if not tracks and root.find('image') is not None:
        raise records.error('<image>', "is of 'CVAT for images'; export 'CVAT for video 1.1'")
    names = unique_names({index: each.get('label', 'target') for index, each in enumerate(tracks)})
    for index, track in enumerate(tracks):
        for box in track.findall('box'):
            where = f'<track id="{track.get("id")}">, <box frame="{box.get("frame")}">'
            try:
                frame = int(box.attrib['frame'])
                left, top, right, bottom = (float(box.attrib[name]) for name in _CORNERS)
            except (KeyError, ValueError) as error:
                raise records.error(where, f'lacks a number ({error})') from None
            if box.get('outside') != '1':
                records.add(where, frame, names[index], (left, top, right - left, bottom - top))
    return _video(root, records, size)


def cvat_text(video: VideoBoxes) -> str:
    """A track for each target, labelled with its name; a box a frame, outside where it is lost."""
    root = Element('annotations')
    SubElement(root, 'version').text = '1.1'
    task = SubElement(SubElement(root, 'meta'), 'task')
    for tag, text in (
        ('name', video.name),
        ('size', video.length),
        ('mode', 'interpolation'),
        ('start_frame', 0),
        ('stop_frame', max(video.length - 1, 0)),
    ):
        SubElement(task, tag).text = str(text)
    labels = SubElement(task, 'labels')
    original = SubElement(task, 'original_size')
    for tag, side in zip(('width', 'height'), video.known_size('cvat'), strict=True):
        SubElement(original, tag).text = str(side)
    for number, (name, records) in enumerate(video.targets.items()):
        SubElement(SubElement(labels, 'label'), 'name').text = name
        track = SubElement(root, 'track', id=str(number), label=name, source='auto')
        for frame, record, outside in _shapes(records, video.length):
            x, y, w, h = record.box
            corners = zip(_CORNERS, (x, y, x + w, y + h), strict=True)
            flags = dict(keyframe='1', outside=str(int(outside)), occluded='0', z_order='0')
            places = {key: f'{value:.4f}' for key, value in corners}
            SubElement(track, 'box', frame=str(frame), **flags, **places)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding='unicode', xml_declaration=True) + '\n'


def _shapes(records: dict[int, BoxRecord], length: int) -> Iterator[tuple[int, BoxRecord, bool]]:
    """(frame, record, outside); a track goes on until it is closed."""
    for frame, record in sorted(records.items()):
        yield frame, record, not record.visible
        if frame + 1 not in records and frame + 1 < length and record.visible:
            yield frame + 1, record, True


def _video(root: Element, records: Records, size: tuple[int, int] | None) -> VideoBoxes:
    """The boxes, with what the file says of the video."""
    # A job's export has <job> or <project> in place of <task>.
    task = next((each for each in root.iter() if each.find('original_size') is not None), root)
    sides = [task.findtext(f'original_size/{side}', '').strip() for side in ('width', 'height')]
    if all(side.isdigit() for side in sides):
        size = (int(sides[0]), int(sides[1]))
    count = task.findtext('size', '')
    name = task.findtext('source') or task.findtext('name') or ''
    frames = int(count) if count.isdigit() else None
    return VideoBoxes(name, records.sorted(), size, frame_count=frames)
