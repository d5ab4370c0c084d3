# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Pictures of a tracking run: annotated frames, a contact sheet, the score over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tlpg_mmtrack.structures import TrackingResult, TrackingState
from tlpg_mmtrack.utils.atomic_write import atomic_write
from tlpg_mmtrack.utils.errors import InputError

from .writers import fit

STATE_COLOURS: dict[TrackingState, tuple[int, int, int]] = {
    TrackingState.NORMAL: (80, 200, 60),
    TrackingState.HARD_NEGATIVE: (0, 170, 255),
    TrackingState.UNCERTAIN: (0, 220, 240),
    TrackingState.NOT_FOUND: (150, 150, 150),
}
"""Blue, green, red of each state, in every picture."""

_MIN_LONG_SIDE = 480
_SHEET_COLUMNS = 4
_TILE = (320, 240)


def draw_result(frame: np.ndarray, result: TrackingResult, index: int) -> np.ndarray:
    """Draw the box, dashed where the target is lost, and a line with frame number and state.

    Small frames are enlarged first, by a whole number, so that the text stays readable.

    Args:
        frame: (H, W, 3) uint8, BGR; it is not changed.
        result: The tracker's answer for this frame.
        index: Frame number.

    Returns:
        The annotated picture, (s*H, s*W, 3) uint8, BGR; s is 1 from 480 pixels of long side on.
    """
    picture, scale = enlarge(frame)
    colour = STATE_COLOURS[result.state]
    lost = result.state is TrackingState.NOT_FOUND
    draw_box(picture, result.box * scale, colour, dashed=lost)
    draw_label(picture, f'{index}  {result.state.value}  {result.confidence:.2f}', colour)
    return picture


def enlarge(frame: np.ndarray) -> tuple[np.ndarray, int]:
    """Copy a frame to draw on it: text stays readable from 480 pixels of long side on.

    Returns:
        The copy, enlarged by a whole number s to (s*H, s*W, 3), and s.
    """
    scale = max(1, math.ceil(_MIN_LONG_SIDE / max(frame.shape[:2])))
    if scale == 1:
        return frame.copy(), 1
    return cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), scale


def draw_box(
    picture: np.ndarray, box: np.ndarray, colour: tuple[int, int, int], dashed: bool = False
) -> None:
    """Draw a box (x, y, width, height), in pixels, into a picture."""
    thickness = max(2, round(max(picture.shape[:2]) / 400))
    x, y, width, height = box
    left, top, right, bottom = (round(side) for side in (x, y, x + width, y + height))
    if not dashed:
        cv2.rectangle(picture, (left, top), (right, bottom), colour, thickness, cv2.LINE_AA)
        return
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])
    corners = corners.clip(-thickness, np.add(picture.shape[1::-1], thickness))
    for start, end in pairwise(corners):
        dashes = max(1, round(np.linalg.norm(end - start) / (8 * thickness)))
        for share in np.arange(dashes) / dashes:
            ends = (start + (end - start) * each for each in (share, share + 0.5 / dashes))
            cv2.line(picture, *(each.round().astype(int) for each in ends), colour, thickness)


class ContactSheet:
    """Collects evenly spaced frames of a stream whose length need not be known.

    Every ``stride``-th frame is kept, as a thumbnail; the stride doubles as the stream goes on, so
    memory stays bounded.

    Args:
        tiles: Number of pictures on the sheet, at most.
    """

    def __init__(self, tiles: int = 12) -> None:
        self._tiles = tiles
        self._stride = 1
        self._added = 0
        self._kept: list[np.ndarray] = []

    def add(self, picture: np.ndarray) -> None:
        """Offer the next annotated frame, (H, W, 3) uint8."""
        if self._added % self._stride == 0:
            self._kept.append(fit(picture, _TILE))
            if len(self._kept) > 4 * self._tiles:
                self._kept = self._kept[::2]
                self._stride *= 2
        self._added += 1

    def image(self) -> np.ndarray:
        """The sheet: rows of 4 pictures of 320 x 240 pixels, black where there are none.

        Raises:
            InputError: If no frame was added.
        """
        if not self._kept:
            raise InputError('contact sheet: no frame was added; add one before')
        count = min(self._tiles, len(self._kept))
        chosen = np.linspace(0, len(self._kept) - 1, count).round().astype(int)
        tiles = [self._kept[position] for position in chosen]
        tiles += [np.zeros_like(tiles[0])] * (-count % _SHEET_COLUMNS)
        rows = [tiles[i : i + _SHEET_COLUMNS] for i in range(0, len(tiles), _SHEET_COLUMNS)]
        return np.vstack([np.hstack(row) for row in rows])


def save_picture(path: str | Path, picture: np.ndarray) -> None:
    """Write a picture atomically; an OSError where it cannot be written."""
    path = Path(path)
    _, encoded = cv2.imencode(path.suffix, picture)
    with atomic_write(path) as part:
        part.write_bytes(encoded.tobytes())


def plot_scores(path: str | Path, results: Sequence[TrackingResult]) -> None:
    """Plot score and confidence over the frames into a PNG file, written atomically.

    Frames that are not ``NORMAL`` are shaded by state.

    Args:
        path: File to write.
        results: One result per frame.
    """
    states, scores = [each.state for each in results], [each.score for each in results]
    figure = Figure(figsize=(9, 3), dpi=120, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for state in TrackingState:
        if state is TrackingState.NORMAL or state not in states:
            continue
        colour = [channel / 255 for channel in reversed(STATE_COLOURS[state])]
        edges = np.flatnonzero(np.diff([False, *(each is state for each in states), False]))
        label = state.value
        for start, stop in edges.reshape(-1, 2) - 0.5:
            axes.axvspan(start, stop, color=colour, alpha=0.35, lw=0, label=label)
            # A label that begins so is left out of the legend: one is enough.
            label = '_'
    axes.plot(scores, color='black', lw=1.2, label='score')
    confidences = [each.confidence for each in results]
    axes.plot(confidences, color='black', lw=0.8, ls=':', label='confidence')
    axes.set(xlabel='frame', ylabel='score', xlim=(-0.5, max(len(scores), 1) - 0.5))
    axes.set_ylim(bottom=min(0.0, *scores, 0.0))
    axes.legend(loc='lower left', fontsize='small')
    with atomic_write(Path(path)) as part:
        figure.savefig(part, format='png')


def draw_label(picture: np.ndarray, text: str, colour: tuple[int, int, int]) -> None:
    """Write a line on black into a picture's upper left corner."""
    scale = max(picture.shape[:2]) / 900
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(2 * scale))
    (width, height), baseline = cv2.getTextSize(text, font, scale, thickness)
    cv2.rectangle(picture, (0, 0), (width + 8, height + baseline + 6), (0, 0, 0), cv2.FILLED)
    cv2.putText(picture, text, (4, height + 4), font, scale, colour, thickness, cv2.LINE_AA)
