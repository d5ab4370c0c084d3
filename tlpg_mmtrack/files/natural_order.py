# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The order of numbered files, whether or not their numbers are padded with zeros."""

from __future__ import annotations

import re


def natural_key(name: str) -> list[tuple[int, str]]:
    """A key to sort names by, in natural order: 2.jpg before 10.jpg.

    Args:
        name: A file's name.
    """
    # Not isdigit: it takes in characters that int() refuses, such as a superscript 2.
    parts = re.split(r'(\d+)', name)
    return [(int(part), '') if part.isdecimal() else (-1, part) for part in parts]
