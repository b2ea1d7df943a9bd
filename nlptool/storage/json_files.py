"""JSON files that stand beside data: the settings of a model, manifests, the states of unfinished work."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_NAMES = {
    dict: "an object", list: "an array", str: "a string", int: "a whole number", float: "a number", bool: "true or false",
}  # fmt: skip


def parse(text: str) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is none, or is nested deeper than any that is meant.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("its brackets are nested too deep") from error


def read(path: Path) -> Any:
    """Read a JSON file in UTF-8, with or without a byte order mark.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none.
    """
    try:
        return parse(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error


def read_object(path: Path, needed: Sequence[str] = (), *, kinds: Mapping[str, type] | None = None) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Args:
        needed: fields that it must have.
        kinds: the type of a field's value, if it has one: str, int, bool, list or dict.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none, lacks a field, or one has a value of another type.
    """
    value = read(path)
    if not isinstance(value, dict):
        raise ValueError(f"it holds {_name(type(value))} where an object is needed")
    if absent := [name for name in needed if name not in value]:
        raise ValueError(f"it lacks the field {absent[0]}")
    for name, kind in (kinds or {}).items():
        if (found := value.get(name)) is not None and type(found) is not kind:
            raise ValueError(f"its {name} is {_name(type(found))}, not {_name(kind)}")
    return value


def _name(kind: type) -> str:
    return _NAMES.get(kind, "null")
