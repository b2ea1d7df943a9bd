"""Records as rows of cells, for CSV, TSV and Parquet: the fields of the input, then the results, then the error.

A row is a record, also one that failed here or in an earlier command. Where a result is a list of answers, such as neighbors,
each of them is a row, with the cells of the record before its own; a record without answers has one row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from nlptool.records.json_bytes import RESERVED, loads, members
from nlptool.records.record import Record, readable

_ERROR = "error"
_PLACE = ("file", "line")


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a command's results. Others that the first records have are added.

    Attributes:
        results: names and types: int, float, str, list (of floats), dict (anything else, as JSON), object (as the values are), or
            ``Vectors``.
        answers: the result whose items are rows.
        answer_columns: field of an answer -> name and type of its column.
        prefix: before the names of its other fields.
        entry: fields of the entry that are columns too, with their types.
        text_field: the field of the text, which is left out since the answers are all of it.
        with_input: the records are those of the input; else they are made of several, and have no fields of their own.
        with_error: the last column says which records failed and why; else none of them did.
    """

    results: Mapping[str, Any]
    answers: str = ""
    answer_columns: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    prefix: str = ""
    entry: Mapping[str, type] = field(default_factory=dict)
    text_field: str = ""
    with_input: bool = True
    with_error: bool = True


class RecordRows:
    """The columns of a stream of records, decided by the first of them, and the rows of each record.

    The names of the columns ``file``, ``line`` and ``error`` have ``nlptool_`` before them if the input has such a column.

    Args:
        drop_input: the input's columns are left out, but for ``id_field``.
        with_place: the columns ``file`` and ``line`` come first, also without a record that names its origin.
        replaced: receives the names of fields that gave way to a result.

    Attributes:
        decided: whether the columns are known.
        types: name of a column -> its type, where it is declared.
    """

    empty: Any = None  # the cell of a value that is not there

    def __init__(
        self,
        layout: Layout,
        *,
        drop_input: bool = False,
        id_field: str | None = None,
        with_place: bool = False,
        replaced: set[str] | None = None,
    ) -> None:
        self.layout = layout
        self.decided = False
        self.types: dict[str, Any] = {}
        self._only = {id_field} if drop_input else None  # the fields that are kept; None: all
        self._with_place = with_place and layout.with_input
        self._replaced = set() if replaced is None else replaced
        self._fields: list[str] = []
        self._results: list[str] = []
        self._answer_fields: list[str] = []
        self._known: set[str] = set()
        self._late: Counter[str] = Counter()
        self._n_first = 0

    @staticmethod
    def can_decide(records: Iterable[Record]) -> bool:
        """Return whether one of the records was read, so that its fields say what columns there are."""
        return any(record.raw is not None or record.error is None for record in records)

    def decide(self, records: Sequence[Record]) -> list[str]:
        """Decide the columns by the first records; return their names.

        Of no record at all the columns are those of text.
        """
        layout = self.layout
        fields = dict.fromkeys(() if records or not layout.with_input or self._only is not None else ("text",))
        results, answer_fields = list(layout.results), list(layout.answer_columns)
        beside = {layout.answers, ""}  # "": what the task has written itself
        for record in records:
            if layout.with_input:
                fields |= dict.fromkeys(self._input(record))
            if record.pending:
                _insert(results, [name for name in record.results if name not in beside])
                for answer in self._answers(record):
                    _insert(answer_fields, answer)
            self._with_place |= record.origin is not None and layout.with_input
        left_out: set[str] = set()
        if layout.text_field:
            left_out = {self._text_field(fields, records)}
            fields = {name: None for name in fields if name not in left_out}
        columns = {name: self._answer_column(name) for name in answer_fields}
        ours = {*results, *layout.entry, *columns.values()}
        self._replaced |= {
            name for name in (*layout.entry, *columns.values()) if name in fields and self._is_kept(name)
        }
        self._fields = [name for name in fields if name not in ours and name != RESERVED and self._is_kept(name)]
        self._results, self._answer_fields = results, answer_fields
        self._known = {*fields, *ours, *left_out, RESERVED}
        self._n_first = len(records)
        self.decided = True
        self.types = dict(layout.results) | dict(layout.entry) | dict(layout.answer_columns.values())
        names = [*self._fields, *results, *layout.entry, *columns.values()]
        place = [_free(name, names) for name in _PLACE] if self._with_place else []
        error = [_free(_ERROR, names)] if layout.with_error else []
        self.types |= dict(zip(place, (str, int), strict=False)) | dict.fromkeys(error, str)
        return [*place, *names, *error]

    def rows(self, record: Record) -> list[list[Any]]:
        """Return the rows of a record, each with a cell for each column."""
        head, error = self.head(record)
        if not self._answer_fields:
            return [[*head, error] if self.layout.with_error else head]
        empty = self.empty
        rows = [
            [*head, *[self.value(answer[name]) if name in answer else empty for name in self._answer_fields], error]
            for answer in self._answers(record)
        ]
        return rows or [[*head, *[empty] * len(self._answer_fields), error]]

    def head(self, record: Record) -> tuple[list[Any], Any]:
        """Return the cells of a record before those of its answers, and its error."""
        values = self._input(record) if self.layout.with_input else {}
        if not values.keys() <= self._known and self._only is None:
            self._late.update(values.keys() - self._known)
        ended = record.error is not None or record.done
        results: Mapping[str, bytes] = {} if ended else record.results
        empty = self.empty
        cells = [values.get(name, empty) for name in self._fields]
        for name in self._results:
            if name in results:
                cells.append(self.result(name, results[name]))
                if name in values and self._is_kept(name):
                    self._replaced.add(name)
            else:
                cells.append(values.get(name, empty))
        if self.layout.entry:
            cells += [self.value(record.entry.get(name)) for name in self.layout.entry]
        if self._with_place:
            file, line = record.place
            cells = [self.value(file and readable(file)), self.value(line), *cells]
        return cells, self.value(self._error(record)) if ended else empty

    def notes(self) -> Iterator[str]:
        """Yield what is to be said at the end of a run."""
        if self._late:
            named = ", ".join(f"`{name}` ({count:,})" for name, count in self._late.most_common())
            yield (
                f"fields that are not in the output, since the columns were decided by the first {self._n_first:,} "
                f"records: {named}"
            )

    def state(self) -> Any:
        """Return, as JSON, the columns that were decided and what there is to note; None: they are not decided."""
        if not self.decided:
            return None
        return {
            "fields": self._fields,
            "results": self._results,
            "answers": self._answer_fields,
            "with_place": self._with_place,
            "known": sorted(self._known),
            "late": self._late.copy(),
            "n_first": self._n_first,
        }

    def restore(self, state: Any) -> None:
        """Go on from a ``state``. The types of columns, which Parquet alone needs, are not in it."""
        self._fields, self._results, self._answer_fields = state["fields"], state["results"], state["answers"]
        self._with_place, self._known = state["with_place"], set(state["known"])
        self._late, self._n_first = Counter(state["late"]), state["n_first"]
        self.decided = True

    def _is_kept(self, name: str) -> bool:
        """Return whether a field of the input is to be in the output."""
        return self._only is None or name in self._only

    def value(self, value: Any) -> Any:
        """Return a value as a cell."""
        return value

    def result(self, name: str, value: bytes) -> Any:
        """Return a result, JSON, as a cell."""
        return orjson.loads(value)

    def fields(self, raw: bytes) -> Mapping[str, Any]:
        """Return the fields of a JSON object as cells."""
        return dict(loads(raw.decode()))

    def _input(self, record: Record) -> Mapping[str, Any]:
        """Return the fields of a record by their names, as cells."""
        return {"text": self.value(record.text)} if record.raw is None else self.fields(record.raw)

    def _text_field(self, fields: Mapping[str, None], records: Sequence[Record]) -> str:
        """Return the name of the field that holds the text: that of the layout or, of a table, the column that equals it."""
        if self.layout.text_field in fields:
            return self.layout.text_field
        for record in records:
            if record.text and record.pending:
                text = self.value(record.text)
                return next((name for name, value in self._input(record).items() if value == text), "")
        return ""

    def _answers(self, record: Record) -> list[dict[str, Any]]:
        value = record.results.get(self.layout.answers) if record.pending else None
        return (orjson.loads(value) if value is not None else None) or []

    def _answer_column(self, name: str) -> str:
        named = self.layout.answer_columns.get(name)
        return named[0] if named else self.layout.prefix + name

    def _error(self, record: Record) -> str:
        if record.error is not None:
            has_text = self.layout.with_input and not self.layout.text_field
            where = "" if has_text else f"{record.source}:{record.line}: "
            return readable(f"{where}{record.error.type}: {record.error.message}")
        try:
            error = loads((record.raw or b"").decode())[RESERVED]["error"]
            return readable(f"{error['type']}: {error['message']}")
        except (KeyError, TypeError):  # somebody else's
            return "unknown: an earlier command failed"


