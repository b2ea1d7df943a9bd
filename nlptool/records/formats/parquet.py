"""Parquet files, written in groups of rows; pandas, polars and DuckDB read them as they are.

Columns of vectors: id (string), text (string), embedding (a list of fixed size; null for a record without one), scale
(float32, of int8 vectors), error (string; null for most).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from nlptool.records.formats import RowWriter
from nlptool.records.formats.cells import rows_of
from nlptool.records.record import Record
from nlptool.storage.output import Output

if TYPE_CHECKING:
    from nlptool.records.formats.cells import Rows
    from nlptool.records.formats.vectors import Precision

_GROUP = 4096  # rows that are written together


class _Parquet(RowWriter):
    """Rows that are collected and written as a group when there are enough of them.

    Args:
        columns: names and types, in their order.
    """

    def __init__(self, columns: Iterable[tuple[str, Any]]) -> None:
        import pyarrow
        import pyarrow.parquet

        self._arrow: Any = pyarrow
        self._rows: list[Any] = []
        self._schema = pyarrow.schema(columns)
        self._sink = _Sink()
        self._writer = pyarrow.parquet.ParquetWriter(self._sink, self._schema)

    def start(self, output: Output) -> bytes:
        return self._sink.take()

    def row(self, record: Record) -> bytes:
        self._add(record)
        if len(self._rows) < _GROUP:
            return b""
        self._write_group()
        return self._sink.take()

    def finish(self, output: Output) -> None:
        if self._rows:
            self._write_group()
        self._writer.close()
        output.write(self._sink.take())

    def _add(self, record: Record) -> None:
        """Collect the rows of a record."""
        raise NotImplementedError

    def _columns(self) -> Mapping[str, Any]:
        """Return the columns of the collected rows, those of the schema among them."""
        raise NotImplementedError

    def _write_group(self) -> None:
        columns = self._columns()
        self._rows = []
        chosen = {name: columns[name] for name in self._schema.names}
        self._writer.write_table(self._arrow.table(chosen, schema=self._schema))


class ParquetVectors(_Parquet):
    """A row with a vector for each record.

    Args:
        id_of: returns a record's name.
        with_text: write the text too.
    """

    empty = "rows without a vector"

    def __init__(self, precision: Precision, id_of: Callable[[Record], str], with_text: bool) -> None:
        import numpy
        import pyarrow

        self.n_empty = 0
        self._numpy: Any = numpy
        self._dtype = precision.dtype
        self._n_columns = precision.n_columns
        self._id_of = id_of
        columns: list[tuple[str, Any]] = [("id", pyarrow.string())]
        columns += [("text", pyarrow.string())] if with_text else []
        columns += [("embedding", pyarrow.list_(pyarrow.from_numpy_dtype(self._dtype), self._n_columns))]
        columns += [("scale", pyarrow.float32())] if precision.name == "int8" else []
        super().__init__([*columns, ("error", pyarrow.string())])

    def _add(self, record: Record) -> None:
        value = record.results.get("embedding", b"null")
        self.n_empty += value == b"null"
        error = f"{record.error.type}: {record.error.message}" if record.error else None
        self._rows.append((self._id_of(record), record.text, value, record.entry.get("scale"), error))

    def _columns(self) -> Mapping[str, Any]:
        ids, texts, values, scales, errors = zip(*self._rows, strict=True)
        zeros = bytes(self._n_columns * self._dtype.itemsize)
        data = b"".join(zeros if value == b"null" else value for value in values)
        flat = self._arrow.array(self._numpy.frombuffer(data, self._dtype))
        is_null = self._arrow.array([value == b"null" for value in values])
        vectors = self._arrow.FixedSizeListArray.from_arrays(flat, self._n_columns, mask=is_null)
        return {"id": ids, "text": texts, "embedding": vectors, "scale": scales, "error": errors}


class ParquetCells(_Parquet):
    """Rows of cells; a list holds float32."""

    def __init__(self, rows: Rows) -> None:
        import pyarrow

        types = {
            int: pyarrow.int64(), float: pyarrow.float32(), str: pyarrow.string(), list: pyarrow.list_(pyarrow.float32())
        }  # fmt: skip
        self._source = rows
        super().__init__([(name, types[kind]) for name, kind in rows.columns()])

    def _add(self, record: Record) -> None:
        self._rows += rows_of(record, self._source)

    def _columns(self) -> Mapping[str, Any]:
        return dict(zip(self._schema.names, zip(*self._rows, strict=True), strict=True))


vectors_writer = ParquetVectors
cells_writer = matrix_writer = ParquetCells


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
