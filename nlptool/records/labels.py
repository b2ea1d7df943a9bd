"""Labels of examples: names of classes, scores, and lists of names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from nlptool.errors import RecordError, RunError
from nlptool.records.cells import is_number
from nlptool.records.json_bytes import type_of
from nlptool.records.record import lone_surrogate
from nlptool.text.scripts import LONE_SURROGATE

Label = str | float | tuple[str, ...]
"""A class, a score, or several classes, () for none of them."""

MOST_NUMBERED_CLASSES = 20
"""Different whole numbers, up to which they are taken for the numbers of classes; more are scores."""


def label_of(value: Any) -> Label:
    """Return the label that a value of JSON or a cell is.

    A cell and a string keep their text without the blanks around it, a whole number and true or false become the text that
    writes them, a number with a decimal point stays a number, and a list becomes a tuple of names, each once.

    Raises:
        RecordError: it is empty, null or an object, or a list holds what is no name.
    """
    if isinstance(value, list):
        return tuple(dict.fromkeys(_name(each) for each in value))
    if isinstance(value, float) and math.isfinite(value):
        return value
    return _name(value)


def class_name(label: str | float) -> str:
    """Return the name of the class that a label means: 1, 1.0 and the cell ``1`` are the same class."""
    if isinstance(label, str):
        return label
    return str(int(label)) if float(label).is_integer() else repr(label)


def kind_of(labels: Sequence[Label]) -> tuple[str, str]:
    """Return what task the labels are for, and the reason in words.

    Returns:
        multilabel: one is a list; regression: all are numbers, and one has decimals or there are more than
        ``MOST_NUMBERED_CLASSES`` different ones; else classification.
    """
    different = set(labels)
    if any(isinstance(label, tuple) for label in different):
        return "multilabel", "label is a list"
    n_numbers = sum(map(is_number, different))
    if n_numbers < len(different) or not different:
        words = ", numbers and words" if n_numbers else ""
        return "classification", f"{_count(len(different), 'different label')}{words}"
    numbers = sorted({float(label) for label in different})  # type: ignore[arg-type]  # no tuples
    of_range = f"{numbers[0]:g} to {numbers[-1]:g}"
    if not all(number.is_integer() for number in numbers):
        return "regression", f"label is a number with decimals, {of_range}"
    if len(numbers) > MOST_NUMBERED_CLASSES:
        return "regression", f"label is a number, {len(numbers):,} different ones, {of_range}"
    return "classification", _count(len(different), "different label")


def as_classes(labels: Sequence[Label]) -> list[str]:
    """Return labels as names of classes.

    Raises:
        RunError: a label is a list, or they are scores: many different numbers, with decimals.
    """
    lists = [label for label in labels if isinstance(label, tuple)]
    if lists:
        raise RunError(
            f"a classification has one class for each example, and {len(lists):,} of {len(labels):,} labels are lists",
            hint="--kind multilabel",
        )
    names = [class_name(label) for label in labels if not isinstance(label, tuple)]
    kind, reason = kind_of(labels)
    if kind == "regression" and len(set(names)) > MOST_NUMBERED_CLASSES and "decimals" in reason:
        raise RunError(f"a classification needs classes, and the {reason}", hint="--kind regression")
    return names


def as_set(label: Label) -> tuple[str, ...]:
    """Return the names that a label is; one that is no list is a list of one."""
    return label if isinstance(label, tuple) else (class_name(label),)


def as_numbers(labels: Sequence[Label]) -> list[float]:
    """Return labels as numbers.

    Raises:
        RunError: one is none.
    """
    others = [label for label in labels if not is_number(label)]
    if others:
        shown = ", ".join(dict.fromkeys(f"`{shortened(label)}`" for label in others[:3]))
        raise RunError(
            f"a regression needs numbers, and {len(others):,} of {len(labels):,} labels are none: {shown}",
            hint=f"--kind {kind_of(labels)[0]}",
        )
    return [float(label) for label in labels]  # type: ignore[arg-type]  # no tuples


def shortened(label: Label | Iterable[str]) -> str:
    """Return a label for a message: its first characters, with whatever would steer a terminal escaped."""
    text = label if isinstance(label, str) else ", ".join(label) if isinstance(label, Iterable) else class_name(label)
    return repr(text)[1:-1][:40]


def _name(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and math.isfinite(value):
        return class_name(value)
    if not isinstance(value, str):
        found = "is no finite number" if isinstance(value, float) else f"is {type_of(value)}"
        raise RecordError("NoLabel", f"the label {found}", hint="a label is a name, a number, or a list of names")
    name = value.strip()
    if not name:
        raise RecordError("NoLabel", "the label is empty", hint="an example without a label is left out")
    if lone := LONE_SURROGATE.search(name):
        raise lone_surrogate(lone)
    return name


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
