"""Counts of the characters or words of all the input: `tokenize --count`."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

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


def write(pipe: Pipe, what: str, workers: Workers[Counts], *, most: int | None) -> list[tuple[str, int]]:
    """Write a record for each character or word of all the input, the most frequent first.

    Args:
        most: write so many alone; None: all.

    Returns:
        What was written: (character or word, count).

    Raises:
        RunError: something cannot be written.
    """
    import orjson

    from nlptool.models.japanese.counts import Counts

    counts = Counts()
    with Output(pipe.output, inputs=pipe.files or ("-",)) as output:
        with pipe.beside(*pipe.files) as beside, beside.bar:
            beside.on_error = (
                "fail" if pipe.on_error == "fail" else "skip"
            )  # the output has no place for a record that fails
            beside.consume(count(beside.read(), workers, counts))
        ranked, total = counts.most_frequent(most), counts.of.total()
        for start in range(0, len(ranked), _CHUNK):
            rows = (
                {_NAMES[what]: item, "count": n, "share": float(f"{n / total:.6g}")}
                for item, n in ranked[start : start + _CHUNK]
            )
            output.write(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    for key, sentence in _NOTES.items():
        if n := getattr(counts, key):
            pipe.note(f"{sentence}: {n:,}")
    return ranked
