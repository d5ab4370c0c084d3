# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""What options may be: rules that constructors check their arguments by."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import wraps
from numbers import Integral, Real
from typing import Any

from .errors import InputError


@dataclass(frozen=True)
class Rule:
    """What one option may be.

    Attributes:
        meaning: It, after "must be".
        accepts: Whether a value is that; it may be of any type.
    """

    meaning: str
    accepts: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def whole(least: int) -> Rule:
    """A whole number of at least this."""
    return Rule(
        f'a whole number of at least {least}', lambda value: _is_whole(value) and value >= least
    )


def multiple_of(unit: int) -> Rule:
    """A positive whole multiple."""
    return Rule(
        f'a positive multiple of {unit}',
        lambda value: _is_whole(value) and value > 0 and value % unit == 0,
    )


def at_least(least: float) -> Rule:
    """A finite number of at least this."""
    return Rule(
        f'a number of at least {least}', lambda value: _is_number(value) and value >= least
    )


def one_of(*known: Any) -> Rule:
    """One of a few values."""
    names = ' or '.join(map(repr, known)) if len(known) == 2 else f'one of {known}'
    return Rule(names, lambda value: isinstance(value, type(known[0])) and value in known)


def each(rule: Rule, count: int | None = None) -> Rule:
    """A list or tuple, each of whose entries follows a rule.

    Args:
        rule: The entries'.
        count: Number of entries; any but 0 if None.
    """

    def accepts(value: Any) -> bool:
        if not isinstance(value, Sequence) or isinstance(value, str):
            return False
        right = len(value) > 0 if count is None else len(value) == count
        return right and all(map(rule.accepts, value))

    return Rule(f'a list of {count or "numbers"}, each {rule.meaning}', accepts)


def optional(rule: Rule) -> Rule:
    """None, or what follows a rule."""
    return Rule(
        f'None or {rule.meaning}', lambda value: value is None or bool(rule.accepts(value))
    )


def keys(known: Collection[str], rule: Rule) -> Rule:
    """A dict of some of these keys, whose values follow a rule."""
    return Rule(
        f'a dict with keys of {tuple(known)}, each value {rule.meaning}',
        lambda value: (
            isinstance(value, Mapping)
            and set(value) <= set(known)
            and all(map(rule.accepts, value.values()))
        ),
    )


NUMBER = Rule('a finite number', _is_number)
POSITIVE = Rule('a positive number', lambda value: _is_number(value) and value > 0)
PROBABILITY = Rule('a number in 0..1', lambda value: _is_number(value) and 0 <= value <= 1)
FRACTION = Rule('a number above 0, at most 1', lambda value: _is_number(value) and 0 < value <= 1)
SHARE = Rule(
    'a number between 0 and 1, excluded', lambda value: _is_number(value) and 0 < value < 1
)
ODD = Rule('an odd whole number', lambda value: _is_whole(value) and value > 0 and value % 2 == 1)
FLAG = Rule('True or False', lambda value: isinstance(value, bool))
CONFIG = Rule("a component's config, a dict", lambda value: isinstance(value, Mapping))


def check_option(owner: str, name: str, value: Any, rule: Rule) -> None:
    """Refuse a value that a rule does not accept.

    Args:
        owner: What the option belongs to.
        name: The option.
        value: Its value.
        rule: The rule.

    Raises:
        InputError: Naming all of these.
    """
    if not rule.accepts(value):
        raise InputError(f'{owner}: {name} must be {rule.meaning}, got {value!r}')


def checked(**rules: Rule) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Check arguments of a constructor, those with a rule, before it runs.

    Args:
        **rules: Rules of arguments by their names.

    Example:
        >>> class Blur:
        ...     @checked(radius=whole(1))
        ...     def __init__(self, radius: int = 3) -> None:
        ...         self.radius = radius
        >>> Blur(radius=2.5)
        Traceback (most recent call last):
        ...InputError: Blur: radius must be a whole number of at least 1, got 2.5
    """

    def decorate(init: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(init)

        @wraps(init)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            for name, rule in rules.items():
                check_option(type(self).__name__, name, bound.arguments[name], rule)
            init(self, *args, **kwargs)

        return wrapper

    return decorate


def option(default: Any, rule: Rule) -> Any:
    """A field of a dataclass that is :class:`CheckedOptions`, with the rule of its values."""
    return field(default=default, metadata=dict(rule=rule))


class CheckedOptions:
    """Base of dataclasses whose fields are options, checked when one is made.

    Example:
        >>> @dataclass
        ... class Blur(CheckedOptions):
        ...     radius: int = option(3, whole(1))
        >>> Blur(radius=2.5)
        Traceback (most recent call last):
        ...InputError: Blur: radius must be a whole number of at least 1, got 2.5
    """

    def __post_init__(self) -> None:
        for each_field in fields(self):
            rule = each_field.metadata.get('rule')
            if rule is not None:
                check_option(
                    type(self).__name__, each_field.name, getattr(self, each_field.name), rule
                )
