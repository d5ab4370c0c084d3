# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Pictures of several targets: each has a colour and its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tlpg_mmtrack.structures import TrackingResult, TrackingState
from tlpg_mmtrack.utils.atomic_write import atomic_write

from .visualization import draw_box, enlarge

# Okabe and Ito's, which colour-blind readers tell apart; as #RRGGBB.
PALETTE = ('#56b4e9', '#e69f00', '#009e73', '#f0e442', '#d55e00', '#cc79a7', '#0072b2', '#999999')


def target_colour(position: int) -> str:
    """The colour of the n-th target, as #RRGGBB; they repeat after eight."""
    return PALETTE[position % len(PALETTE)]


def draw_targets(
    frame: np.ndarray, results: Mapping[str, TrackingResult], index: int, order: list[str]
) -> np.ndarray:
    """Draw every target's box, dashed where it is lost, and its name and state if not ``NORMAL``.

    Args:
        frame: (H, W, 3) uint8, BGR; it is not changed.
        results: What is known of this frame, by name.
        index: Frame number.
        order: All names, in the order of their colours.

    Returns:
        The picture, enlarged as by :func:`~.visualization.draw_result`.
    """
    picture, scale = enlarge(frame)
    for name, result in results.items():
        colour = _to_bgr(target_colour(order.index(name)))
        lost = result.state is TrackingState.NOT_FOUND
        draw_box(picture, result.box * scale, colour, dashed=lost)
        found = result.state is TrackingState.NORMAL
        text = name if found else f'{name} ({result.state.value})'
        _draw_tag(picture, text, result.box[:2] * scale, colour)
    _draw_tag(picture, str(index), np.zeros(2), (255, 255, 255))
    return picture


def plot_targets(path: str | Path, results: Mapping[str, Mapping[int, TrackingResult]]) -> None:
    """Plot score and confidence of every target into a PNG file, written atomically.

    Args:
        path: File to write.
        results: By name, then by frame number.
    """
    figure = Figure(figsize=(9, 3), dpi=120, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for position, (name, found) in enumerate(results.items()):
        frames = range(min(found), max(found) + 1)
        # A gap where it is gone.
        scores = [found[index].score if index in found else np.nan for index in frames]
        confidences = [found[index].confidence if index in found else np.nan for index in frames]
        colour = target_colour(position)
        axes.plot(frames, scores, color=colour, lw=1.2, label=name)
        axes.plot(frames, confidences, color=colour, lw=0.8, ls=':')
    axes.set(xlabel='frame', ylabel='score; dotted: confidence')
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.legend(loc='lower left', fontsize='small')
    with atomic_write(Path(path)) as part:
        figure.savefig(part, format='png')


def _to_bgr(colour: str) -> tuple[int, int, int]:
    return int(colour[5:7], 16), int(colour[3:5], 16), int(colour[1:3], 16)


def _draw_tag(
    picture: np.ndarray, text: str, corner: np.ndarray, colour: tuple[int, int, int]
) -> None:
    """Write black on a coloured tag that sits on a corner, inside the picture."""
    # OpenCV's fonts have ASCII alone, and show three marks for any other letter.
    text = text.encode('ascii', 'replace').decode()
    scale = max(picture.shape[:2]) / 1100
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(1.5 * scale))
    (width, height), baseline = cv2.getTextSize(text, font, scale, thickness)
    width, height = width + 8, height + baseline + 6
    x = min(max(round(corner[0]), 0), max(picture.shape[1] - width, 0))
    y = min(max(round(corner[1]) - height, 0), max(picture.shape[0] - height, 0))
    cv2.rectangle(picture, (x, y), (x + width, y + height), colour, cv2.FILLED)
    origin = (x + 4, y + height - baseline - 2)
    cv2.putText(picture, text, origin, font, scale, (0, 0, 0), thickness, cv2.LINE_AA)
