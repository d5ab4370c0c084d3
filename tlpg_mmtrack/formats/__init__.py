# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Boxes in the files of other tools: CVAT, Label Studio, COCO, MOTChallenge, VOT, OTB.

Example:
    >>> from tlpg_mmtrack.formats import read_boxes_of_video, write_boxes_of_video
    >>> boxes = read_boxes_of_video('outputs/demo/boxes.csv', video='clip.mp4')
    >>> write_boxes_of_video(boxes, 'clip.xml', 'cvat')
"""

from .conversion import FORMATS, read_boxes_of_video, write_boxes_of_video
from .records import BoxRecord, VideoBoxes

__all__ = ['FORMATS', 'BoxRecord', 'VideoBoxes', 'read_boxes_of_video', 'write_boxes_of_video']
