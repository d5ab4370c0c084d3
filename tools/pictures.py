# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Pictures of a tracking run: annotated frames, a contact sheet, the scores over time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tlpg_tools.writers import fit

from tlpg_mmtrack.structures import TrackingResult, TrackingState
from tlpg_mmtrack.utils.atomic_write import atomic_write

Colour = tuple[int, int, int]

#: (blue, green, red) of each state, in every picture of a single target.
STATE_COLOURS: dict[TrackingState, Colour] = {
    TrackingState.NORMAL: (80, 200, 60),
    TrackingState.HARD_NEGATIVE: (0, 170, 255),
    TrackingState.UNCERTAIN: (0, 220, 240),
    TrackingState.NOT_FOUND: (150, 150, 150),
}
# Okabe and Ito's, which colour-blind readers tell apart; as #RRGGBB.
PALETTE = ('#56b4e9', '#e69f00', '#009e73', '#f0e442', '#d55e00', '#cc79a7', '#0072b2', '#999999')

_MIN_LONG_SIDE = 480
_SHEET_COLUMNS = 4
_TILE = (320, 240)


def target_colour(position: int) -> str:
    """The colour of the n-th of several targets, as #RRGGBB; they repeat after eight."""
    return PALETTE[position % len(PALETTE)]


def draw_result(frame: np.ndarray, result: TrackingResult, index: int) -> np.ndarray:
    """Draw the box, dashed where the target is lost, and a line with frame number and state.

    Args:
        frame: (H, W, 3) uint8, BGR; it is not changed.
        result: The tracker's answer for this frame.
        index: Frame number.

    Returns:
        The picture, (s*H, s*W, 3) uint8, BGR, enlarged as by :func:`enlarge`.
    """
    picture, scale = enlarge(frame)
    colour = STATE_COLOURS[result.state]
    draw_box(picture, result.box * scale, colour, dashed=result.state is TrackingState.NOT_FOUND)
    draw_text(picture, f'{index}  {result.state.value}  {result.confidence:.2f}', colour)
    return picture


def draw_targets(
    frame: np.ndarray, results: Mapping[str, TrackingResult], index: int, order: list[str]
) -> np.ndarray:
    """Draw every target's box, as :func:`draw_result`, with its name, and its state if doubtful.

    ``results`` are by name, ``order`` are all names in the order of their colours.
    """
    picture, scale = enlarge(frame)
    for name, result in results.items():
        code = target_colour(order.index(name))
        colour = int(code[5:7], 16), int(code[3:5], 16), int(code[1:3], 16)
        lost = result.state is TrackingState.NOT_FOUND
        draw_box(picture, result.box * scale, colour, dashed=lost)
        found = result.state is TrackingState.NORMAL
        text = name if found else f'{name} ({result.state.value})'
        draw_text(picture, text, (0, 0, 0), colour, result.box[:2] * scale)
    draw_text(picture, str(index), (255, 255, 255))
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


def draw_box(picture: np.ndarray, box: np.ndarray, colour: Colour, dashed: bool = False) -> None:
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


def draw_text(
    picture: np.ndarray,
    text: str,
    colour: Colour,
    background: Colour = (0, 0, 0),
    corner: Sequence[float] = (0.0, 0.0),
) -> None:
    """Write a line on a tag that sits on a corner (x, y), inside the picture."""
    # OpenCV's fonts have ASCII alone, and show three marks for any other letter.
    text = text.encode('ascii', 'replace').decode()
    scale = max(picture.shape[:2]) / 900
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(2 * scale))
    (width, height), baseline = cv2.getTextSize(text, font, scale, thickness)
    width, height = width + 8, height + baseline + 6
    x = min(max(round(corner[0]), 0), max(picture.shape[1] - width, 0))
    y = min(max(round(corner[1]) - height, 0), max(picture.shape[0] - height, 0))
    cv2.rectangle(picture, (x, y), (x + width, y + height), background, cv2.FILLED)
    origin = (x + 4, y + height - baseline - 2)
    cv2.putText(picture, text, origin, font, scale, colour, thickness, cv2.LINE_AA)


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
        """The sheet: rows of 4 pictures of 320 x 240 pixels, black where there are none."""
        count = min(self._tiles, len(self._kept))
        chosen = np.linspace(0, len(self._kept) - 1, count).round().astype(int)
        tiles = [self._kept[position] for position in chosen]
        tiles += [np.zeros_like(tiles[0])] * (-count % _SHEET_COLUMNS)
        rows = [tiles[i : i + _SHEET_COLUMNS] for i in range(0, len(tiles), _SHEET_COLUMNS)]
        return np.vstack([np.hstack(row) for row in rows])


def save_picture(path: Path, picture: np.ndarray) -> None:
    """Write a picture atomically; an OSError where it cannot be written."""
    _, encoded = cv2.imencode(path.suffix, picture)
    with atomic_write(path) as part:
        part.write_bytes(encoded.tobytes())


def plot_scores(path: Path, results: Sequence[TrackingResult]) -> None:
    """Plot score and confidence of every frame into a PNG file; shades what is not ``NORMAL``."""
    states = [each.state for each in results]
    with _plot(path, 'score') as axes:
        for state in (each for each in TrackingState if each is not TrackingState.NORMAL):
            colour = [channel / 255 for channel in reversed(STATE_COLOURS[state])]
            edges = np.flatnonzero(np.diff([False, *(each is state for each in states), False]))
            label = state.value
            for start, stop in edges.reshape(-1, 2) - 0.5:
                axes.axvspan(start, stop, color=colour, alpha=0.35, lw=0, label=label)
                # A label that begins so is left out of the legend: one is enough.
                label = '_'
        axes.plot([each.score for each in results], color='black', lw=1.2, label='score')
        confidences = [each.confidence for each in results]
        axes.plot(confidences, color='black', lw=0.8, ls=':', label='confidence')
        axes.set(xlim=(-0.5, len(results) - 0.5))


def plot_targets(path: Path, results: Mapping[str, Mapping[int, TrackingResult]]) -> None:
    """Plot score and confidence of several targets, by name and frame number, into a PNG file."""
    with _plot(path, 'score; dotted: confidence') as axes:
        for position, (name, found) in enumerate(results.items()):
            frames = range(min(found), max(found) + 1)
            # A gap where it is gone.
            known = [found.get(index) for index in frames]
            scores = [np.nan if each is None else each.score for each in known]
            confidences = [np.nan if each is None else each.confidence for each in known]
            colour = target_colour(position)
            axes.plot(frames, scores, color=colour, lw=1.2, label=name)
            axes.plot(frames, confidences, color=colour, lw=0.8, ls=':')


@contextmanager
def _plot(path: Path, label: str) -> Iterator[Axes]:
    """Axes over the frames, written atomically as a PNG file when the block ends."""
    figure = Figure(figsize=(9, 3), dpi=120, layout='constrained')
    axes = figure.add_subplot()
    yield axes
    axes.set(xlabel='frame', ylabel=label)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.legend(loc='lower left', fontsize='small')
    with atomic_write(path) as part:
        figure.savefig(part, format='png')