class TextRows(RecordRows):
    """Cells as bytes: strings as they are, null as nothing, all other values as the JSON that came, to the digit."""

    empty = b""

    def value(self, value: Any) -> bytes:
        if value is None:
            return b""
        if isinstance(value, str):
            return _encoded(value)
        return orjson.dumps(value)

    def result(self, name: str, value: bytes) -> bytes:
        if value.startswith(b'"'):
            return _encoded(orjson.loads(value))
        return b"" if value == b"null" else value

    def fields(self, raw: bytes) -> Mapping[str, bytes]:
        values = loads(raw.decode())
        try:
            return {name: value.encode() for name, value in values.items()}
        except (AttributeError, UnicodeEncodeError):  # not all are strings, or one holds half a character
            exact = {name: raw[start:end] for name, _, start, end in members(raw)}
        return {
            name: _encoded(value) if isinstance(value, str) else b"" if value is None else exact[name]
            for name, value in values.items()
        }


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return readable(text).encode()


def _insert(names: list[str], found: Collection[str]) -> None:
    """Insert those of ``found`` that are missing among ``names``, each behind the one that it was found behind."""
    if set(names).issuperset(found):
        return
    position = 0
    for name in found:
        if name not in names:
            names.insert(position, name)
        position = names.index(name) + 1


def _free(name: str, names: Sequence[str]) -> str:
    """Return the name of a column of ours, with ``nlptool_`` before it as long as there is one of that name."""
    while name in names:
        name = f"nlptool_{name}"
    return name
