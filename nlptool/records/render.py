"""Records to lines of JSON."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson

from nlptool.errors import RecordError
from nlptool.records.json_bytes import only_id, splice
from nlptool.records.record import Record, readable


def render(
    record: Record,
    command: str,
    *,
    drop_input: bool = False,
    id_field: str | None = None,
    with_source: bool = False,
    replaced: set[str] | None = None,
) -> bytes:
    """Return the record as a line of JSON: as it came, with the results and the command's entry added.

    Args:
        drop_input: write the results and ``id_field`` alone, unless the record failed.
        with_source: say the file and the line that the record comes from, unless it says them itself.
        replaced: receives the names of fields that gave way to a result.
    """
    if record.done and record.raw is not None:
        return record.raw + b"\n"
    failed = record.error is not None
    key, entry = ("error", _error_entry(record, record.error, command)) if record.error else (command, record.entry)
    base = record.raw
    if base is None:
        base = b'{"text":%b}' % orjson.dumps(record.text) if not drop_input or failed else b"{}"
    elif drop_input and not failed:
        base = only_id(base, id_field)
    is_of_input = record.origin is None and record.source != ""  # not made of several, which are named in the results
    source = _source_entry(record) if with_source and is_of_input else b""
    return splice(base, {} if failed else record.results, key, orjson.dumps(entry), replaced, before=source)


def _source_entry(record: Record) -> bytes:
    """Return the entry, with a comma behind it, that says where a record comes from."""
    return b'"source":%b,' % orjson.dumps(record.named())


def _error_entry(record: Record, error: RecordError, command: str) -> Mapping[str, Any]:
    entry: dict[str, Any] = {
        "type": error.type,
        "message": readable(error.message),
        "line": record.line,
        "command": command,
    }
    entry |= error.details
    if error.type == "Undecodable":
        entry["raw_base64"] = base64.b64encode(error.raw).decode()
    return entry
