# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The order of numbered files, whether or not their numbers are padded with zeros."""

from __future__ import annotations

import re


def natural_key(name: str) -> tuple[list[tuple[int, str]], str]:
    """A key to sort names by, in natural order: 2.jpg before 10.jpg, IMG_1.jpg before img_2.jpg.

    Args:
        name: A file's name.
    """
    # Not isdigit: it takes in characters that int() refuses, such as a superscript 2.
    parts = re.split(r'(\d+)', name.casefold())
    # The name itself parts 1.jpg from 01.jpg and A.jpg from a.jpg, however the folder lists them.
    return [(int(part), '') if part.isdecimal() else (-1, part) for part in parts], name
