"""Counts of the characters or words of all the input, or of each group of records: `tokenize --count`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nlptool.records.formats import columns
from nlptool.records.notes import notes
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.windows import joined
from nlptool.records.workers import Workers, in_order
from nlptool.storage.output import Output

if TYPE_CHECKING:
    from nlptool.models.japanese.counts import CharacterCounter, Counts, Item, WordCounter
    from nlptool.tasks.grouped_sums import Group

_CHUNK = 4096  # records that are written together

NOUNS = {"words": "words", "chars": "characters"}

SHOWN = 30
"""Rows of a table, unless -k says how many."""

_NOTES = notes("n_unknown of a dictionary", "n_control")
_SPREAD = ("parts", "dp", "dispersion")


@dataclass(frozen=True, slots=True)
class Counting:
    """What is counted, and what is written of it.

    Attributes:
        what: words | chars.
        by: fields in which different words differ: surface | lemma | pos | pos_detail.
        group: the field that groups records, or file; None: all are one group.
        parts: over which words are dispersed: file | record | a field; None: that is not wanted.
        most: so many of each group alone; None: all, and of a table ``SHOWN``.
        min_count: fewest occurrences, in the group.
    """

    what: str = "words"
    by: tuple[str, ...] = ("surface",)
    group: str | None = None
    parts: str | None = None
    most: int | None = None
    min_count: int = 1

    @property
    def in_groups(self) -> bool:
        """Whether the counts of each text are needed."""
        return self.group is not None or self.parts is not None

    def names(self) -> list[str]:
        """Return the names of the columns that say what was counted."""
        if self.what == "chars":
            return ["char"]
        first = next((name for name in self.by if name in ("surface", "lemma")), None)
        return ["word" if name == first else name for name in self.by]

    def columns(self) -> list[str]:
        """Return the names of all columns."""
        group = ["group"] if self.group is not None else []
        return [*group, *self.names(), "count", "share", *(_SPREAD if self.parts is not None else ())]


@dataclass(frozen=True, slots=True)
class Ranked:
    """What was counted in a group, the most frequent first.

    Attributes:
        name: "" of the only group.
        total: of all counts, those that are left out too.
        group: with the dispersion, if that was wanted.
    """

    name: str
    items: Sequence[Item]
    counts: Sequence[int]
    total: int
    group: Group | None = None


def counter(
    counting: Counting, dictionary: str | None, user_dictionaries: Sequence[str], wanted: dict[str, object]
) -> CharacterCounter | WordCounter:
    """Make the function that counts, once in each process.

    Args:
        wanted: the fields of ``tokens.Wanted``.
    """
    from nlptool.models.japanese import counts as japanese_counts
    from nlptool.models.japanese.tagger import Tagger
    from nlptool.tasks.tokens import Wanted, is_kept

    chosen = Wanted(**wanted)  # type: ignore[arg-type]
    if counting.what == "chars":
        return japanese_counts.CharacterCounter(normalize=chosen.normalize, each=counting.in_groups)
    keeps = functools.partial(is_kept, wanted=chosen)
    return japanese_counts.WordCounter(
        Tagger(dictionary, user_dictionaries), by=counting.by, keeps=keeps, normalize=chosen.normalize,
        each=counting.in_groups,
    )  # fmt: skip


def count(lists: Iterator[list[Record]], workers: Workers[Counts], counts: Counts) -> Iterator[list[Record]]:
    """Add what the workers count in the texts of the records to ``counts``; the records stay as they are."""
    for records, results in in_order(joined(lists), workers, _texts):
        for result in results:
            counts.add(result)
        yield records


def _texts(records: list[Record]) -> Sequence[str]:
    return [record.text for record in records if record.pending]


def write(
    pipe: Pipe, counting: Counting, workers: Callable[[], Workers[Counts]], *, format: str = "jsonl"
) -> list[Ranked] | None:
    """Write a record for each character or word of all the input, or of each group of records, the most frequent first.

    Args:
        workers: opens those that count, each made by ``counter``.
        format: jsonl | csv | tsv | table.

    Returns:
        The groups, with what comes often enough; None: the sums of a part of an input were written.

    Raises:
        RunError: something cannot be written.
    """
    with Output(pipe.output, inputs=pipe.files or ("-",)) as output:
        with pipe.without_failed() as reading, reading.bar:
            found = (_in_groups if counting.in_groups else _whole)(reading, counting, workers, output)
        if found is None:
            return None
        ranked, said = found
        most = SHOWN if counting.most is None and format == "table" else counting.most
        blocks = (block for group in ranked for block in _blocks(group, counting, most))
        n_written = columns.write(output, counting.columns(), blocks, format)
    n_frequent, noun = sum(len(group.items) for group in ranked), NOUNS[counting.what]
    if n_rare := said.pop("rare", 0):
        pipe.note(f"{noun} that occur fewer than {counting.min_count:,} times, left out (--min-count): {n_rare:,}")
    if counting.most is None and n_written < n_frequent:
        pipe.note(f"the table shows {n_written:,} of {n_frequent:,} {noun}; -k N shows N, -f jsonl all")
    for key, sentence in _NOTES.items():
        if n := said[key]:
            pipe.note(f"{sentence}: {n:,}")
    return ranked


def _whole(
    pipe: Pipe, counting: Counting, workers: Callable[[], Workers[Counts]], output: Output
) -> tuple[list[Ranked], dict[str, int]] | None:
    """Return the only group, and what is to be said."""
    from nlptool.models.japanese.counts import Counts
    from nlptool.tasks.count_sums import CountSums
    from nlptool.tasks.sums import sums_of

    def counted() -> CountSums:
        counts = Counts()
        pipe.consume(count(pipe.read(), workers(), counts))
        return CountSums(counts.of.items(), counts.n_unknown, counts.n_control)

    n_fields = len(counting.names())
    sums = sums_of(pipe, output, counted, lambda files: CountSums.added(files, n_fields))
    if sums is None:
        return None
    total = n_rare = 0
    frequent: list[tuple[Item, int]] = []
    for item, n in sums.items:
        total += n
        if n >= counting.min_count:
            frequent.append((item, n))
        else:
            n_rare += 1
    frequent.sort(key=lambda pair: (-pair[1], pair[0]))
    ranked = Ranked("", [item for item, _ in frequent], [n for _, n in frequent], total)
    return [ranked], {"rare": n_rare, "n_unknown": sums.n_unknown, "n_control": sums.n_control}


def _in_groups(
    pipe: Pipe, counting: Counting, workers: Callable[[], Workers[Counts]], output: Output
) -> tuple[list[Ranked], dict[str, int]] | None:
    """Return the groups, and what is to be said."""
    from nlptool.tasks.grouped_counts import RECORD, GroupedCounts
    from nlptool.tasks.grouped_sums import GroupedSums
    from nlptool.tasks.sums import sums_of

    def counted() -> GroupedSums:
        counts = GroupedCounts(counting.group, counting.parts)
        pipe.consume(counts.count(pipe.read(), workers()))
        return counts.sums()

    n_fields = len(counting.names())
    sums = sums_of(pipe, output, counted, lambda files: GroupedSums.added(files, by_record=counting.parts == RECORD))
    if sums is None:
        return None
    groups, n_rare = sums.ranked(counting.min_count, n_fields)
    found = [Ranked(group.name, group.items, group.counts.tolist(), group.total, group) for group in groups]
    return found, {"rare": n_rare, "n_unknown": sums.n_unknown, "n_control": sums.n_control}


def _blocks(ranked: Ranked, counting: Counting, most: int | None) -> Iterator[columns.Columns]:
    """Yield the columns of a group.

    Args:
        most: words; None: all.
    """
    names = counting.names()
    end = len(ranked.items) if most is None else min(most, len(ranked.items))
    for start in range(0, end, _CHUNK):
        chunk = slice(start, min(start + _CHUNK, end))
        items, counts = ranked.items[chunk], ranked.counts[chunk]
        fields: list[Any] = [items] if len(names) == 1 else list(zip(*items, strict=True))
        block: dict[str, Sequence[Any]] = {
            "group": [ranked.name] * len(items),
            **dict(zip(names, fields, strict=True)),
            "count": counts,
            "share": [float(f"{n / ranked.total:.6g}") for n in counts],
        }
        if ranked.group is not None and counting.parts is not None:
            block |= ranked.group.spread.columns(chunk)
        yield block
