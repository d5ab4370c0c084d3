# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Files of the videos' attributes."""

from __future__ import annotations

from pathlib import Path

import pytest
from reports.attributes import read_attributes


def test_csv_and_json_say_the_same(tmp_path: Path) -> None:
    (tmp_path / 'a.csv').write_text('Basketball, IV,OCC\n\nDeer,\n')
    (tmp_path / 'a.json').write_text('{"Basketball": ["IV", "OCC"], "Deer": []}')
    expected = {'Basketball': ['IV', 'OCC'], 'Deer': []}
    assert read_attributes(tmp_path / 'a.csv') == expected
    assert read_attributes(tmp_path / 'a.json') == expected


@pytest.mark.parametrize('mark', [';', '\t', ','])
def test_csv_of_any_program(mark: str, tmp_path: Path) -> None:
    text = '\ufeffBasketball,IV,OCC\r\nDeer,\r\n'.replace(',', mark)
    (tmp_path / 'a.csv').write_bytes(text.encode())
    assert read_attributes(tmp_path / 'a.csv') == {'Basketball': ['IV', 'OCC'], 'Deer': []}


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('a.csv', 'Deer,IV\nDeer,OCC\n', "'Deer' is empty or there twice"),
        ('a.json', '{"Deer": "IV"}', 'must be an object of lists'),
        ('a.json', '{', 'is no JSON'),
        ('a.txt', '', 'must end in .json or .csv'),
    ],
)
def test_other_forms_are_refused(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_attributes(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'none\.csv is not a file'):
        read_attributes(tmp_path / 'none.csv')
