# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What a row of an ablation gains over another, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from reports.runs import load_run

from tlpg_mmtrack.evaluation.measures import get_convention, score_video
from tlpg_mmtrack.evaluation.tlpg_sot_metric import MMTRACK


@dataclass(frozen=True)
class Difference:
    """Mean over videos of one row's AUC less another's, in points of percent.

    Attributes:
        mean: The mean.
        error: Its standard error over the videos. It says nothing of another training's seed.
        videos: Number of videos that both rows have.
    """

    mean: float
    error: float
    videos: int


def video_scores(folder: Path, convention: str) -> dict[str, float]:
    """AUC of each video of a results folder, in percent.

    Args:
        folder: The results folder.
        convention: Which frames count. mmtrack's own function gives no single video's figure:
            for it ``'otb'`` is taken.

    Raises:
        InputError: If the folder has no results, or the convention is unknown.
    """
    rules = get_convention('otb' if convention == MMTRACK else convention)
    scores = {name: score_video(video, rules) for name, video in load_run(folder).videos.items()}
    return {name: 100 * score.success for name, score in scores.items() if score is not None}


def mean_scores(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean over several runs of the figures of each video that all of them have."""
    names = sorted(set.intersection(*(set(run) for run in runs)))
    return {name: float(np.mean([run[name] for run in runs])) for name in names}


def paired_difference(
    scores: Mapping[str, float], before: Mapping[str, float]
) -> Difference | None:
    """Compare two rows over the videos that both have.

    Args:
        scores: AUC of each video of a row.
        before: The same of the row that it is compared with.

    Returns:
        The difference; None with less than two videos, which have no spread.
    """
    names = sorted(scores.keys() & before.keys())
    if len(names) < 2:
        return None
    gains = np.array([scores[name] - before[name] for name in names])
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    return Difference(float(gains.mean()), float(error), len(gains))
