# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The one reader of box files: what it takes, and what it refuses by file and line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tlpg_mmtrack.utils.box_files import read_boxes
from tlpg_mmtrack.utils.errors import InputError

TWO = [[1.5, 2.0, 30.0, 40.0], [-3.0, 4.0, 31.0, 41.25]]
NAN = [np.nan] * 4


def read(folder: Path, content: str | bytes) -> np.ndarray:
    """What is read of such a file."""
    path = folder / 'boxes.txt'
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_boxes(path)


@pytest.mark.parametrize(
    'content',
    [
        '1.5,2,30,40\n-3,4,31,41.25\n',
        '1.5, 2 ,30,  40\n-3,4,31,41.25\n\n \n',
        '1.5\t2\t30\t40\n-3\t4\t31\t41.25\n',
        '  1.5 2   30 40 \n -3 4 31 41.25\n',
        '1.5,2,30,40,\n-3,4,31,41.25,\n',
        '1.5;2;30;40; \n-3;4;31;41.25;\n',
        '1.5,2,30,40\r-3,4,31,41.25\r',
        '\ufeff1.5,2,30,40\n-3,4,31,41.25\n',
        '1.5e0,2.,30,4e1\n-3,+4,31,41.25\n',
        '1.5,2,30,40\r\n-3,4,31,41.25\r\n'.encode('utf-16'),
    ],
)
def test_files_of_any_program_are_read_alike(content: str | bytes, tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(tmp_path, content), TWO)


@pytest.mark.parametrize(
    ('content', 'boxes'),
    [
        # A confidence, or a flag.
        ('1,2,3,4,0.5\n5,6,7,8,1\n', [[1, 2, 3, 4], [5, 6, 7, 8]]),
        ('1,2,3,4,1\n5,6,7,8,0\n', [[1, 2, 3, 4], NAN]),
        # The frame's number.
        ('0,1,2,3,4\n1,5,6,7,8\n', [[1, 2, 3, 4], [5, 6, 7, 8]]),
        ('1,1,2,3,4\nnan\n3,5,6,7,8\n', [[1, 2, 3, 4], NAN, [5, 6, 7, 8]]),
        # Corners, of a box and of a diamond.
        ('1,2,4,2,4,6,1,6\n10,5,15,10,10,15,5,10\n', [[1, 2, 3, 4], [5, 5, 10, 10]]),
        # The target is absent.
        ('NaN,NaN,NaN,NaN\n1,2,3,4\n', [NAN, [1, 2, 3, 4]]),
        ('1,2,3,4\n0,0,0,0\n', [[1, 2, 3, 4], [0, 0, 0, 0]]),
        ('nan\nnan\n', [NAN, NAN]),
        ('\n \n', np.empty((0, 4))),
        ('', np.empty((0, 4))),
    ],
)
def test_columns_and_absent_targets(content: str, boxes: list, tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(tmp_path, content), boxes)


@pytest.mark.parametrize(
    ('content', 'line'),
    [
        ('1,2,3\n', "line 1: expected x,y,w,h, .* got '1,2,3'"),
        ('1,2,3,4\n1,2,3,wide\n', 'line 2'),
        ('x,y,w,h\n1,2,3,4\n', 'line 1'),
        # A box that is missing would shift all others.
        ('1,2,3,4\n\n1,2,3,4\n', 'line 2'),
        ('1,2,3,4\n1,,3,4,5\n', 'line 2'),
        ('1,2,3,4\n1,nan,3,4\n', 'line 2'),
        ('1,2,inf,4\n', 'line 1'),
        ('1_0,2,3,4\n', 'line 1'),
        ('1,2,3,4\n1,2,3,4,1\n', 'line 2: has 5 numbers, the lines before it have 4'),
        # Decimal commas are not eight numbers.
        ('1,5;2,5;30,5;40,5\n', 'line 1'),
        ('7,1,2,3,40\n8,5,6,7,80\n', 'line 1: of five numbers'),
        (b'1,2,3,4\n\xff\xfe\xe9', 'is no text in UTF-8'),
    ],
)
def test_anything_else_is_refused_by_file_and_line(content, line, tmp_path):
    with pytest.raises(InputError, match=rf'{re.escape(str(tmp_path))}/boxes\.txt.*{line}'):
        read(tmp_path, content)


def test_the_development_sequences_read_as_numpy_reads_them(dev_data: Path) -> None:
    paths = sorted(dev_data.glob('data/*/groundtruth_rect.txt'))
    assert paths
    for path in paths:
        np.testing.assert_array_equal(read_boxes(path), np.loadtxt(path, delimiter=','))
