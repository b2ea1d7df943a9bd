"""Columns and fields that are found by fixed names: the header of a table that has them, and texts that must be there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from nlptool.errors import RecordError, RunError
from nlptool.records.cells import without_quotes
from nlptool.records.json_bytes import listed, type_of
from nlptool.records.record import InputFormat, Table, lone_surrogate
from nlptool.text.scripts import LONE_SURROGATE


def form_with(
    form: InputFormat, are_names: Callable[[Sequence[str]], bool], needed: str, *, hint: str = ""
) -> InputFormat:
    """Return ``form`` for records whose fields are found by name; an input is a table if its first line names its columns.

    Args:
        are_names: returns whether names of columns are those that are needed.
        needed: what they are, for the message.
        hint: of the message.
    """

    def kind_of(line: str) -> str:
        kinds = (("\t", "tsv"), (",", "csv"))
        return next((kind for separator, kind in kinds if are_names(_names(line.split(separator)))), "text")

    def header(cells: list[str]) -> list[str] | None:
        names = _names(cells)
        if are_names(names):
            return [name or str(number) for number, name in enumerate(names, 1)]
        raise RunError(f"the first row does not name {needed}; it has {listed(cells)}", hint=hint)

    return replace(form, table=Table(kind_of, header), paired=True)


def text_in(values: Mapping[str, Any], name: str, *, hint: str = "") -> str:
    """Return the text in the field ``name``.

    Raises:
        RecordError: it is missing, is something else, or is empty; the message of the first names the fields that are there.
    """
    if name not in values:
        raise RecordError("MissingField", f"the record has no `{name}`; its fields: {listed(values)}", hint=hint)
    return checked(values[name], name)


def checked(value: Any, name: str) -> str:
    """Return a value of the field ``name`` if it is a text.

    Raises:
        RecordError: it is something else, or is empty.
    """
    if not isinstance(value, str):
        raise RecordError("NotText", f"the field `{name}` holds {type_of(value)}, not a string")
    if not value.strip():
        raise RecordError("EmptyText", f"`{name}` is empty")
    if lone := LONE_SURROGATE.search(value):
        raise lone_surrogate(lone)
    return value


def unpacked(value: Any) -> Any:
    """Return what a cell of a table with JSON in it, a list or an object, holds; any other value as it is."""
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _names(cells: Sequence[str]) -> list[str]:
    return [without_quotes(cell).strip() for cell in cells]
