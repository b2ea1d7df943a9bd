"""Tokenize the texts of records with MeCab."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from nlptool.errors import RecordError
from nlptool.records.formats.csv import DelimitedRecords, csv_line
from nlptool.records.formats.record_rows import Layout, TextRows
from nlptool.records.notes import notes
from nlptool.records.record import Record
from nlptool.records.windows import joined
from nlptool.records.workers import Workers, in_order

if TYPE_CHECKING:
    from nlptool.tasks.token_formats import Analyser, Result

DEFAULT_FIELDS = ("surface", "lemma", "pos", "reading", "start", "end")
EXTRA_FIELDS = (
    "pos_detail", "pronunciation", "kana", "romaji_hepburn", "romaji_kunrei", "conjugation_type", "conjugation_form",
    "is_unknown", "lemma_sense", "lemma_reading", "orthography", "orthography_base", "pronunciation_base", "origin",
    "initial_type", "initial_form", "final_type", "final_form", "reading_base", "form", "form_base", "initial_connection",
    "final_connection", "accent_type", "accent_connection", "accent_modification",
)  # fmt: skip

_NUMBERS = ("analysis", "cost", "start", "end")

NOTES = notes("n_unknown of a dictionary", "n_pieces", "n_control", "n_composed")


def tokenize(lists: Iterator[list[Record]], workers: Workers[Result | RecordError]) -> Iterator[list[Record]]:
    """Give each record its tokens, in order."""
    for records, results in in_order(joined(lists), workers, _texts):
        for record, result in zip([record for record in records if record.pending], results, strict=True):
            if isinstance(result, RecordError):
                record.fail(result)
            else:
                record.results, record.entry = result
        yield records


def _texts(records: list[Record]) -> Sequence[str]:
    return [record.text for record in records if record.pending]


def open_analyser(dictionary: str | None, user_dictionaries: Sequence[str], wanted: dict[str, object]) -> Analyser:
    """Make the analyser of a process.

    Args:
        wanted: the fields of ``tokens.Wanted``.
    """
    from nlptool.models.japanese.tagger import Tagger
    from nlptool.tasks.tokens import Wanted

    chosen = Wanted(**wanted)  # type: ignore[arg-type]
    tagger = Tagger(dictionary, user_dictionaries)
    if chosen.n_best > 1:
        from nlptool.tasks.n_best import NBestAnalyser

        return NBestAnalyser(tagger, chosen)
    if chosen.ruby is not None or chosen.numbers:
        from nlptool.tasks.ruby import RubyAnalyser

        return RubyAnalyser(tagger, chosen)
    from nlptool.tasks.token_formats import Analyser

    return Analyser(tagger, chosen)


_FAILED = {"wakati": b"\n", "text": b"\n", "tsv": b"\n", "mecab": b"EOS\n"}  # what is written for a failed record


def as_written(record: Record, format: str) -> bytes:
    """Return the tokens of a record as ``token_formats`` wrote them, or what stands for a failed record."""
    return record.results.get("", _FAILED.get(format, b""))


def as_sentence(record: Record) -> bytes:
    """Return the sentence of a record as ``conllu`` wrote it, with the record's number as ``sent_id``, from 1.

    A record that failed or has no words gives nothing, and its number does not come.
    """
    return as_written(record, "conllu").replace(b"\xff", b"%d" % (record.number + 1))


def layout(fields: Sequence[str], text_field: str) -> Layout:
    """Return the columns of the results: a token in each row, with the number of its record, from 0, before it."""
    types: dict[str, type] = {"analysis": int, "cost": int, "start": int, "end": int, "is_unknown": object}
    return Layout(
        {},
        entry={"index": int},
        answers="tokens",
        answer_columns={name: (name, types.get(name, str)) for name in fields},
        text_field=text_field,
    )


def numbered(lists: Iterator[list[Record]]) -> Iterator[list[Record]]:
    """Write the number of each record in the input, from 0, into its entry."""
    for records in lists:
        for record in records:
            record.entry = {**record.entry, "index": record.number}
        yield records


class TokenCsv(DelimitedRecords):
    """The tokens of records as CSV, as ``token_formats`` wrote them, with the record's cells before each."""

    def __init__(self, rows: TextRows) -> None:
        super().__init__(csv_line, rows)
        self._rows = rows
        self._n_fields = len(rows.layout.answer_columns)

    def lines(self, record: Record) -> bytes:
        head, error = self._rows.head(record)
        tokens = record.results.get("", b"") if record.pending else b""
        if tokens:
            return tokens.replace(b"\xff", csv_line([*head, b""])[:-1])
        return csv_line([*head, *[b""] * self._n_fields, error])


class TokenRows:
    """A token in each row of a table, and an empty row after each text."""

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = fields

    def columns(self) -> Sequence[tuple[str, type]]:
        return [(name, int if name in _NUMBERS else str) for name in self._fields]

    def cells(self, record: Record) -> Iterator[list[Any]]:
        for token in orjson.loads(record.results["tokens"]):
            yield [token[name] for name in self._fields]
        yield [""] * len(self._fields)
