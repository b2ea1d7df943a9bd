"""n-grams and how often each comes: `ngrams`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry import ngram_counts, stored_columns
from nlptool.geometry.ngram_counts import Rows
from nlptool.geometry.ngram_runs import Runs
from nlptool.geometry.rounding import as_json
from nlptool.records.formats.columns import Columns, write
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.storage.column_file import ColumnFile, ColumnWriter
from nlptool.storage.output import Output
from nlptool.tasks.counted_tokens import Counted, Tokens, consume
from nlptool.tasks.groups import group_of
from nlptool.tasks.sums import (
    AddedRows,
    Map,
    Mergeable,
    added_groups,
    added_up,
    added_words,
    store_rows,
    store_words,
    sums_of,
)
from nlptool.tasks.token_arrays import Characters, Names, Portion, Portions
from nlptool.text.word_ids import WordIds

SHOWN = 20
"""n-grams of a length in a table, unless -k says how many."""

_CHUNK = 1 << 16  # rows that are made at once


class NgramCounter:
    """Counts the n-grams of portions.

    Args:
        lengths: n, ascending.
        grouped: n-grams of different groups are different.

    Attributes:
        runs: n -> rows of the ids of n-grams, with the group as the last column if they are grouped.
        totals: n -> occurrences of all n-grams of each group, (G,), of one group if they are not grouped.
    """

    def __init__(self, lengths: Sequence[int], *, grouped: bool) -> None:
        self._lengths = lengths
        self._grouped = grouped
        self.runs = {n: Runs() for n in lengths}
        self.totals = {n: np.zeros(0, np.int64) for n in lengths}

    def __call__(self, portion: Portion) -> None:
        """Count the n-grams of a portion."""
        groups = portion.groups if self._grouped else None
        found = ngram_counts.ngrams(portion.ids, portion.places(), self._lengths, groups)
        for n, rows in zip(self._lengths, found, strict=True):
            self.runs[n].add(rows)
            of_groups = rows.columns[-1] if self._grouped else np.zeros(len(rows), np.uint32)
            counts = np.bincount(of_groups, rows.counts, len(self.totals[n])).astype(np.int64)
            counts[: len(self.totals[n])] += self.totals[n]
            self.totals[n] = counts


@dataclass(frozen=True, slots=True, eq=False)
class NgramSums:
    """All n-grams of an input.

    Attributes:
        groups: their names, in the order in which they came; None: the n-grams are not grouped.
        runs, totals: as of ``NgramCounter``.
    """

    names: Names
    groups: list[str] | None
    runs: Mapping[int, Mergeable]
    totals: Mapping[int, NDArray[np.int64]]

    @classmethod
    def of_records(cls, pipe: Pipe, counted: Counted, lengths: Sequence[int], *, by: str | None) -> NgramSums:
        """Count the n-grams of the records of a pipe.

        Raises:
            RunError: a record failed and ``--on-error fail`` was chosen.
        """
        groups, names = WordIds(), counted.names()
        count = NgramCounter(lengths, grouped=by is not None)
        portions = Portions(names, count)

        def add(record: Record, tokens: Tokens) -> None:
            portions.add(tokens, groups[group_of(record, by)] if by is not None else 0)

        consume(pipe, counted, add)
        portions.end()
        return cls(names, list(groups) if by is not None else None, count.runs, count.totals)

    def store(self, file: ColumnWriter) -> dict[str, Any]:
        """See ``Sums``."""
        store_words(file, self.names)
        stored_columns.write_words(file, "groups", self.groups or [])
        for n, runs in self.runs.items():
            stored_columns.write_numbers(file, f"totals.{n}", self.totals[n])
            store_rows(file, str(n), runs, self.names, n_tokens=n)
        return {}

    @classmethod
    def added(
        cls, files: Sequence[ColumnFile], counted: Counted, lengths: Sequence[int], *, by: str | None
    ) -> NgramSums:
        """Add up what was counted in several files."""
        names: Names
        maps: list[Map]
        if counted.of == "chars":
            names, maps = Characters(punctuation=counted.punctuation), [None] * len(files)
        else:
            names, maps = added_words(files)
        groups, group_maps = added_groups(files, "groups")
        runs, totals = {}, {}
        for n in lengths:
            of_files = [stored_columns.numbers(file, f"totals.{n}") for file in files]
            totals[n] = added_up(of_files, [None] * len(files) if by is None else group_maps, max(1, len(groups)))
            runs[n] = AddedRows(files, str(n), [*[maps] * n, *([group_maps] if by is not None else [])])
        return cls(names, groups if by is not None else None, runs, totals)


def write_ngrams(
    pipe: Pipe,
    counted: Counted,
    lengths: Sequence[int],
    *,
    by: str | None,
    min_count: int,
    most: int | None,
    format: str,
) -> None:
    """Write the n-grams of the records of ``pipe``: of each group those of each length, the most frequent first, and equally
    frequent ones in the order of their code points.

    Args:
        lengths: n, ascending.
        by: the field that groups the records, or file; None: there is one group.
        min_count: fewest occurrences, in the group.
        most: n-grams of each length and group; None: all, and of a table ``SHOWN``.
        format: jsonl | csv | tsv | table.

    Raises:
        RunError: something cannot be written, or a record failed and ``--on-error fail`` was chosen.
    """
    with Output(pipe.output, inputs=pipe.files or ("-",), before_write=pipe.bar.clear) as output:
        sums = sums_of(
            pipe,
            output,
            lambda: NgramSums.of_records(pipe, counted, lengths, by=by),
            lambda files: NgramSums.added(files, counted, lengths, by=by),
        )
        if sums is None:
            return
        kept, n_left_out = {}, 0
        for n in lengths:
            kept[n], n_rare = frequent(sums.runs[n], min_count, n_columns=n + (by is not None))
            n_left_out += n_rare
        limit = SHOWN if most is None and format == "table" else most
        columns = ["ngram", "n", "count", "per_million"]
        blocks = _blocks(kept, sums, limit)
        n_written = write(output, columns if by is None else ["group", *columns], blocks, format)
    n_kept = sum(map(len, kept.values()))
    if n_left_out:
        pipe.note(f"n-grams that occur fewer than {min_count:,} times, left out (--min-count): {n_left_out:,}")
    if most is None and n_written < n_kept:
        pipe.note(f"the table shows {n_written:,} of {n_kept:,} n-grams; -k N shows N of each length, -f jsonl all")


def frequent(runs: Mergeable, min_count: int, *, n_columns: int) -> tuple[Rows, int]:
    """Return the rows that come at least so often, and the number of the others."""
    kept, n_rare = [], 0
    for block in runs.merged():
        is_kept = block.counts >= min_count
        kept.append(block[is_kept])
        n_rare += len(block) - int(np.count_nonzero(is_kept))
    columns = tuple(
        np.concatenate([each.columns[index] for each in kept] or [np.zeros(0, np.uint32)]) for index in range(n_columns)
    )
    return Rows(columns, np.concatenate([each.counts for each in kept] or [np.zeros(0, np.int64)])), n_rare


def _blocks(kept: Mapping[int, Rows], sums: NgramSums, most: int | None) -> Iterator[Columns]:
    """Yield what is written.

    Args:
        kept: n -> rows.
        most: rows of each length and group.
    """
    names, groups = sums.names, sums.groups
    ordered = {n: _ordered(rows, names, most, grouped=groups is not None) for n, rows in kept.items()}
    for group in range(1 if groups is None else len(groups)):
        for n, rows in ordered.items():
            mine = rows
            if groups is not None:
                start, end = np.searchsorted(rows.columns[-1], np.array([group, group + 1], np.uint32)).tolist()
                mine = rows[start:end]
            mine = mine[:most]
            for start in range(0, len(mine), _CHUNK):
                part = mine[start : start + _CHUNK]
                block: dict[str, Sequence[object]] = {
                    "ngram": names.names(part.columns[:n]),
                    "n": [n] * len(part),
                    "count": part.counts.tolist(),
                    "per_million": as_json(1e6 * part.counts / sums.totals[n][group]),
                }
                yield block if groups is None else {"group": [groups[group]] * len(part), **block}


def _ordered(rows: Rows, names: Names, most: int | None, *, grouped: bool) -> Rows:
    """Return rows in the order in which they are written; without groups, those that are written may be all there are."""
    if most is not None and not grouped and len(rows) > most:
        rows = rows[rows.counts >= np.partition(rows.counts, len(rows) - most)[len(rows) - most]]
    groups = [rows.columns[-1]] if grouped else []
    tokens = [names.ranks(column) for column in (rows.columns[:-1] if grouped else rows.columns)]
    return rows[np.lexsort([*reversed(tokens), -rows.counts, *groups])]
