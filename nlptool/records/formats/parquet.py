"""Parquet files, written group by group; records with vectors as one.

Columns of those: id (string), text (string), embedding (a list of fixed size; null for a record without one), scale (float32,
of int8 vectors), error (string; null for most). pandas, polars and DuckDB read it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from nlptool.records.record import Record
from nlptool.storage.output import Output

if TYPE_CHECKING:
    import numpy as np

GROUP = 4096  # rows that are written together


class Parquet:
    """Rows with a vector of ``columns`` numbers each.

    Args:
        id_of: a record's name.
        text: write the text too.
    """

    empty = "rows without a vector"

    def __init__(
        self, dtype: np.dtype[Any], columns: int, *, id_of: Callable[[Record], str], text: bool = True
    ) -> None:
        import numpy
        import pyarrow

        self.n_empty = 0
        self._arrow: Any = pyarrow
        self._numpy: Any = numpy
        self._dtype = dtype
        self._columns = columns
        self._id_of = id_of
        vector = pyarrow.list_(pyarrow.from_numpy_dtype(dtype), columns)
        fields = [("id", pyarrow.string())]
        fields += [("text", pyarrow.string())] if text else []
        fields += [("embedding", vector)]
        fields += [("scale", pyarrow.float32())] if dtype.str == "|i1" else []
        fields += [("error", pyarrow.string())]
        self._groups = Groups(fields)
        self._rows: list[tuple[str, str, bytes, float | None, str | None]] = []

    def start(self, _: Output) -> bytes:
        return self._groups.taken()

    def row(self, record: Record) -> bytes:
        value = record.results.get("embedding", b"null")
        if value == b"null":
            self.n_empty += 1
        error = f"{record.error.type}: {record.error.message}" if record.error else None
        self._rows.append((self._id_of(record), record.text, value, record.entry.get("scale"), error))
        if len(self._rows) < GROUP:
            return b""
        self._write_group()
        return self._groups.taken()

    def finish(self, output: Output) -> None:
        if self._rows:
            self._write_group()
        output.write(self._groups.closed())

    def _write_group(self) -> None:
        ids, texts, values, scales, errors = zip(*self._rows, strict=True)
        self._rows = []
        nothing = bytes(self._columns * self._dtype.itemsize)
        data = b"".join(nothing if value == b"null" else value for value in values)
        flat = self._arrow.array(self._numpy.frombuffer(data, self._dtype))
        absent = self._arrow.array([value == b"null" for value in values])
        vectors = self._arrow.FixedSizeListArray.from_arrays(flat, self._columns, mask=absent)
        self._groups.write({"id": ids, "text": texts, "embedding": vectors, "scale": scales, "error": errors})


class Groups:
    """A Parquet file, written group by group; its bytes are taken when there are some.

    Args:
        columns: names and types, in their order.
    """

    def __init__(self, columns: Iterable[tuple[str, Any]]) -> None:
        import pyarrow
        import pyarrow.parquet

        self._arrow: Any = pyarrow
        self._schema = pyarrow.schema(columns)
        self._sink = _Sink()
        self._writer = pyarrow.parquet.ParquetWriter(self._sink, self._schema)

    def write(self, columns: Mapping[str, Any]) -> None:
        """Add a group of rows; of ``columns`` those are taken that the file has."""
        chosen = {name: columns[name] for name in self._schema.names}
        self._writer.write_table(self._arrow.table(chosen, schema=self._schema))

    def taken(self) -> bytes:
        """What has been written since this was last asked."""
        return self._sink.taken()

    def closed(self) -> bytes:
        """The rest: the file is complete."""
        self._writer.close()
        return self._sink.taken()


class _Sink:
    """The bytes that pyarrow has written since they were last taken."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._size += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._size

    def taken(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data

    def flush(self) -> None:
        """There is nothing to flush."""

    def close(self) -> None:
        """There is nothing to close."""

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False
