"""TSV with a header; see ``csv``."""

from __future__ import annotations

from typing import Any

from nlptool.records.formats.cells import Rows
from nlptool.records.formats.csv import DelimitedMatrix, DelimitedRecords, tsv_line
from nlptool.records.formats.record_rows import Layout, TextRows


def records_writer(layout: Layout, **options: Any) -> DelimitedRecords:
    return DelimitedRecords(tsv_line, TextRows(layout, **options))


def matrix_writer(rows: Rows) -> DelimitedMatrix:
    return DelimitedMatrix(tsv_line, rows)
