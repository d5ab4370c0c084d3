# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What options may be: constructors check their arguments by the rules in the type hints.

An argument is checked where its type has a rule: ``bool``, ``dict`` (a component's config),
``float`` (a finite number), ``Literal`` and ``Annotated[type, rule]`` have; and so have, of such a
type X, ``X | None``, ``Sequence[X]`` and ``tuple[X, X]``.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, wraps
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from .errors import InputError


class Rule(NamedTuple):
    """What one option may be: ``meaning``, after "must be", and whether a value ``accepts``."""

    meaning: str
    accepts: Callable[[Any], bool]

    def __repr__(self) -> str:
        """The meaning, as documentation shows it in a signature."""
        return repr(self.meaning)


def _number(
    meaning: str, within: Callable[[float], bool] = lambda value: True, kind: type = Real
) -> Rule:
    """A finite number of a kind, within a range; True and False are none."""

    def accepts(value: Any) -> bool:
        number = isinstance(value, kind) and not isinstance(value, bool)
        return number and math.isfinite(value) and within(value)

    return Rule(meaning, accepts)


NUMBER = _number('a finite number')


def whole(least: int) -> Rule:
    return _number(f'a whole number of at least {least}', lambda value: value >= least, Integral)


def multiple_of(unit: int) -> Rule:
    return _number(
        f'a positive multiple of {unit}', lambda value: value > 0 and value % unit == 0, Integral
    )


def odd(least: int) -> Rule:
    meaning = f'an odd whole number of at least {least}'
    return _number(meaning, lambda value: value >= least and value % 2 == 1, Integral)


def at_least(least: float) -> Rule:
    return _number(f'a number of at least {least}', lambda value: value >= least)


def one_of(*known: Any) -> Rule:
    names = ' or '.join(map(repr, known)) if len(known) == 2 else f'one of {known}'
    return Rule(names, lambda value: isinstance(value, type(known[0])) and value in known)


def some_of(*known: Any) -> Rule:
    """A list or tuple of one or more of these values, each once and in this order."""

    def accepts(value: Any) -> bool:
        in_order = [entry for entry in known if isinstance(value, Sequence) and entry in value]
        return len(in_order) > 0 and list(value) == in_order

    return Rule(f'some of {known} in that order', accepts)


def each(rule: Rule, count: int | None = None) -> Rule:
    """A list or tuple of ``count`` entries (any but 0 if None), each of which follows a rule."""

    def accepts(value: Any) -> bool:
        if not isinstance(value, Sequence) or isinstance(value, str):
            return False
        right = len(value) > 0 if count is None else len(value) == count
        return right and all(map(rule.accepts, value))

    of = '' if count is None else f' of {count}'
    return Rule(f'a list{of}, each {rule.meaning}', accepts)


def keys(known: Collection[str], rule: Rule) -> Rule:
    """A dict of some of these keys, whose values follow a rule."""

    def accepts(value: Any) -> bool:
        all_known = isinstance(value, Mapping) and set(value) <= set(known)
        return all_known and all(map(rule.accepts, value.values()))

    return Rule(f'a dict with keys of {tuple(known)}, each value {rule.meaning}', accepts)


InitCfg = dict | list[dict] | None  #: MMEngine's, which it checks itself.
Natural = Annotated[int, whole(0)]
Count = Annotated[int, whole(1)]
Positive = Annotated[float, _number('a positive number', lambda value: value > 0)]
NonNegative = Annotated[float, at_least(0)]
Probability = Annotated[float, _number('a number in 0..1', lambda value: 0 <= value <= 1)]
Fraction = Annotated[float, _number('a number above 0, at most 1', lambda value: 0 < value <= 1)]
Share = Annotated[
    float, _number('a number between 0 and 1, excluded', lambda value: 0 < value < 1)
]
_OF_TYPE = {
    bool: Rule('True or False', lambda value: isinstance(value, bool)),
    dict: Rule("a component's config, a dict", lambda value: isinstance(value, Mapping)),
    float: NUMBER,
}


def _rule_of(hint: Any) -> Rule | None:
    """The rule in a type hint, if there is one; see the module's docstring."""
    if hint in _OF_TYPE:
        return _OF_TYPE[hint]
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return args[1]
    if origin is Literal:
        return one_of(*args)
    if origin in (Union, UnionType) and args[1:] == (NoneType,):
        if (rule := _rule_of(args[0])) is None:
            return None
        return Rule(f'None or {rule.meaning}', lambda value: value is None or rule.accepts(value))
    if origin is Sequence or (origin is tuple and len(set(args)) == 1):
        rule = _rule_of(args[0])
        return rule and each(rule, len(args) if origin is tuple else None)
    return None


def _rules(owner: Any) -> dict[str, Rule]:
    """Those of a function's arguments or a dataclass's fields, by name."""
    hints = get_type_hints(owner, include_extras=True)
    return {name: rule for name, hint in hints.items() if (rule := _rule_of(hint))}


def check_option(owner: str, name: str, value: Any, rule: Rule) -> None:
    """Raise an InputError, which names owner, option, rule and value, unless a rule accepts it."""
    if not rule.accepts(value):
        raise InputError(f'{owner}: {name} must be {rule.meaning}, got {value!r}')


def checked(init: Callable[..., None]) -> Callable[..., None]:
    """Check arguments of a constructor, by the rules in their types, before it runs.

    Example:
        >>> class Blur:
        ...     @checked
        ...     def __init__(self, radius: Count = 3) -> None: ...
        >>> Blur(radius=2.5)
        Traceback (most recent call last):
            ...
        tlpg_mmtrack.utils.errors.InputError: Blur: radius must be a whole number ..., got 2.5
    """
    signature = inspect.signature(init)

    # At the first call, when all names in the hints are there.
    @cache
    def rules() -> dict[str, Rule]:
        return _rules(init)

    @wraps(init)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        for name, rule in rules().items():
            check_option(type(self).__name__, name, bound.arguments[name], rule)
        init(self, *args, **kwargs)

    return wrapper


def check_fields(options: Any, owner: str) -> None:
    """Check the fields of a dataclass by the rules in their types."""
    for name, rule in _rules(type(options)).items():
        check_option(owner, name, getattr(options, name), rule)


class CheckedOptions:
    """Base of dataclasses whose fields are options; see :func:`check_fields`."""

    def __post_init__(self) -> None:
        check_fields(self, type(self).__name__)
