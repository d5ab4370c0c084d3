# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What a training goes on from: the checkpoint that its work folder's note names."""

from __future__ import annotations

from pathlib import Path

NOTE = 'last_checkpoint'
"""mmengine's file of that name holds the path as the training saw it."""


def last_checkpoint(work_dir: str | Path) -> Path | None:
    """The last checkpoint of a work folder, also of one that was renamed, moved or copied.

    Args:
        work_dir: The folder.

    Returns:
        The file of the noted name beside the note, which belongs to this folder whatever the note
        says; else the path that the note names (checkpoints may be kept in another folder); None
        without a note.
    """
    note = Path(work_dir) / NOTE
    text = note.read_text(encoding='utf-8').strip() if note.is_file() else ''
    if not text:
        return None
    beside = note.with_name(Path(text).name)
    return beside if beside.is_file() else Path(text)
