"""Counts of the characters or words of all the input: `tokenize --count`."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nlptool.records.formats import columns
from nlptool.records.notes import notes
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.windows import joined
from nlptool.records.workers import Workers, in_order
from nlptool.storage.output import Output

if TYPE_CHECKING:
    from nlptool.models.japanese.counts import CharacterCounter, Counts, WordCounter

_CHUNK = 4096  # records that are written together

_NAMES = {"words": "word", "chars": "char"}
_NOUNS = {"words": "words", "chars": "characters"}

SHOWN = 30
"""Rows of a table, unless -k says how many."""

_NOTES = notes("n_unknown of a dictionary", "n_control")


def counter(
    what: str, by: str, dictionary: str | None, user_dictionaries: Sequence[str], wanted: dict[str, object]
) -> CharacterCounter | WordCounter:
    """Make the function that counts, once in each process.

    Args:
        what: words | chars.
        by: surface | lemma.
        wanted: the fields of ``tokens.Wanted``.
    """
    from nlptool.models.japanese import counts as japanese_counts
    from nlptool.models.japanese.tagger import Tagger
    from nlptool.tasks.tokens import Wanted, is_kept

    chosen = Wanted(**wanted)  # type: ignore[arg-type]
    if what == "chars":
        return japanese_counts.CharacterCounter(normalize=chosen.normalize)
    keeps = functools.partial(is_kept, wanted=chosen)
    return japanese_counts.WordCounter(
        Tagger(dictionary, user_dictionaries), by=by, keeps=keeps, normalize=chosen.normalize
    )


def count(lists: Iterator[list[Record]], workers: Workers[Counts], counts: Counts) -> Iterator[list[Record]]:
    """Add what the workers count in the texts of the records to ``counts``; the records stay as they are."""
    for records, results in in_order(joined(lists), workers, _texts):
        for result in results:
            counts.add(result)
        yield records


def _texts(records: list[Record]) -> Sequence[str]:
    return [record.text for record in records if record.pending]


def write(
    pipe: Pipe, what: str, workers: Workers[Counts], *, most: int | None, min_count: int = 1, format: str = "jsonl"
) -> list[tuple[str, int]]:
    """Write a record for each character or word of all the input, the most frequent first.

    Args:
        most: write so many alone; None: all, and of a table ``SHOWN``.
        min_count: fewest occurrences.
        format: jsonl | csv | tsv | table.

    Returns:
        (character or word, count) of those that come often enough, as many as ``most`` says.

    Raises:
        RunError: something cannot be written.
    """
    from nlptool.models.japanese.counts import Counts

    counts = Counts()
    with Output(pipe.output, inputs=pipe.files or ("-",)) as output:
        with pipe.beside(*pipe.files) as beside, beside.bar:
            beside.on_error = (
                "fail" if pipe.on_error == "fail" else "skip"
            )  # the output has no place for a record that fails
            beside.consume(count(beside.read(), workers, counts))
        ranked, total = counts.most_frequent(), counts.of.total()
        frequent = [(item, n) for item, n in ranked if n >= min_count]
        found = frequent[: SHOWN if most is None and format == "table" else most]
        rows = (_columns(what, found[start : start + _CHUNK], total) for start in range(0, len(found), _CHUNK))
        columns.write(output, [_NAMES[what], "count", "share"], rows, format)
    if len(frequent) < len(ranked):
        pipe.note(
            f"{_NOUNS[what]} that occur fewer than {min_count:,} times, left out (--min-count): {len(ranked) - len(frequent):,}"
        )
    if most is None and len(found) < len(frequent):
        pipe.note(f"the table shows {len(found):,} of {len(frequent):,} {_NOUNS[what]}; -k N shows N, -f jsonl all")
    for key, sentence in _NOTES.items():
        if n := getattr(counts, key):
            pipe.note(f"{sentence}: {n:,}")
    return frequent[:most]


def _columns(what: str, counted: Sequence[tuple[str, int]], total: int) -> columns.Columns:
    return {
        _NAMES[what]: [item for item, _ in counted],
        "count": [n for _, n in counted],
        "share": [float(f"{n / total:.6g}") for _, n in counted],
    }
