"""Parquet files, written in groups of rows; pandas, polars and DuckDB read them as they are.

The types of columns that no command declares, those of the input, are decided by the first group: numbers, true and false,
strings, lists of numbers; what is anything else, or mixed, is a string, nested values as JSON.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlptool.records.formats import RowWriter
from nlptool.records.formats.cells import as_text
from nlptool.records.formats.record_rows import Layout, RecordRows
from nlptool.records.json_bytes import loads, members
from nlptool.records.record import Record, readable
from nlptool.storage.output import Output

_GROUP = 4096  # rows that are written together
_GROUP_BYTES = 64_000_000  # of records, about, that are written together
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Vectors:
    """The type of a column of vectors, whose results are little-endian bytes: a list of fixed size.

    Attributes:
        dtype: of their numbers, a NumPy dtype.
        n_columns: numbers of each.
    """

    dtype: Any
    n_columns: int


class ValueRows(RecordRows):
    """Cells as Python values; an integer that no 64 bits hold is the text of its digits."""

    def fields(self, raw: bytes) -> Mapping[str, Any]:
        values = dict(loads(raw.decode()))
        if any(type(value) is float and abs(value) >= 2.0**63 for value in values.values()):
            exact = {name: raw[start:end].decode() for name, _, start, end in members(raw)}
            for name, value in values.items():
                if type(value) is float and exact[name].lstrip("-").isdigit():
                    values[name] = exact[name]
        return values

    def result(self, name: str, value: bytes) -> Any:
        if isinstance(self.types.get(name), Vectors):
            return None if value == b"null" else value
        if self.types.get(name) is dict and value.startswith((b"[", b"{")):
            return value.decode()
        return loads(value.decode())


class ParquetRecords(RowWriter):
    """The rows of records.

    Args:
        rows: their columns and cells.
    """

    holds_errors = True
    empty = "rows without a vector"

    def __init__(self, rows: ValueRows) -> None:
        import pyarrow
        import pyarrow.parquet

        self.n_empty = 0
        self._arrow: Any = pyarrow
        self._records = rows
        self._waiting: list[Record] = []
        self._n_bytes = 0
        self._rows: list[list[Any]] = []
        self._names: list[str] = []
        self._types: list[Any] = []
        self._misfits: Counter[str] = Counter()
        self._sink = _Sink()
        self._writer: Any = None
        self._vectors = next((name for name, type in rows.layout.results.items() if isinstance(type, Vectors)), "")

    def row(self, record: Record) -> bytes:
        if self._vectors:
            self.n_empty += record.results.get(self._vectors, b"null") == b"null"
        self._waiting.append(record)
        self._n_bytes += len(record.raw or record.text) + sum(map(len, record.results.values()))
        if len(self._waiting) < _GROUP and self._n_bytes < _GROUP_BYTES:
            return b""
        self._write()
        return self._sink.take()

    def finish(self, output: Output) -> None:
        if self._waiting or self._writer is None:
            self._write()
        self._writer.close()
        output.write(self._sink.take())

    def notes(self) -> Iterator[str]:
        yield from self._records.notes()
        for name, count in self._misfits.items():
            type = self._types[self._names.index(name)]
            yield f"values of `{name}` that are no {type}, as those of the first rows are, and were left out: {count:,}"

    def _write(self) -> None:
        """Write the records that wait, in groups of rows."""
        records, self._waiting, self._n_bytes = self._waiting, [], 0
        if not self._records.decided:
            self._names = self._records.decide(records)
        rows: list[list[Any]] = []
        for record in records:
            rows += self._records.rows(record)
            if len(rows) >= _GROUP:
                self._write_rows(rows)
                rows = []
        if rows or self._writer is None:
            self._write_rows(rows)

    def _write_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * len(self._names)
        if self._writer is None:
            declared = self._records.types
            self._types = [
                self._inferred(values) if declared.get(name, object) is object else self._declared(declared[name])
                for name, values in zip(self._names, columns, strict=True)
            ]
            names = map(readable, self._names)
            self._schema = self._arrow.schema(list(zip(names, self._types, strict=True)))
            self._writer = self._arrow.parquet.ParquetWriter(self._sink, self._schema)
        arrays = [self._array(*column) for column in zip(self._names, self._types, columns, strict=True)]
        self._writer.write_table(self._arrow.table(arrays, schema=self._schema))

    def _declared(self, type: Any) -> Any:
        arrow = self._arrow
        if isinstance(type, Vectors):
            return arrow.list_(arrow.from_numpy_dtype(type.dtype), type.n_columns)
        return {int: arrow.int64(), float: arrow.float32(), list: arrow.list_(arrow.float32())}.get(
            type, arrow.string()
        )

    def _inferred(self, values: Iterable[Any]) -> Any:
        """Return the type of a column by its first values."""
        arrow = self._arrow
        kinds = {_kind(value) for value in values if value is not None}
        by_kinds = {
            frozenset([bool]): arrow.bool_(),
            frozenset([int]): arrow.int64(),
            frozenset([float]): arrow.float64(),
            frozenset([int, float]): arrow.float64(),
            frozenset(["ints"]): arrow.list_(arrow.int64()),
            frozenset(["floats"]): arrow.list_(arrow.float64()),
            frozenset(["ints", "floats"]): arrow.list_(arrow.float64()),
        }
        return by_kinds.get(frozenset(kinds), arrow.string())

    def _array(self, name: str, type: Any, values: Sequence[Any]) -> Any:
        """Return a column. What does not fit its type becomes null and is counted; in a string column anything fits."""
        arrow = self._arrow
        declared = self._records.types.get(name)
        if isinstance(declared, Vectors):
            return self._vector_array(declared, values)
        if type == arrow.string():
            try:
                return arrow.array(values, type)
            except (arrow.ArrowException, UnicodeError, TypeError):
                return arrow.array([None if value is None else as_text(value) for value in values], type)
        try:
            return arrow.array(values, type)
        except (arrow.ArrowException, TypeError, OverflowError):
            fitting = [value if self._fits(value, type) else None for value in values]
            self._misfits[name] += sum(
                value is not None and fit is None for value, fit in zip(values, fitting, strict=True)
            )
            return arrow.array(fitting, type)

    def _fits(self, value: Any, type: Any) -> bool:
        try:
            self._arrow.array([value], type)
        except (self._arrow.ArrowException, TypeError, OverflowError):
            return False
        return True

    def _vector_array(self, vectors: Vectors, values: Sequence[bytes | None]) -> Any:
        import numpy as np

        zeros = bytes(vectors.n_columns * vectors.dtype.itemsize)
        data = b"".join(zeros if value is None else value for value in values)
        flat = self._arrow.array(np.frombuffer(data, vectors.dtype))
        is_null = self._arrow.array([value is None for value in values], self._arrow.bool_())
        return self._arrow.FixedSizeListArray.from_arrays(flat, vectors.n_columns, mask=is_null)


def _kind(value: Any) -> Any:
    """Return what a value is: its type, ints or floats for a list of numbers, str for an integer beyond 64 bits."""
    if isinstance(value, list):
        kinds = {type(each) for each in value}
        if kinds <= {int, float}:
            return "floats" if float in kinds or not value else "ints"
        return list
    return str if type(value) is int and value not in _INT64 else type(value)


class TokenRows(ValueRows):
    """A row for each token of a record, with its vectors: those of a record, little-endian bytes, are its result ""."""

    def _answers(self, record: Record) -> list[dict[str, Any]]:
        tokens = super()._answers(record)
        vectors, offset = record.results.get("", b""), 0
        columns = [(name, type) for name, (_, type) in self.layout.answer_columns.items() if isinstance(type, Vectors)]
        for token in tokens:
            for name, type in columns:
                size = type.n_columns * type.dtype.itemsize
                vector = vectors[offset : offset + size]
                token[name] = None if _is_nan(vector, type.dtype) else vector
                offset += size
        return tokens


def _is_nan(vector: bytes, dtype: Any) -> bool:
    """Return whether the first number of a vector is NaN, as are all numbers of one that stands for none."""
    import numpy as np

    return bool(np.isnan(np.frombuffer(vector, dtype, 1)[0]))


def tokens_writer(layout: Layout, **options: Any) -> ParquetRecords:
    return ParquetRecords(TokenRows(layout, **options))


def records_writer(layout: Layout, **options: Any) -> ParquetRecords:
    return ParquetRecords(ValueRows(layout, **options))


class _Sink:
    """The bytes that pyarrow has written since they were last taken, as the file object that it wants."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._size += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Do nothing: there is no buffer."""

    def close(self) -> None:
        """Do nothing: the bytes are taken afterwards."""

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False
