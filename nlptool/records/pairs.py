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
from nlptool.records.blocks import STDIN
from nlptool.records.json_bytes import fields, find, path_of
from nlptool.records.pipe import Pipe
from nlptool.records.record import InputFormat, Record

PAIR_TEXTS = (("first", "second"), ("sentence1", "sentence2"), ("text1", "text2"))
"""Names of the two texts, in JSONL and in the head of a table."""

PAIR_FIELDS = (*PAIR_TEXTS, ("1", "2"))
"""The same with those of TSV without a head."""

SCORES = ("score", "label", "similarity")
"""Names of the score."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts, and how alike they are, if that is known; higher is more alike."""

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
    """The two texts of a record: those beside the only tab of a line, which then becomes an object, or two fields.

    Args:
        names: of the fields, JSON Pointers or columns; else one of ``among``, or the columns 1 and 2.
        mark: parts the texts of a line that has no tab; blanks around it belong to it.

    Raises:
        RecordError: there are not two.
    """
    if record.raw is None:
        cells = record.text.split("\t")
        if mark and len(cells) == 1:
            cells = re.split(f" *{re.escape(mark)} *", record.text)
        if len(cells) != 2:
            parted = f"one tab, or one {mark}," if mark else "one tab"
            raise RecordError(
                "NotAPair", f"a pair is two texts with {parted} between them, this line has {len(cells) - 1}"
            )
        record.raw = orjson.dumps(dict(zip(PAIR_TEXTS[0], cells, strict=True)))
        return cells[0], cells[1]
    found = texts_of(fields(record.raw), [names] if names else (*among, PAIR_FIELDS[-1]))
    if found is None:
        called = " or ".join(map(" and ".join, [names] if names else among))
        raise RecordError("NotAPair", f"the record has no two texts that are called {called}")
    return found


def without_text(lists: Iterable[list[Record]]) -> Iterator[list[Record]]:
    """Pass on the records; the error of one without a ``text`` then names the options of pairs, not --field."""
    for records in lists:
        for record in records:
            if record.error is not None and record.error.type == "MissingField":
                message = record.error.message.replace("no field `text`", "no two texts")
                record.fail(RecordError("NotAPair", message, hint="--first NAME and --second NAME name them"))
        yield records


def texts_of(known: Mapping[str, Any], names: Iterable[tuple[str, str]] = PAIR_FIELDS) -> tuple[str, str] | None:
    """The two texts among the fields of a record, under the first of the pairs of ``names`` that has two."""
    for pair in names:
        try:
            first, second = (find(known, path_of(name)) for name in pair)
        except KeyError:
            continue
        if isinstance(first, str) and isinstance(second, str):
            return first, second
    return None


def read(pipe: Pipe, path: str, *, scored: bool, names: tuple[str, str] | None = None) -> list[Pair]:
    """The pairs of a file. What is no pair fails, and counts in ``pipe``.

    A line is `first<TAB>second[<TAB>score]`, a JSON object, or, of scored pairs, `first,second,score` with quotes around cells
    that hold a comma. A first line whose score is no number is a head; if it has names that are known (``TEXTS``, ``SCORES``),
    there may be other columns too.

    Args:
        scored: a pair without a score is none.
        names: of the fields or columns of the two texts; else one of ``PAIR_TEXTS``.

    Raises:
        RunError: most lines are no pairs, or a table has no columns called ``names``.
    """
    form = InputFormat(kind="text", encoding=pipe.form.encoding)
    own = replace(pipe, files=(path,), form=form, separator=b"\n", progress="never")
    table = _Table(scored=scored, names=names)
    found: list[Pair] = []

    def parsed() -> Iterator[list[Record]]:
        for records in own.read():
            for record in records:
                if record.pending and record.text.strip():
                    try:
                        if record.text.startswith("{"):
                            found.append(_pair(*_of_object(record.text, names), scored=scored))
                        elif cells := table.cells(record.text, may_be_head=record.line == 1):
                            found.append(_pair(*cells, scored=scored))
                    except RecordError as error:
                        record.fail(error)
            yield records

    own.consume(parsed())
    pipe.n_failed += own.n_failed
    pipe.input_failed |= own.input_failed
    own.refuse_failed(f"{STDIN if path == '-' else path}: most of its lines are no pairs")
    return found


class _Table:
    """Lines with tabs or commas between their cells, and perhaps a head."""

    def __init__(self, *, scored: bool, names: tuple[str, str] | None) -> None:
        self._scored = scored
        self._names = names
        self._width = 2 + scored
        self._columns: Sequence[int] = range(self._width)

    def cells(self, line: str, *, may_be_head: bool) -> tuple[str, str, str | None] | None:
        """The two texts of a line and its score; None if it is a head."""
        cells = line.split("\t") if "\t" in line or not self._scored else _of_csv(line)
        if self._scored and may_be_head and self._is_head(cells):
            return None
        if len(cells) != self._width:
            columns = "two texts and a score with tabs or commas" if self._scored else "two texts with tabs"
            here = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
            wanted = f", and the head has {self._width}" if self._width > 3 else ""
            raise RecordError("NotAPair", f"a pair is {columns} between them, this line has {here}{wanted}")
        first, second, *score = (cells[column] for column in self._columns)
        return first, second, score[0] if score else None

    def _is_head(self, cells: list[str]) -> bool:
        """Whether these are the names of columns. Those that are known say from now on where the texts and the score are."""
        names = [cell.strip().lower() for cell in cells]
        texts = [(self._names[0].lower(), self._names[1].lower())] if self._names else PAIR_TEXTS
        wanted = ((*pair, score) for pair in texts for score in SCORES)
        known = next((each for each in wanted if set(each) <= set(names)), None)
        if known:
            self._width, self._columns = len(cells), [names.index(name) for name in known]
        elif self._names:
            raise RunError(
                f"the first line has no columns {' and '.join(self._names)} and score",
                hint=f"the score is called {', '.join(SCORES)}",
            )
        return bool(known) or (len(cells) == self._width and _is_name(cells[-1]))


def _of_csv(line: str) -> list[str]:
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


def _pair(first: Any, second: Any, score: Any, *, scored: bool) -> Pair:
    if not (isinstance(first, str) and isinstance(second, str) and first.strip() and second.strip()):
        raise RecordError(
            "NotAPair", "a pair is two texts", hint=f"JSONL calls them {' or '.join(map('/'.join, PAIR_TEXTS))}"
        )
    return Pair(first, second, _number(score) if scored else None)


def _of_object(line: str, names: tuple[str, str] | None) -> tuple[Any, Any, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise RecordError("BadJson", f"this is no JSON: {error}") from error
    first, second = texts_of(value, [names] if names else PAIR_TEXTS) or (None, None)
    return first, second, next((value[name] for name in SCORES if name in value), None)


def _number(score: Any) -> float:
    try:
        number = float(score)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or isinstance(score, bool):
        raise RecordError("NoScore", "the pair has no score", hint=f"JSONL calls it {', '.join(SCORES)}")
    return number
