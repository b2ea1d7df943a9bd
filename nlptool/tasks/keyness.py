"""n-grams that are special of a corpus, or of each group of records: `keyness`."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry.dispersion import Parts
from nlptool.geometry.keyness import Keys, keys
from nlptool.records.formats.columns import write
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.storage.output import Output
from nlptool.tasks.counted_tokens import Counted, Tokens, consume
from nlptool.tasks.groups import FILE, group_of
from nlptool.tasks.keyness_rows import Found, blocks, columns_of, named_as
from nlptool.tasks.ngrams import NgramCounter
from nlptool.tasks.token_arrays import Portions
from nlptool.text.word_ids import WordIds

SHOWN = 20
"""n-grams of a length and a group in a table, unless -k says how many."""

RECORD = "record"
"""The value of ``--parts`` that makes each record a part."""

_LONG = 5  # tokens of a text that no other has by chance


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which n-grams are written, and how."""

    lengths: Sequence[int] = (1,)
    by: str | None = None  # a field, or file: each group is compared with all others
    parts: str | None = (
        None  # of the corpora, for the dispersion: file | record | a field; None: files if there are several
    )
    measure: str = "log-likelihood"
    min_count: int = 3
    most: int | None = None


@dataclass(slots=True)
class Corpora:
    """The corpora and their parts, as their records come."""

    chosen: Chosen
    names: WordIds = field(default_factory=WordIds)  # of the groups
    corpora: array[int] = field(default_factory=lambda: array("q"))  # of the parts
    _parts: dict[tuple[int, str], int] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of the corpora: the target and the reference, or the groups."""
        return 2 if self.chosen.by is None else len(self.names)

    @property
    def targets(self) -> NDArray[np.int64]:
        """Numbers of the corpora whose n-grams are wanted."""
        return np.arange(1 if self.chosen.by is None else self.n)

    def parts(self, sizes: NDArray[np.int64]) -> Parts:
        """Return the parts.

        Args:
            sizes: of the first of them; the others are empty.
        """
        corpora = np.array(self.corpora, np.int64)
        return Parts(corpora, np.concatenate([sizes, np.zeros(len(corpora) - len(sizes), np.int64)]))

    def part(self, record: Record, corpus: int, by: str) -> int:
        """Return the number of the part that a record belongs to.

        Raises:
            RecordError: the record lacks the field that says it.
        """
        if by == RECORD:
            self.corpora.append(corpus)
            return len(self.corpora) - 1
        key = (corpus, group_of(record, by, option="--parts"))
        if key not in self._parts:
            self._parts[key] = len(self.corpora)
            self.corpora.append(corpus)
        return self._parts[key]


class _Seen:
    """Checksums of the longer texts of a corpus."""

    def __init__(self) -> None:
        self._sums = array("q")

    def add(self, tokens: Tokens) -> None:
        if len(tokens) >= _LONG:
            self._sums.append(hash(tokens if isinstance(tokens, str) else "\0".join(tokens)))

    def n_in(self, other: _Seen) -> tuple[int, int]:
        """Return how many of the texts are in another corpus too, and how many there are."""
        mine, theirs = (
            np.frombuffer(each._sums, np.int64) if each._sums else np.zeros(0, np.int64) for each in (self, other)
        )
        return int(np.isin(mine, theirs).sum()), len(mine)


def write_keyness(pipe: Pipe, counted: Counted, chosen: Chosen, *, against: Sequence[str], format: str) -> None:
    """Write the n-grams that are more frequent in the records of ``pipe`` than in a reference, or in each group than in all
    others, those with the highest value of the measure first.

    Args:
        against: the files of the reference; none: the groups are compared.
        format: jsonl | csv | tsv | table.

    Raises:
        RunError: something cannot be written, or a record failed and ``--on-error fail`` was chosen.
    """
    names = counted.names()
    count = NgramCounter(chosen.lengths, grouped=True)
    portions = Portions(names, count)
    corpora = Corpora(chosen)
    seen = (_Seen(), _Seen())

    def read(pipe: Pipe, counted: Counted, corpus: int | None) -> Counted:
        parts = chosen.parts or (FILE if len(pipe.files) > 1 and chosen.by != FILE else RECORD)

        def add(record: Record, tokens: Tokens) -> None:
            mine = corpora.names[group_of(record, chosen.by or FILE)] if corpus is None else corpus
            portions.add(tokens, corpora.part(record, mine, parts))
            seen[corpus or 0].add(tokens)

        return consume(pipe, counted, add)

    with Output(pipe.output, inputs=(*pipe.files, *against) or ("-",), before_write=pipe.bar.clear) as output:
        if against:
            decided = read(pipe, counted, 0)
            with pipe.beside(*against) as beside:
                read(beside, decided, 1)
        else:
            read(pipe, counted, None)
        portions.end()
        found = {n: _found(n, count, corpora) for n in chosen.lengths}
        _say_what_is_missing(pipe, found, corpora)
        most = SHOWN if format == "table" and chosen.most is None else chosen.most
        named = named_as(counted, chosen.lengths)
        columns = columns_of(named, chosen.lengths, format, by=chosen.by, measure=chosen.measure)
        rows = blocks(found, list(corpora.names), names, named, measure=chosen.measure, most=most)
        n_written = write(output, columns, rows, format)
    n_same, n_texts = seen[0].n_in(seen[1])
    if 2 * n_same > n_texts:
        pipe.note(
            f"the reference contains the target: {n_same:,} of {n_texts:,} of its longer records are in the reference too, where "
            "they make every difference smaller; a reference without them says more"
        )
    n_found = sum(len(found_of.keys.counts) for found_of in found.values())
    if chosen.most is None and n_written < n_found:
        pipe.note(f"the table shows {n_written:,} of {n_found:,}; -k N shows N, -f jsonl all")


def _found(n: int, count: NgramCounter, corpora: Corpora) -> Found:
    parts = corpora.parts(count.totals[n])
    min_count = corpora.chosen.min_count
    found = [keys(rows, parts, corpora.targets, corpora.n, min_count) for rows in count.runs[n].merged()]
    return Found(Keys.joined(found, n), parts.totals(corpora.n))


def _say_what_is_missing(pipe: Pipe, found: Mapping[int, Found], corpora: Corpora) -> None:
    """Say why there is nothing to compare, if there is not."""
    for n, of_length in found.items():
        what = "words" if n == 1 else f"n-grams of {n}"
        if corpora.chosen.by is None and not of_length.sizes.all():
            pipe.note(
                f"{'the target' if not of_length.sizes[0] else 'the reference'} has no {what}: nothing is compared"
            )
        elif corpora.n == 1:
            pipe.note("there is one group alone, and no other to compare it with")
            return
