# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The tables' rows and the configs are the same set."""

from __future__ import annotations

from pathlib import Path

from ablation_tables.rows import TABLES

FOLDER = Path(__file__).resolve().parents[3] / 'configs' / 'tlpg' / 'ablation'


def test_every_config_is_a_row_and_every_row_a_config() -> None:
    stems = {path.stem for path in FOLDER.glob('*.py')}
    rows = [row for table in TABLES.values() for row in table]
    assert {row.config for row in rows} == stems - {'base_efflite0'}
    assert {row.training for row in rows} <= stems
    assert all(not row.training.endswith('_nms') for row in rows)


def test_the_papers_figures_are_in_the_papers_order() -> None:
    """RC < DC < DC+Reg < DCC; for table 2 both columns; no neck < FPN < balanced."""
    columns = [
        [row.paper for row in TABLES[1]],
        *([row.paper for row in TABLES[2]][post::2] for post in (0, 1)),
        *([row.paper for row in TABLES[3]][first : first + 3] for first in (3, 6)),
    ]
    assert [len(column) for column in columns] == [5, 5, 5, 3, 3]
    assert all(column == sorted(column) for column in columns)


def test_a_gain_is_over_a_row_of_the_same_table_and_postprocess() -> None:
    for rows in TABLES.values():
        paper = {row.config: row.paper for row in rows}
        postprocess = [(row.config.endswith('_nms'), row.below) for row in rows if row.below]
        assert all(below.endswith('_nms') == nms for nms, below in postprocess)
        gains = [(row.paper, paper[row.below]) for row in rows if row.below]
        assert all(above >= below for above, below in gains if above is not None)
    below = {row.label: row.below for row in TABLES[2]}
    assert below['BReg, NMS'] == 'dcc_nms'
    assert below['CReg+EN, IoU'] == 'creg_iou'
    assert below['Single stage, IoU'] is None
