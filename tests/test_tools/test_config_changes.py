# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tests of changing a config from a command line."""

from __future__ import annotations

import argparse

import pytest
from mmengine.config import Config
from tlpg_tools.command_line import change_config, key_value


def test_values_are_changed_by_dotted_key() -> None:
    config = Config(dict(sets=[dict(seed=0)], name='a'))
    change_config(config, {'sets.0.seed': 3, 'name': 'b'})
    change_config(config, None)
    assert config.sets == [dict(seed=3)]
    assert config.name == 'b'


@pytest.mark.parametrize('key', ['sets.7.seed', 'sets.first.seed', 'name.of', 'sets.0'])
def test_a_key_that_does_not_fit_is_named(key: str) -> None:
    config = Config(dict(sets=[dict(seed=0)], name='a'))
    with pytest.raises(ValueError, match=f'cfg-options: {key} does not fit'):
        change_config(config, {key: 5})


def test_an_option_without_a_value_is_named() -> None:
    assert key_value('a.b=1') == 'a.b=1'
    with pytest.raises(argparse.ArgumentTypeError, match=r"expected KEY=VALUE, got 'a\.b'"):
        key_value('a.b')
