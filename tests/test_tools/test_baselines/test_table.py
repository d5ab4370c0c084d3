# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The table of a comparison."""

from __future__ import annotations

from pathlib import Path

from baselines.table import MEASURES, write_comparison


def figures(value: float, videos: int = 3) -> dict[str, float]:
    """Figures of one tracker: mmtrack's are less by 1."""
    otb = {f'otb/{measure}': value for measure in MEASURES}
    return {**otb, **dict.fromkeys(MEASURES, value - 1), 'fps': 10.0, 'videos': videos}


def test_best_success_first(tmp_path: Path) -> None:
    both = {'kcf': figures(36.0, videos=2), 'tlpg': figures(70.5)}
    text = write_comparison(tmp_path / 'a.csv', both, 'otb', 3).splitlines()
    assert text[0] == 'convention otb, percent'
    assert text[2].split() == ['tlpg', '3/3', '70.50', '70.50', '70.50', '10.0']
    assert text[3].split() == ['kcf', '2/3', '36.00', '36.00', '36.00', '10.0']
    assert (tmp_path / 'a.csv').read_text().splitlines() == [
        'tracker,videos,of,otb success,otb precision,otb norm_precision,frames/s',
        'tlpg,3,3,70.500000,70.500000,70.500000,10.000000',
        'kcf,2,3,36.000000,36.000000,36.000000,10.000000',
    ]


def test_mmtracks_figures_have_no_prefix(tmp_path: Path) -> None:
    text = write_comparison(tmp_path / 'a.csv', {'tlpg': figures(70.5)}, 'mmtrack', 3)
    assert text.splitlines()[2].split()[2] == '69.50'
