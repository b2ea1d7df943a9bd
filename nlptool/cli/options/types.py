"""Types of option values: encodings, numbers in a range, sizes in bytes."""

from __future__ import annotations

import codecs
import math
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

import click

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]

_NOT_OF_FILES = {"idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined"}  # Python's, but no one's text


def parse_encoding(_: click.Context, __: click.Parameter, value: str) -> str:
    """Return the canonical name of a text encoding, or ``auto``.

    Raises:
        BadParameter: there is no such text encoding.
    """
    if value == "auto":
        return value
    try:
        "".encode(value)  # refuses what is no text encoding, such as hex
        name = codecs.lookup(value).name
        if name in _NOT_OF_FILES:
            raise LookupError(name)
        return name
    except (LookupError, UnicodeError):
        raise click.BadParameter(
            f"no encoding is called {value!r}; auto finds it out; for Japanese try cp932, euc_jp or iso-2022-jp"
        ) from None


_LARGEST = (2 - 2**-23) * 2.0**127  # of the numbers in float32, in which all is computed

_LARGEST_COUNT = 2**31 - 1
LARGEST_TEAM = 1024  # of processes or threads: a slip of the finger starts no million of them


class Text(click.types.StringParamType):
    """A text. Unlike click's own strings, which may be names of files, it is UTF-8."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = super().convert(value, param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail(f"{text.encode(errors='surrogateescape').decode(errors='replace')!r} is not UTF-8", param, ctx)
        return text


class Number(click.types.FloatParamType):
    """A number. Unlike click's own, it refuses nan, and what is beyond float32."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is no number", param, ctx)
        if abs(number) > _LARGEST:
            self.fail(
                f"{value} is beyond float32, whose numbers reach from -{_LARGEST:.2g} to {_LARGEST:.2g}", param, ctx
            )
        return number


class IntRange(click.IntRange):
    """A whole number in a range. Unlike click's own, it refuses what is beyond 32 bits, in which libraries keep counts."""

    name = "whole number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if number > _LARGEST_COUNT:
            self.fail(f"{value} is beyond {_LARGEST_COUNT}, the largest whole number here", param, ctx)
        return number


class NumberOrAuto(click.ParamType[int | None]):
    """A number from 1 to ``largest``, or ``auto``, which is None."""

    name = "number"

    def __init__(self, largest: int) -> None:
        self._numbers = IntRange(1, largest)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        return None if value == "auto" else self._numbers.convert(value, param, ctx)


class FloatRange(click.FloatRange, Number):
    """A ``Number`` in a range."""

    name = "number"


def typed(names: Iterable[str]) -> set[str]:
    """Return those of ``names`` that were given on the command line of the running command."""
    source = click.get_current_context().get_parameter_source
    return {name for name in names if source(name) == click.core.ParameterSource.COMMANDLINE}


def refuse(names: Iterable[str], reason: str) -> None:
    """Refuse the first of the options ``names`` that was given on the command line: ``reason`` makes no use of it.

    Raises:
        UsageError: one of them was given.
    """
    for name in sorted(typed(names)):
        raise click.UsageError(f"{reason} makes no use of {_typed_as(name)}")


def refuse_without(names: Iterable[str], needed: str) -> None:
    """Refuse the first of the options ``names`` that was given on the command line: it is of use with ``needed`` alone.

    Raises:
        UsageError: one of them was given.
    """
    for name in sorted(typed(names)):
        raise click.UsageError(f"{_typed_as(name)} goes with {needed} alone")


def _typed_as(name: str) -> str:
    """Return a parameter of the running command as it is typed: ``--as`` for ``role``."""
    parameters = click.get_current_context().command.params
    return next(max(parameter.opts, key=len) for parameter in parameters if parameter.name == name)


def all_of(*options: Decorator) -> Decorator:
    """Return a decorator that adds several options, in this order."""

    def decorate(callback: Command) -> Command:
        for option in reversed(options):
            callback = option(callback)
        return callback

    return decorate


def given(name: str) -> bool:
    """Return whether the option was given to the running command, on the command line or in the environment."""
    return click.get_current_context().get_parameter_source(name) != click.core.ParameterSource.DEFAULT


_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def parse_bytes(_: click.Context, __: click.Parameter, value: str) -> int:
    """Return a size in bytes, written with a decimal unit: 500M, 2G, 1.5GB."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", value.strip(), re.IGNORECASE)
    size = float(match[1]) * _UNITS[match[2].upper()] if match else 0
    if not 1 <= size <= sys.maxsize:
        raise click.BadParameter(f"{value!r} is no size: 500M, 2G")
    return int(size)


_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def parse_time(_: click.Context, __: click.Parameter, value: str) -> float:
    """Return a time in seconds: 90, 90s, 15m, 2h."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", value.strip(), re.IGNORECASE)
    seconds = float(match[1]) * _SECONDS[match[2].lower()] if match else 0
    if not seconds:
        raise click.BadParameter(f"{value!r} is no time: 15m, 2h, 90s")
    return seconds
