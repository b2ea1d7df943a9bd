"""Where tagged sentences hold their words and tags: columns by number or name, fields by their usual names."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nlptool.errors import RecordError, WrongUsage
from nlptool.records.json_bytes import find, first_of, listed, path_of
from nlptool.records.record import InputFormat, Table

TEXTS = ("text", "sentence", "content", "body")
"""Names of the text."""

WORDS = ("tokens", "words", "forms")
"""Names of the words."""

SPANS = ("entities", "ents", "spans", "named_entities", "label", "labels")
"""Names of entities as spans of characters."""

TAGS = ("tags", "ner_tags", "labels", "ner", "bio_tags", "iob_tags", "upos", "pos_tags", "pos", "xpos")
"""Names of a list of tags."""

GOLD = ("gold", "gold_entities", "gold_tags", "reference", "true_tags")
"""Names of what is right, beside a prediction."""

PREDICTED = (
    "predicted", "prediction", "predictions", "predicted_entities", "predicted_tags", "predicted_labels", "pred_entities",
    "pred_tags", "pred",
)  # fmt: skip
"""Names of a prediction."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the words and the tags are called.

    Args:
        columns: of the tags; of gold tags and of predicted ones.
        words: of the words; "": they have a usual name, or there are none.
    """

    columns: tuple[str, ...]
    words: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where sentences hold their words and tags.

    Args:
        column: of the tags: the number of a column, the name of a column of CoNLL-U or of an attribute in its MISC, or a field or
            JSON Pointer of an object; else the last column, UPOS, or a usual name.
        predicted: of predictions that stand beside them, likewise.
        paired: there are predictions beside the tags.
        words: of the words; else the first column, FORM, or a usual name.
        of_predictions: the tags are predictions about the sentences of another file.

    Raises:
        WrongUsage: two of these are the same.
    """

    column: str | None = None
    predicted: str | None = None
    paired: bool = False
    words: str | None = None
    of_predictions: bool = False

    def __post_init__(self) -> None:
        given = [name for name in (*self.given, self.words) if name is not None]
        if twice := next((name for name in given if given.count(name) > 1), None):
            raise WrongUsage(f"`{twice}` is named twice: words, tags and predictions stand in columns of their own")

    @property
    def given(self) -> tuple[str | None, ...]:
        """The names of the columns of tags, None for each that was not given."""
        return (self.column, self.predicted) if self.paired else (self.column,)

    @property
    def options(self) -> tuple[str, ...]:
        """The options of the command line that name these columns."""
        return ("--column", "--predicted-column")[self.of_predictions :]

    def said(self, names: Names) -> str:
        """Return the options of the command line that say what was found."""
        return " ".join(
            f"{option} {shlex.quote(name)}" for option, name in zip(self.options, names.columns, strict=False)
        )

    def form(self, form: InputFormat) -> InputFormat:
        """Return ``form`` for tagged sentences: objects, or blocks of lines.

        Raises:
            WrongUsage: it is a table.
        """
        if form.kind in ("csv", "tsv"):
            message = f"-I {form.kind} reads a record a row, and a tagged sentence is several lines: a word and its tag a line"
            raise WrongUsage(message, hint="-I text reads columns and CoNLL-U, -I jsonl a sentence an object")
        return replace(form, table=Table(lambda line: "text", lambda cells: None), paired=True, unit="block")

    def names(self, values: Mapping[str, Any]) -> Names:
        """Return the names among the fields of an object.

        Raises:
            RecordError: there are none.
        """
        words = self.words or ""
        if not self.paired:
            return Names((self._single(values, self.column, "tags", self.options[0]),), words)
        predicted = self.predicted or first_of(PREDICTED, values)
        gold = self.column or first_of(GOLD, values)
        if gold is None and predicted is None:
            message = f"the record has no prediction beside its tags; its fields: {listed(values)}"
            hint = "--predicted-column NAME says what it is called, --predicted FILE names a file of predictions"
            raise RecordError("NoPrediction", message, hint=hint)
        others = {name: value for name, value in values.items() if name not in (gold, predicted)}
        if predicted is None:
            predicted = self._single(others, None, "prediction", "--predicted-column", "NoPrediction")
        if gold is None:
            gold = self._single(others, None, "gold tags", "--column", "NoGold")
        return Names((gold, predicted), words)

    def _single(
        self, values: Mapping[str, Any], name: str | None, what: str, option: str, type: str = "MissingField"
    ) -> str:
        if name is not None:
            return name
        has_words = words_in(values, self.words or "") is not None
        found = next((name for name in SPANS if is_spans(values.get(name))), None)
        if found is None and has_words:
            found = next((name for name in TAGS if _is_tags(values.get(name))), None)
            if found is None and not self.paired:  # what is wrong with it is said when it is read
                found = next((name for name in TAGS if isinstance(values.get(name), list)), None)
        if found is None:
            message = f"the record has no {what} with one of the usual names; its fields: {listed(values)}"
            raise RecordError(type, message, hint=f"{option} NAME says what they are called")
        return found


def others(values: Mapping[str, Any], names: Names) -> list[str]:
    """Return the usual names of tags that a record has beside those that are read."""
    known = dict.fromkeys((*SPANS, *TAGS))
    return [
        name
        for name in known
        if name not in names.columns and (is_spans(values.get(name)) or _is_tags(values.get(name)))
    ]


def words_in(values: Mapping[str, Any], name: str) -> str | None:
    """Return the name of an object's words, ``name`` or a usual one; None if it has none."""
    if name:
        return name if value_of(values, name) is not None else None
    return next((usual for usual in WORDS if isinstance(values.get(usual), list)), None)


def value_of(values: Mapping[str, Any], name: str) -> Any:
    """Return the value of a field or a JSON Pointer, None if there is none."""
    try:
        return values[name] if name in values else find(values, path_of(name))
    except KeyError:
        return None


def is_spans(value: Any) -> bool:
    """Return whether a value is a list of objects or lists, or an empty one."""
    return isinstance(value, list) and all(isinstance(item, dict | list) for item in value)


def number_of(name: str | None, default: int, n_columns: int, option: str) -> int:
    """Return the place of a column, from 0.

    Raises:
        WrongUsage: ``name`` is not the number of one.
    """
    if name is None:
        return default
    if not (name.isascii() and name.isdecimal() and 0 < int(name[:9]) <= n_columns):
        raise WrongUsage(f"{option} {name}: there are {n_columns} columns, which are numbered from 1")
    return int(name) - 1


def _is_tags(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
