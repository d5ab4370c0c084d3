# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Every option of every public class is used, or refused with its name and the value given."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import is_dataclass
from typing import Any, Literal, get_origin, get_type_hints

import pytest
from mmtrack.registry import DATASETS, METRICS, MODELS, TASK_UTILS, TRANSFORMS

import tlpg_mmtrack.components  # noqa: F401
from tlpg_mmtrack.models.trackers import TrackingOptions
from tlpg_mmtrack.utils.errors import InputError

NAN = float('nan')
NOT_WHOLE_NUMBERS = ((2.5, 3), (), '12', 8, None)
WRONG = {
    int: (2.5, -3, True, '4', None),
    int | None: (2.5, -3, True, '4'),
    float: (NAN, float('inf'), True, '0.5', None),
    bool: ('False', 1, None),
    bool | None: ('False', 1),
    str: ('unheard of', 3, None),
    dict: ('DCCHead', None),
    dict | None: ('DCCHead', 3),
    Sequence[int]: NOT_WHOLE_NUMBERS,
    tuple[int, int]: NOT_WHOLE_NUMBERS,
    tuple[int, int, int]: NOT_WHOLE_NUMBERS,
    Sequence[float]: ((NAN, 1.0), (), 8, None),
    Sequence[float] | None: ((NAN, 1.0), (), 8),
    dict[str, float] | None: ({'unheard_of': 1.0}, {'bias': 'high'}, 0.5),
    tuple[float, float, float]: ((1.0,), (NAN, 1.0, 1.0), (1.0, 2.0), 0.5),
    tuple[float, float]: ((1.0,), (NAN, 1.0), (1.0, 2.0, 3.0), 0.5),
    tuple[float, float] | None: ((1.0,), (NAN, 1.0), (0.8, 0.5), 0.5),
}
"""By an option's annotation, values that no option of it may have."""

CHECKED_OTHERWISE = {
    # Names of files, folders and results: any text may be one.
    *('ann_file', 'annotation_name', 'data_root', 'data_prefix', 'folder', 'onnx', 'prefix'),
    # Looked up, and refused by name where they are looked up.
    *('conventions', 'datasets', 'exclude', 'frozen_modules', 'include', 'metric', 'out_indices'),
    *('out_levels', 'submission'),
    # mmengine's and mmtrack's own.
    *('data_preprocessor', 'init_cfg', 'kwargs', 'depth', 'norm_eval'),
}
GIVEN = {
    'in_channels': (16, 16, 16),
    'backbone': {},
    'head': {},
    'refiner': {},
    'neck': {},
    'enhancer': {},
    'iou_head': {},
    'folder': 'nowhere',
    'data_root': 'nowhere',
    'datasets': [{}],
    'ann_file': 'nowhere',
    'data_prefix': {},
    'onnx': 'nowhere',
}
"""Of options without a default, values that are checked before anything is done with them."""


def _parameters(cls: type) -> list[inspect.Parameter]:
    """Every option of a class, those of its bases in this package too."""
    found: dict[str, inspect.Parameter] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith('tlpg_mmtrack') and '__init__' in vars(base):
            hints = get_type_hints(base if is_dataclass(base) else base.__init__)
            for name, parameter in inspect.signature(base.__init__).parameters.items():
                found[name] = parameter.replace(annotation=hints.get(name))
    return [parameter for name, parameter in found.items() if name != 'self']


CLASSES = [
    TrackingOptions,
    *(
        cls
        for registry in (MODELS, DATASETS, TRANSFORMS, METRICS, TASK_UTILS)
        for cls in registry.module_dict.values()
        if cls.__module__.startswith('tlpg_mmtrack')
    ),
]
OPTIONS = [
    pytest.param(cls, parameter, id=f'{cls.__name__}-{parameter.name}')
    for cls in CLASSES
    for parameter in _parameters(cls)
    if parameter.name not in CHECKED_OTHERWISE
]


def _given(cls: type) -> dict[str, Any]:
    """The options that must be given."""
    required = [
        parameter
        for parameter in _parameters(cls)
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ]
    return {
        parameter.name: 16 if parameter.annotation is int else GIVEN[parameter.name]
        for parameter in required
    }


@pytest.mark.parametrize(('cls', 'parameter'), OPTIONS)
def test_a_wrong_value_is_refused_by_name(cls: type, parameter: inspect.Parameter):
    name = parameter.name
    kind = str if get_origin(parameter.annotation) is Literal else parameter.annotation
    for value in WRONG[kind]:
        message = rf"{name} must be .*got {re.escape(repr(value))}|multiple values .* '{name}'"
        with pytest.raises((InputError, TypeError), match=message):
            cls(**{**_given(cls), name: value})


@pytest.mark.parametrize('cls', CLASSES)
def test_an_unknown_option_is_refused_by_name(cls: type):
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in _parameters(cls)):
        pytest.skip("what it does not know goes to mmtrack's class")
    with pytest.raises(TypeError, match=r'unheard_of|takes no arguments'):
        cls(**_given(cls), unheard_of=1)


def test_options_without_effect_in_prdimp_are_refused():
    config = dict(type='DCCClsHead', head=dict(type='DCCHead', in_channels=8))
    with pytest.raises(InputError, match=r"options must .* keys .*, got {'crop_size': 320}"):
        MODELS.build(dict(config, options=dict(crop_size=320)))
