"""Groups of records, by their file or by a field: `--by`."""

from __future__ import annotations

from nlptool.errors import RecordError, WrongUsage
from nlptool.records.formats.cells import as_text
from nlptool.records.json_bytes import fields, find, listed, path_of
from nlptool.records.record import Record, readable

FILE = "file"
"""The value of ``--by`` that groups records by the file that they come from; ``/file`` is a field of that name."""


def group_of(record: Record, by: str, *, option: str = "--by") -> str:
    """Return the name of a record's group: its file, or the value of a field, which is JSON if it is no string.

    Args:
        by: ``file``, or the name or JSON Pointer of a field.
        option: that ``by`` is the value of, for messages.

    Raises:
        RecordError: the record has no such field, or it is null.
        WrongUsage: a line of text has no fields.
    """
    if by == FILE:
        file, _ = record.place
        return readable(file or record.source)
    if record.raw is None:
        raise WrongUsage(
            f"{option} {by} names a field, and {record.source} is text, which has none; {option} file is its file"
        )
    values = fields(record.raw)
    try:
        value = find(values, path_of(by))
    except KeyError:
        value = None
    if value is None:
        raise RecordError(
            "MissingField",
            f"the record has no field `{by}` to be grouped by; its fields: {listed(values)}",
            hint=f"{option} names a field, or file",
        )
    return as_text(value)
