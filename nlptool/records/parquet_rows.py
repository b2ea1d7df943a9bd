"""Rows of a Parquet file as lines of JSON.

Numbers, strings, lists and structs are what they are in JSON; a moment is text as in ISO 8601, a decimal and a duration are text,
bytes are base64, NaN and infinity are null.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import IO, Any

import orjson

from nlptool.errors import RunError

_ROWS = 1024  # that are read and handed on together
_BUFFER = 1 << 18  # bytes of each column that are read at once


def parquet_rows(file: IO[bytes], source: str) -> Iterator[tuple[list[bytes], float]]:
    """Yield the rows in lists, each row as JSON, with the share of the rows that has been read.

    Args:
        file: can seek.
        source: its name, for messages.

    Raises:
        RunError: the file is damaged, or two of its columns have one name.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER) as table:
            names = table.schema_arrow.names
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise RunError(f"{source}: two columns are called `{twice}`")
            n_done, n_rows = 0, table.metadata.num_rows
            for batch in table.iter_batches(batch_size=_ROWS):
                columns = [_values(column, pyarrow) for column in batch.columns]
                rows = zip(*columns, strict=True) if columns else [()] * batch.num_rows
                n_done += batch.num_rows
                lines = [
                    orjson.dumps(
                        dict(zip(names, row, strict=True)), default=_as_json, option=orjson.OPT_SERIALIZE_NUMPY
                    )
                    for row in rows
                ]
                yield lines, n_done / max(1, n_rows)
    except (pyarrow.ArrowException, OSError, ValueError, TypeError) as error:  # bad pages, text that is not UTF-8, ...
        message = " ".join(str(error).split())
        raise RunError(f"{source}: this Parquet file cannot be read: {message}") from error


def _values(column: Any, arrow: Any) -> list[Any]:
    """Return the values of a column. float32 stays float32, whose shortest decimals are written."""
    type = column.type
    if arrow.types.is_dictionary(type):
        column, type = column.dictionary_decode(), type.value_type
    if arrow.types.is_timestamp(type):
        return [text and text.replace(" ", "T", 1) for text in column.cast(arrow.string()).to_pylist()]
    if arrow.types.is_float32(type):
        numbers = column.to_numpy(zero_copy_only=False)
        return [
            number if is_valid else None
            for number, is_valid in zip(numbers, column.is_valid().to_pylist(), strict=True)
        ]
    is_list = arrow.types.is_list(type) or arrow.types.is_large_list(type) or arrow.types.is_fixed_size_list(type)
    if is_list and arrow.types.is_float32(type.value_type):
        return [_vector(value) for value in column]
    values: list[Any] = column.to_pylist()
    return values


def _vector(value: Any) -> Any:
    """Return a list of float32 as an array, or as it is if numbers are missing."""
    if not value.is_valid:
        return None
    return value.as_py() if value.values.null_count else value.values.to_numpy()


def _as_json(value: Any) -> Any:
    """Return what JSON has no type for as text."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
