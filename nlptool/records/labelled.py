"""Labelled data: one text or two and a label, a record each, in any format that records have."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nlptool.errors import RecordError, WrongUsage
from nlptool.records.cells import columns as columns_of
from nlptool.records.column_search import ColumnSearch, Names, NotThereError
from nlptool.records.json_bytes import find, listed, path_of, type_of
from nlptool.records.known_columns import LABELS, TEXTS, Preset
from nlptool.records.labels import Label, as_set, label_of
from nlptool.records.pairs import taken
from nlptool.records.pipe import Pipe
from nlptool.records.record import InputFormat, Record, lone_surrogate
from nlptool.text.scripts import LONE_SURROGATE


@dataclass(frozen=True, slots=True)
class Example:
    """One text, or the two of a pair, and the label; None where it was not asked for."""

    texts: tuple[str, ...]
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a record holds its texts and its label.

    A name is that of a field or column, compared as it is and then without regard to case, a JSON Pointer, or the number of a
    column. What is not named has a name of the preset or a usual one (``known_columns``), or is found in a table without a
    header that has no other columns: texts first, label last.

    Args:
        text: the name of the text, of examples that have one.
        first, second: the names of the two texts of a pair.
        label: the name of the label.
        labelled: a record without a label is an error; else labels are not looked at.
        preset: a data set whose names and labels are known.
        n_texts: 1 or 2 where that is known; None: two if two have the usual names of a pair.

    Raises:
        WrongUsage: the names contradict each other, or the number of texts.
    """

    text: str | None = None
    first: str | None = None
    second: str | None = None
    label: str | None = None
    labelled: bool = True
    preset: Preset | None = None
    n_texts: int | None = None

    def __post_init__(self) -> None:
        if (self.first is None) != (self.second is None):
            raise WrongUsage("--first and --second go together: they name the two texts of a pair")
        if self.text is not None and self.first is not None:
            raise WrongUsage("--text names the text of an example that has one, --first and --second those of a pair")
        if self.label is not None and self.label in self.given:
            raise WrongUsage(f"`{self.label}` cannot be both a text and the label")
        given = len(self.given)
        wanted = self.n_texts or (len(self.preset.texts) if self.preset else given)
        for n_texts, what in ((given, "named"), (len(self.preset.texts) if self.preset else 0, "in the preset")):
            if n_texts and n_texts != wanted:
                raise WrongUsage(f"{_count(wanted)} for each example, and {_count(n_texts)} {what}")

    def form(self, form: InputFormat) -> InputFormat:
        """Return ``form`` for these columns, in tables that are found by their first line."""
        return self.search.form(form)

    def example(self, record: Record) -> Example:
        """Return the example that a record is.

        Raises:
            RecordError: a text or the label is not there, is empty, or is something else.
        """
        values = self.values(record)
        return self.example_of(values, self.names(values))

    def values(self, record: Record) -> dict[str, Any]:
        """Return the fields of a record or the columns of a line; without labels, a line is one text if not a pair."""
        if record.raw is None and not (self.labelled or self.given or self.search.n_texts == 2):
            return {TEXTS[0]: record.text}
        return columns_of(record)

    def names(self, values: Mapping[str, Any]) -> Names:
        """Return what the texts and the label are called among the fields or columns of a record.

        Raises:
            RecordError: they are not there.
        """
        try:
            return _names(self, tuple(values))
        except NotThereError as error:
            if len(values) == 1 and "1" in values:
                what = _count(self.search.n_texts or 1)
                message = f"an example is {what}{' and a label' if self.labelled else ''} with tabs between them"
                raise RecordError("MissingField", f"{message}, this line has 1 column") from None
            is_row = bool(values) and all(map(str.isdecimal, values))
            found = [f"{name} ({values[name]!s:.20})" for name in values] if is_row else values
            message = f"the record has no {error.what}; its {'columns' if is_row else 'fields'}: {listed(found)}"
            raise RecordError("MissingField", message, hint=error.hint) from None

    def label_among(self, values: Mapping[str, Any]) -> str | None:
        """Return what the label of a record is called, whether it is asked for or not; None: the record has none."""
        try:
            return _names(replace(self, labelled=True), tuple(values)).label
        except NotThereError:
            return None

    def example_of(self, values: Mapping[str, Any], names: Names) -> Example:
        """Return the example that the fields of a record are.

        Raises:
            RecordError: a text or the label is empty, or is something else.
        """
        texts = tuple([_text(_value(values, name), name, len(names.texts)) for name in names.texts])
        if names.label is None:
            return Example(texts)
        label = label_of(_value(values, names.label))
        if self.preset is not None:
            self.preset.check(label)
        return Example(texts, label)

    @property
    def given(self) -> tuple[str, ...]:
        """The names of the texts that were given."""
        return tuple(name for name in (self.text, self.first, self.second) if name is not None)

    @property
    def search(self) -> ColumnSearch:
        """The names that are looked for."""
        n_texts = len(self.given) or (len(self.preset.texts) if self.preset else self.n_texts)
        return ColumnSearch(self.given, self.label, self.labelled, self.preset, n_texts)


