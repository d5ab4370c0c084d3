# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Which attributes, such as occlusion, each video has; read from a file of the user's."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tlpg_mmtrack.utils.box_files import read_lines
from tlpg_mmtrack.utils.errors import InputError


def read_attributes(path: str | Path) -> dict[str, list[str]]:
    """Read each video's attributes.

    Args:
        path: ``.json``: an object, ``{"Basketball": ["IV", "OCC"]}``; or ``.csv``: rows of a
            video's name and its attributes, ``Basketball,IV,OCC``, without a header;
            separated by commas, semicolons or tabs.

    Returns:
        Attributes by the video's name, as the results folders name it.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If it is of another kind or form.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'attributes: {path} is not a file; check the path')
    lines = read_lines(path)
    if path.suffix == '.json':
        return _from_json(path, '\n'.join(lines))
    if path.suffix != '.csv':
        raise InputError(f'attributes: {path} must end in .json or .csv')
    mark = next((mark for mark in ';\t' if any(mark in line for line in lines)), ',')
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark)]
    attributes: dict[str, list[str]] = {}
    for row in filter(None, rows):
        if not row[0] or row[0] in attributes:
            raise InputError(f'attributes: {path}: the video {row[0]!r} is empty or there twice')
        attributes[row[0]] = list(filter(None, row[1:]))
    return attributes


def _from_json(path: Path, text: str) -> dict[str, list[str]]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InputError(f'attributes: {path} is no JSON ({error})') from error
    if not isinstance(content, dict) or not all(
        isinstance(names, list) and all(isinstance(name, str) for name in names)
        for names in content.values()
    ):
        raise InputError(
            f'attributes: {path} must be an object of lists of text, such as '
            '{"Basketball": ["IV", "OCC"]}'
        )
    return content
