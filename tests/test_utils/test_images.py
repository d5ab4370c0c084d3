# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of reading training images."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmtrack.registry import TRANSFORMS

from tlpg_mmtrack.utils.errors import CorpusWarning
from tlpg_mmtrack.utils.frames import open_source
from tlpg_mmtrack.utils.images import decode_image, natural_key, read_image

#: A picture whose header claims a size at which OpenCV raises.
HUGE_PICTURE = b'P6 900000 900000 255\n'


@pytest.mark.parametrize('shape', [(8, 9), (8, 9, 3), (8, 9, 4)])
def test_grey_and_four_channel_images_become_colour(tmp_path: Path, shape: tuple) -> None:
    path = str(tmp_path / 'image.png')
    cv2.imwrite(path, np.full(shape, 90, dtype=np.uint8))
    image = read_image(path, (8, 9))
    assert image.shape == (8, 9, 3)
    assert (image == 90).all()


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / 'broken.jpg'
    path.write_bytes(b'not a picture')
    with pytest.warns(UserWarning, match=r'broken\.jpg: cannot be read'):
        assert read_image(str(path)) is None


def test_a_header_that_claims_an_enormous_size_is_named(tmp_path: Path) -> None:
    path = tmp_path / 'huge.jpg'
    path.write_bytes(HUGE_PICTURE)
    assert decode_image(path) is None
    with pytest.warns(CorpusWarning, match=r'huge\.jpg: cannot be read'):
        assert read_image(str(path)) is None


def test_an_image_of_another_size_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / 'image.png')
    cv2.imwrite(path, np.zeros((8, 9, 3), dtype=np.uint8))
    with pytest.warns(UserWarning, match=r'image\.png: is 9 x 8 but annotated as 8 x 9'):
        assert read_image(path, (9, 8)) is None


#: EXIF orientations: turned by 180 degrees, and by 90 (to be shown, it is turned clockwise).
HALF_TURN, QUARTER_TURN = 3, 6


def write_turned(path: Path, orientation: int) -> None:
    """Write a 40 x 60 JPEG, white in its stored top left quarter, with an EXIF orientation."""
    image = np.zeros((40, 60, 3), dtype=np.uint8)
    image[:20, :30] = 255
    cv2.imwrite(str(path), image)
    # A TIFF header of one entry: tag 0x0112, a short.
    entry = struct.pack('<HHIHHI', 0x0112, 3, 1, orientation, 0, 0)
    exif = b'Exif\0\0II*\0\x08\0\0\0\x01\0' + entry
    content = path.read_bytes()
    segment = b'\xff\xe1' + (len(exif) + 2).to_bytes(2, 'big') + exif
    path.write_bytes(content[:2] + segment + content[2:])


@pytest.mark.parametrize(
    ('orientation', 'shape', 'corner'),
    [(HALF_TURN, (40, 60), (35, 55)), (QUARTER_TURN, (60, 40), (5, 35))],
)
def test_boxes_are_of_the_upright_picture_in_training_as_in_testing(
    orientation, shape, corner, tmp_path
):
    path = tmp_path / 'turned.jpg'
    write_turned(path, orientation)
    image = read_image(str(path), shape)
    bright = image[..., 0] > 128
    assert bright[corner]
    assert abs(bright.mean() - 0.25) < 0.01
    # What tools/test.py reads with.
    loaded = TRANSFORMS.build(dict(type='LoadFrame'))(dict(img_path=str(path)))
    np.testing.assert_array_equal(loaded['img'], image)


def test_exif_is_named_where_the_size_is_that_of_the_stored_picture(tmp_path: Path) -> None:
    path = tmp_path / 'turned.jpg'
    write_turned(path, QUARTER_TURN)
    with pytest.warns(CorpusWarning, match='is 40 x 60 but annotated as 60 x 40 .* its EXIF'):
        assert read_image(str(path), (40, 60)) is None
    with pytest.warns(CorpusWarning, match='annotated as 9 x 8; skipped'):
        assert read_image(str(path), (8, 9)) is None


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A JPEG of noise, of some 5 KiB."""
    path = tmp_path / 'cut.jpg'
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    cv2.imwrite(str(path), noise)
    assert read_image(str(path)) is not None
    return path


def test_a_film_behind_a_photo_does_not_matter(photo: Path) -> None:
    photo.write_bytes(photo.read_bytes() + b'film' * 2000)
    assert read_image(str(photo)) is not None


def test_the_end_of_a_thumbnail_is_not_the_end(photo: Path) -> None:
    content = photo.read_bytes()
    thumbnail = b'\xff\xd8' + b'\0' * 200 + b'\xff\xd9'
    segment = b'\xff\xe1' + (len(thumbnail) + 2).to_bytes(2, 'big') + thumbnail
    photo.write_bytes(content[:2] + segment + content[2:])
    assert read_image(str(photo)) is not None
    photo.write_bytes(photo.read_bytes()[:3000])
    with pytest.warns(CorpusWarning, match='is truncated'):
        assert read_image(str(photo)) is None


def test_a_jpeg_without_its_end_is_named(photo: Path) -> None:
    """OpenCV reads it, and fills with grey what is missing."""
    photo.write_bytes(photo.read_bytes()[:2000])
    assert cv2.imread(str(photo)) is not None
    with pytest.warns(CorpusWarning, match=r'cut\.jpg: the image is truncated; skipped'):
        assert read_image(str(photo)) is None


@pytest.mark.parametrize(
    'names',
    [
        # Numbers count by their value, wherever they stand.
        ['2.jpg', '10.jpg', 'a2_9.jpg', 'a2_10.jpg', 'a10_2.jpg', 'b1.jpg'],
        # Capitals do not matter until all else is equal.
        ['a01.jpg', 'a1.jpg', 'b1.jpg', 'IMG_1.jpg', 'img_1.jpg', 'img_2.jpg', 'IMG_3.jpg'],
        # A superscript 2 is a letter.
        ['x3.jpg', 'x\u00b2.jpg'],
    ],
)
def test_natural_order(names: list[str]) -> None:
    for shuffled in (names[::-1], sorted(names), names[1::2] + names[::2]):
        assert sorted(shuffled, key=natural_key) == names


def test_all_readers_make_the_same_bytes_of_16_bit_pictures(tmp_path: Path) -> None:
    """A 12-bit sensor's: training and testing stretch them as the demo does, by the first one."""
    values = np.linspace(100, 1120, 64 * 64).reshape(64, 64).astype(np.uint16)
    paths = [tmp_path / name for name in ('2.png', '10.png')]
    for path, offset in zip(paths, (0, 510), strict=True):
        cv2.imwrite(str(path), values + np.uint16(offset))
    demo = [frame for _, frame in open_source(tmp_path)]
    assert (demo[0].min(), demo[0].max()) == (0, 255)
    load = TRANSFORMS.build(dict(type='LoadFrame'))
    for path, frame in reversed(list(zip(paths, demo, strict=True))):
        np.testing.assert_array_equal(read_image(path), frame)
        np.testing.assert_array_equal(load(dict(img_path=str(path)))['img'], frame)
        np.testing.assert_array_equal(decode_image(path), frame)
