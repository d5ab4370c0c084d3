# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""benchmarks/online_learning.py runs on what tracking leaves behind."""

from __future__ import annotations

import csv

import numpy as np
import online_learning
from written_runs import write_square_clips


def test_the_objectives_of_both_stages_fall_towards_the_lowest_found(tmp_path, monkeypatch):
    monkeypatch.setattr(online_learning, 'LBFGS_ITERATIONS', 5)
    write_square_clips(tmp_path / 'data', ('A',))
    data, out = str(tmp_path / 'data'), tmp_path / 'out'
    online_learning.main(['objective', '--data', data, '--out', str(out), '--threads', '1'])

    rows = list(csv.reader((out / 'objective.csv').open()))[1:]
    assert [row[1] for row in rows] == [
        f'stage {stage}, {what}' for stage in (1, 2) for what in ('offset kernel', 'filter')
    ]
    for row in rows:
        lowest, *values = np.array(row[2:], dtype=float)
        assert len(values) == online_learning.ITERATIONS + 1
        assert (np.diff(values) <= 1e-6 * values[0]).all()
        assert lowest <= values[-1] < values[0]
