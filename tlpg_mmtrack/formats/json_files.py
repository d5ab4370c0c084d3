# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Reading JSON that somebody else wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tlpg_mmtrack.utils.errors import InputError

from .records import Records


def read_json(path: Path) -> Any:
    """The content of a file; an InputError that names the line if it is no JSON."""
    try:
        return json.loads(Path(path).read_text(encoding='utf-8-sig'))
    except json.JSONDecodeError as error:
        raise InputError(
            f'{path}, line {error.lineno}: is no JSON ({error.msg}); it may be cut off: export it '
            'again'
        ) from None
    except UnicodeDecodeError:
        raise InputError(f'{path}: is no JSON, but binary; pass a text file') from None


def number_of(records: Records, where: str, element: Any, key: str) -> float:
    """A number of an element; an InputError that names file and element if it has none."""
    value = element.get(key) if isinstance(element, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise records.error(where, f'{key!r} must be a number, got {value!r}')
    return value


def objects_of(records: Records, where: str, element: Any, key: str) -> list[dict[str, Any]]:
    """A list of objects in an element, empty where it has none; else as :func:`number_of`."""
    value = (element.get(key) or []) if isinstance(element, dict) else None
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise records.error(where, f'{key!r} must be a list of objects')
    return value


def size_of(element: dict[str, Any], *keys: str) -> tuple[int, int] | None:
    """A frame's (width, height) by the names of both; None where they are no whole numbers."""
    sides = tuple(element.get(key) for key in keys)
    whole = all(isinstance(side, int) and side > 0 for side in sides)
    return sides if whole else None


def text_of(value: Any) -> str:
    """Text where it is some, else nothing."""
    return value if isinstance(value, str) else ''
