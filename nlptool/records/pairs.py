"""Records that hold two texts: those on the two sides of a tab, or of two fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from nlptool.errors import RecordError
from nlptool.records.json_bytes import fields, find, path_of
from nlptool.records.record import InputFormat, Record

PAIR_TEXTS = (("first", "second"), ("sentence1", "sentence2"), ("text1", "text2"))
"""Names of the two texts, in JSONL and in the header of a table."""

PAIR_FIELDS = (*PAIR_TEXTS, ("1", "2"))
"""The same with those of TSV without a header."""


def accept_pairs(form: InputFormat, names: Iterable[tuple[str, str]]) -> InputFormat:
    """Return ``form`` for records that need no ``text`` because they have one of the pairs of fields ``names``."""
    return replace(form, instead=tuple(path_of(name)[0] for pair in names for name in pair), paired=True)


def two_texts(
    record: Record,
    names: tuple[str, str] | None = None,
    *,
    among: Sequence[tuple[str, str]] = PAIR_TEXTS,
    mark: str = "",
) -> tuple[str, str]:
    """Return the two texts of a record: the first two columns of a line with tabs, or two fields.

    A line becomes an object with the fields ``first``, ``second``, 3, 4 ..., or 1, 2, 3 ... if ``names`` are given.

    Args:
        names: of the fields, JSON Pointers or columns; else one of ``among``, or the columns 1 and 2.
        mark: separates the texts of a line that has no tab, with the blanks around it.

    Raises:
        RecordError: there are not two texts.
    """
    raw = _object_of(record.text, named=names is None, mark=mark) if record.raw is None else record.raw
    wanted = [names] if names else list(among)
    texts = texts_of(fields(raw), wanted if names else (*wanted, PAIR_FIELDS[-1]))
    if texts is None:
        called = " or ".join(map(" and ".join, wanted))
        if record.raw is None:
            raise RecordError(
                "NotAPair", f"a line of text has no columns that are called {called}", hint="-I tsv --header"
            )
        raise RecordError(
            "NotAPair",
            f"the record has no two texts that are called {called}",
            hint="--first NAME and --second NAME name them",
        )
    record.raw = raw
    return texts


def _object_of(line: str, *, named: bool, mark: str) -> bytes:
    """Return the columns of a line as an object.

    Raises:
        RecordError: there is one column, or there are several marks.
    """
    cells = line.split("\t")
    by_mark = re.split(f" *{re.escape(mark)} *", line) if mark and len(cells) == 1 else cells
    if len(by_mark) < 2 or (by_mark is not cells and len(by_mark) > 2):
        separator = f"a tab, or one {mark}," if mark else "a tab"
        count = f"{len(by_mark) - 1}" if len(by_mark) > 1 else "none"
        raise RecordError("NotAPair", f"a pair is two texts with {separator} between them, this line has {count}")
    names = [str(number) for number in range(1, len(by_mark) + 1)]
    if named:
        names[:2] = PAIR_TEXTS[0]
    return orjson.dumps(dict(zip(names, by_mark, strict=True)))


def without_text(lists: Iterable[list[Record]]) -> Iterator[list[Record]]:
    """Pass on the records; the error of one without a ``text`` then names the options of pairs, not --field."""
    for records in lists:
        for record in records:
            if record.error is not None and record.error.type == "MissingField":
                message = record.error.message.replace("no field `text`", "no two texts")
                record.fail(RecordError("NotAPair", message, hint="--first NAME and --second NAME name them"))
        yield records


def texts_of(values: Mapping[str, Any], names: Iterable[tuple[str, str]] = PAIR_FIELDS) -> tuple[str, str] | None:
    """Return the two texts among the fields of a record: those of the first pair of ``names`` under which there are two."""
    for pair in names:
        try:
            first, second = (find(values, path_of(name)) for name in pair)
        except KeyError:
            continue
        if isinstance(first, str) and isinstance(second, str):
            return first, second
    return None


def taken(lists: Iterable[list[Record]], take: Callable[[Record], object]) -> Iterator[list[Record]]:
    """Give each record that holds something to ``take``, whose RecordError is the record's; pass the records on."""
    for records in lists:
        for record in records:
            if record.pending and (record.raw is not None or record.text.strip(" \r\n")):
                try:
                    take(record)
                except RecordError as error:
                    record.fail(error)
        yield records
