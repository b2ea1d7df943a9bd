"""Pairs of texts: as records of a stream, and in files, with a score where people gave one."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from nlptool.errors import RecordError, RunError
from nlptool.records.json_bytes import fields, find, path_of
from nlptool.records.pipe import Pipe
from nlptool.records.record import STDIN, InputFormat, Record

PAIR_TEXTS = (("first", "second"), ("sentence1", "sentence2"), ("text1", "text2"))
"""Names of the two texts, in JSONL and in the header of a table."""

PAIR_FIELDS = (*PAIR_TEXTS, ("1", "2"))
"""The same with those of TSV without a header."""

SCORES = ("score", "label", "similarity")
"""Names of the score."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts and their similarity, if it is known; higher is more alike."""

    first: str
    second: str
    score: float | None = None


def accept_pairs(form: InputFormat, names: Iterable[tuple[str, str]]) -> InputFormat:
    """Return ``form`` for records that need no ``text`` because they have one of the pairs of fields ``names``."""
    return replace(form, instead=tuple(path_of(name)[0] for pair in names for name in pair))


def two_texts(
    record: Record,
    names: tuple[str, str] | None = None,
    *,
    among: Sequence[tuple[str, str]] = PAIR_TEXTS,
    mark: str = "",
) -> tuple[str, str]:
    """Return the two texts of a record: those on the two sides of a line's only tab, or those of two fields.

    A line becomes an object with the fields ``first`` and ``second``.

    Args:
        names: of the fields, JSON Pointers or columns; else one of ``among``, or the columns 1 and 2.
        mark: separates the texts of a line that has no tab, with the blanks around it.

    Raises:
        RecordError: there are not two texts.
    """
    if record.raw is None:
        cells = record.text.split("\t")
        if mark and len(cells) == 1:
            cells = re.split(f" *{re.escape(mark)} *", record.text)
        if len(cells) != 2:
            separator = f"one tab, or one {mark}," if mark else "one tab"
            raise RecordError(
                "NotAPair", f"a pair is two texts with {separator} between them, this line has {len(cells) - 1}"
            )
        record.raw = orjson.dumps(dict(zip(PAIR_TEXTS[0], cells, strict=True)))
        return cells[0], cells[1]
    texts = texts_of(fields(record.raw), [names] if names else (*among, PAIR_FIELDS[-1]))
    if texts is None:
        wanted = " or ".join(map(" and ".join, [names] if names else among))
        raise RecordError("NotAPair", f"the record has no two texts that are called {wanted}")
    return texts


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


def read(pipe: Pipe, path: str, *, scored: bool, names: tuple[str, str] | None = None) -> list[Pair]:
    """Read the pairs of a file. A line that is no pair fails, and counts in ``pipe``.

    A line is `first<TAB>second[<TAB>score]`, a JSON object, or, of scored pairs, `first,second,score` with quotes around cells
    that hold a comma. A first line whose score is no number is a header; if its names are known (``PAIR_TEXTS``, ``SCORES``),
    there may be other columns too.

    Args:
        scored: a pair without a score is none.
        names: of the fields or columns of the two texts; else one of ``PAIR_TEXTS``.

    Raises:
        RunError: most lines are no pairs, or a table has no columns called ``names``.
    """
    pairs: list[Pair] = []
    table = _Table(scored=scored, names=names)

    def parsed(lists: Iterable[list[Record]]) -> Iterator[list[Record]]:
        for records in lists:
            for record in records:
                if record.pending and record.text.strip():
                    try:
                        if record.text.startswith("{"):
                            pairs.append(_checked(*_of_object(record.text, names), scored=scored))
                        elif cells := table.cells(record.text, may_be_header=record.line == 1):
                            pairs.append(_checked(*cells, scored=scored))
                    except RecordError as error:
                        record.fail(error)
            yield records

    with pipe.beside(path) as beside:
        beside.form = InputFormat(kind="text", encoding=pipe.form.encoding)
        beside.separator = b"\n"
        beside.hide_bar()
        beside.consume(parsed(beside.read()))
        beside.refuse_failed(f"{STDIN if path == '-' else path}: most of its lines are no pairs")
    return pairs


class _Table:
    """Lines with tabs or commas between their cells, and perhaps a header."""

    def __init__(self, *, scored: bool, names: tuple[str, str] | None) -> None:
        self._scored = scored
        self._names = names
        self._n_columns = 2 + scored
        self._columns: Sequence[int] = range(self._n_columns)  # those of the texts and the score

    def cells(self, line: str, *, may_be_header: bool) -> tuple[str, str, str | None] | None:
        """Return the two texts of a line and its score, or None if it is a header."""
        cells = line.split("\t") if "\t" in line or not self._scored else _csv_cells(line)
        if self._scored and may_be_header and self._is_header(cells):
            return None
        if len(cells) != self._n_columns:
            expected = "two texts and a score with tabs or commas" if self._scored else "two texts with tabs"
            n_cells = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
            header = f", and the head has {self._n_columns}" if self._n_columns > 3 else ""
            raise RecordError("NotAPair", f"a pair is {expected} between them, this line has {n_cells}{header}")
        first, second, *score = (cells[column] for column in self._columns)
        return first, second, score[0] if score else None

    def _is_header(self, cells: list[str]) -> bool:
        """Return whether these are names of columns. Known names say from then on where the texts and the score are."""
        names = [cell.strip().lower() for cell in cells]
        texts = [(self._names[0].lower(), self._names[1].lower())] if self._names else PAIR_TEXTS
        wanted = ((*pair, score) for pair in texts for score in SCORES)
        known = next((columns for columns in wanted if set(columns) <= set(names)), None)
        if known:
            self._n_columns, self._columns = len(cells), [names.index(name) for name in known]
        elif self._names:
            raise RunError(
                f"the first line has no columns {' and '.join(self._names)} and score",
                hint=f"the score is called {', '.join(SCORES)}",
            )
        return bool(known) or (len(cells) == self._n_columns and _is_name(cells[-1]))


def _csv_cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise RecordError("NotAPair", f"this is no CSV: {error}") from error


def _is_name(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return bool(cell.strip())
    return False


def _of_object(line: str, names: tuple[str, str] | None) -> tuple[Any, Any, Any]:
    """Return the texts and the score of a JSON object, None for what it lacks."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise RecordError("BadJson", f"this is no JSON: {error}") from error
    first, second = texts_of(value, [names] if names else PAIR_TEXTS) or (None, None)
    return first, second, next((value[name] for name in SCORES if name in value), None)


def _checked(first: Any, second: Any, score: Any, *, scored: bool) -> Pair:
    if not (isinstance(first, str) and isinstance(second, str) and first.strip() and second.strip()):
        raise RecordError(
            "NotAPair", "a pair is two texts", hint=f"JSONL calls them {' or '.join(map('/'.join, PAIR_TEXTS))}"
        )
    return Pair(first, second, _number(score) if scored else None)


def _number(score: Any) -> float:
    try:
        number = float(score)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or isinstance(score, bool):
        raise RecordError("NoScore", "the pair has no score", hint=f"JSONL calls it {', '.join(SCORES)}")
    return number
