"""Records drawn at random from a stream: `sample -n`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from nlptool.errors import RecordError
from nlptool.records import formats
from nlptool.records.formats import Lines, RowWriter
from nlptool.records.formats.as_read import LAYOUT, InputColumns, as_json, as_read
from nlptool.records.formats.cells import Placed
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.strata import OfEach, Proportional, Sampler
from nlptool.records.writing import row_options
from nlptool.tasks.groups import group_of


@dataclass(frozen=True, slots=True)
class Drawing:
    """How records are drawn.

    Attributes:
        size: of the sample, or with ``each`` of that of a group.
        by: the field that groups records, or file; each group has the share of the sample that it has of the stream.
        each: each group has ``size`` records in the sample.
        shuffle: the sample is in random order, not in that of the stream.
    """

    size: int
    by: str | None = None
    each: bool = False
    shuffle: bool = False
    seed: int = 1

    def sampler(self) -> Sampler[Record]:
        make = OfEach if self.each or self.by is None else Proportional
        return make(self.size, seed=self.seed)


def write_sample(pipe: Pipe, drawing: Drawing, format: str | None) -> None:
    """Write a random sample of the records of ``pipe`` that did not fail, here or in an earlier command.

    Args:
        format: text | jsonl | csv | tsv | parquet | table; None: that of the input. With ``pipe.source`` each record says its
            file and its line.

    Raises:
        RunError: something cannot be written, or a record failed and ``--on-error fail`` was chosen.
    """
    sampler = drawing.sampler()

    def drawn() -> Iterator[list[Record]]:
        with pipe.beside(*pipe.files) as beside:
            beside.consume(_added(beside, drawing, sampler))
        records = sampler.items()
        if drawing.shuffle:
            random.Random(drawing.seed).shuffle(records)
        for record in records:
            record.entry = {"seed": drawing.seed}
        yield records

    writer = _writer(pipe, format)
    if writer is not None:
        writer.resumes = False
    pipe.write_rows(drawn(), writer)
    for sentence in _notes(drawing, sampler):
        pipe.note(sentence)


def _added(pipe: Pipe, drawing: Drawing, sampler: Sampler[Record]) -> Iterator[list[Record]]:
    for records in pipe.read():
        for record in records:
            if record.pending:
                try:
                    sampler.add(record, "" if drawing.by is None else group_of(record, drawing.by))
                except RecordError as error:
                    record.fail(error)
        yield records


def _writer(pipe: Pipe, format: str | None) -> RowWriter | None:
    if format is None:
        return as_read(pipe, with_place=pipe.source)
    if format == "text":
        return Lines(lambda record: record.text.encode(errors="replace") + pipe.separator)
    if format == "jsonl":
        return as_json(pipe, with_place=pipe.source)
    if format == "table":
        return formats.row_writer(format, "records", Placed(InputColumns()) if pipe.source else InputColumns())
    return formats.row_writer(format, "records", LAYOUT, **(row_options(pipe) | {"with_place": pipe.source}))


def _notes(drawing: Drawing, sampler: Sampler[Record]) -> Iterator[str]:
    """Yield what is to be said of a sample that is smaller than was asked for."""
    strata = sampler.strata()
    n_seen = sum(stratum.n_seen for stratum in strata.values())
    if not n_seen:
        yield "there are no records to draw from"
    elif drawing.each:
        if n_small := sum(stratum.n_seen < drawing.size for stratum in strata.values()):
            yield (
                f"groups that have fewer than {drawing.size:,} records, all of which are in the sample: {n_small:,} of "
                f"{len(strata):,}"
            )
    elif n_seen < drawing.size:
        yield f"records to draw from: {n_seen:,}, fewer than {drawing.size:,}; all of them are in the sample"
    elif n_without := sum(not stratum.n_drawn for stratum in strata.values()):
        yield (
            f"groups that are too small to have a record in the sample: {n_without:,} of {len(strata):,}; --each N draws from "
            "each group"
        )
