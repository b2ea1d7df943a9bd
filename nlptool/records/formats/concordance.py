"""A concordance for a person: a hit of `nlptool kwic` a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from nlptool.records.formats import RowWriter
from nlptool.records.formats.cells import place_of
from nlptool.records.record import Record

if TYPE_CHECKING:
    from nlptool.terminal.concordance import Concordance, Row


class ConcordanceLines(RowWriter):
    """Hits that are drawn list by list, one below the other; a record that failed has none."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._drawing: Concordance | None = None

    def row(self, record: Record) -> bytes:
        if record.pending:
            from nlptool.terminal.concordance import Row

            named, left, right = record.named(), *(orjson.loads(record.results[name]) for name in ("left", "right"))
            self._rows.append(Row(place_of(named), left.strip(), record.text, right.strip()))
        return b""

    def flush(self) -> bytes:
        if not self._rows:
            return b""
        from nlptool.terminal.concordance import Concordance

        self._drawing = self._drawing or Concordance()
        rows, self._rows = self._rows, []
        return self._drawing.draw(rows).encode()