def read(pipe: Pipe, columns: Columns) -> list[Example]:
    """Read the examples of a pipe's input, in order. A record that is no example fails, and counts in ``pipe``.

    All examples of an input have the names of its first one, so that a record without its label is not taken for one whose label
    has another name; rows without a header have as many columns as the first, and all examples as many texts. The names are said.
    """
    examples: list[Example] = []
    first_of_source: dict[str, tuple[Names, int]] = {}
    pipe.form = columns.form(pipe.form)

    def take(record: Record) -> None:
        values = columns.values(record)
        names = columns.names(values)
        known, width = first_of_source.get(record.source, (names, len(values)))
        if names != known:
            message = f"the examples before have {known.options}, this one has {names.options}"
            raise RecordError("OtherFields", message, hint="these options say which it is")
        if len(values) != width and all(map(str.isdecimal, values)):
            raise RecordError("WrongColumns", f"{len(values)} columns, but the examples before have {width}")
        example = columns.example_of(values, names)
        if examples and len(example.texts) != len(examples[0].texts):
            message = f"{_count(len(example.texts))}, and the examples before have {len(examples[0].texts)}"
            raise RecordError("OtherFields", message)
        examples.append(example)
        if record.source in first_of_source:
            return
        first_of_source[record.source] = names, len(values)
        if names != Names(columns.given, columns.label if columns.labelled else None):
            others = [name for name in values if name in LABELS and name != names.label and columns.labelled]
            more = f"; it also has {listed(others)} (--label)" if others else ""
            pipe.note(f"{record.source} is read with {names.options}{more}")

    pipe.consume(taken(pipe.read(), take))
    return examples


def conflicting(examples: Iterable[Example]) -> int:
    """Return how many different texts, or pairs of texts, stand there with different labels."""
    labels: dict[tuple[str, ...], frozenset[str]] = {}
    conflicts: set[tuple[str, ...]] = set()
    for example in examples:
        if example.label is not None:
            found = frozenset(as_set(example.label))
            if labels.setdefault(example.texts, found) != found:
                conflicts.add(example.texts)
    return len(conflicts)


@functools.lru_cache(maxsize=64)
def _names(columns: Columns, known: tuple[str, ...]) -> Names:
    return columns.search.names(known)


def _value(values: Mapping[str, Any], name: str) -> Any:
    """Return the value of the field or JSON Pointer ``name``."""
    try:
        return values[name] if name in values else find(values, path_of(name))
    except KeyError:
        raise RecordError("MissingField", f"the record has no `{name}`; its fields: {listed(values)}") from None


def _text(value: Any, name: str, n_texts: int) -> str:
    """Return the value of the field ``name`` if it is a text."""
    if not isinstance(value, str):
        raise RecordError("NotText", f"the field `{name}` holds {type_of(value)}, not a string")
    if not value.strip():
        message = "the text is empty" if n_texts == 1 else f"a pair is two texts, and one of these is empty: `{name}`"
        raise RecordError("EmptyText", message)
    if lone := LONE_SURROGATE.search(value):
        raise lone_surrogate(lone)
    return value


def _count(n_texts: int) -> str:
    return "two texts" if n_texts == 2 else "one text"
