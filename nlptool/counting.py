"""``nlptool tokenize --count``: how often each character or word comes in all the input."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from nlptool import options
from nlptool.errors import RunError
from nlptool.parallel import Workers, in_order
from nlptool.pipe import Pipe
from nlptool.records import Record
from nlptool.streams import Output

if TYPE_CHECKING:
    from nlptool.models.frequencies import Characters, Counts, Words

_DRAWN = 30  # bars, unless -k says how many
_TOGETHER = 4096  # records that are written together
_NEEDING = ("by", "k", "plot")  # options that mean nothing without --count
_UNUSED = {  # options of which --count makes no use
    "words": ("fields", "n_best", "resume", "drop_input", "id_field"),
    "chars": (
        "fields", "n_best", "resume", "drop_input", "id_field", "by", "pos", "stop_pos", "dictionary", "user_dictionary",
    ),
}  # fmt: skip
_NAMES = {"words": "word", "chars": "char"}
_NOUNS = {"words": "words", "chars": "characters"}
_TOLD = {
    "n_unknown": "words that the dictionary lacks (their lemma is the word itself)",
    "n_control": "control characters shown as pictures (␀)",
}


def check(what: str | None, format: str, plot: str | None) -> None:
    """See whether ``--count`` goes with the other options of ``tokenize``.

    Args:
        what: words | chars | None.

    Raises:
        UsageError: it does not.
        RunError: the picture cannot be written.
    """
    if what is None:
        for name in sorted(options.typed(_NEEDING)):
            raise click.UsageError(f"{_spelled(name)} goes with --count alone")
        return
    if format != "jsonl":
        raise click.UsageError(f"--count goes with -f jsonl alone: what it gives is no tokens to write as {format}")
    for name in sorted(options.typed(_UNUSED[what])):
        raise click.UsageError(f"--count {what} makes no use of {_spelled(name)}")
    if plot is not None:
        from nlptool import plots

        plots.check(plot)


def _spelled(option: str) -> str:
    return f"-{option}" if len(option) == 1 else f"--{option.replace('_', '-')}"


def counter(
    what: str, by: str, dictionary: str | None, user_dictionary: str | None, wanted: dict[str, object]
) -> Characters | Words:
    """What counts: made once in each process.

    Args:
        by: surface | lemma.
        wanted: the fields of ``tokens.Wanted``.
    """
    from nlptool.models import frequencies
    from nlptool.models.mecab import Tagger
    from nlptool.tokens import Wanted, is_kept

    chosen = Wanted(**wanted)  # type: ignore[arg-type]
    if what == "chars":
        return frequencies.Characters(normalize=chosen.normalize)
    keeps = functools.partial(is_kept, wanted=chosen)
    return frequencies.Words(Tagger(dictionary, user_dictionary), by=by, keeps=keeps, normalize=chosen.normalize)


def count(lists: Iterator[list[Record]], workers: Workers[Counts], counts: Counts) -> Iterator[list[Record]]:
    """Add what the workers count in the texts of the records to ``counts``; the records stay as they are."""
    for records, found in in_order(lists, workers, _texts):
        for each in found:
            counts.add(each)
        yield records


def _texts(records: list[Record]) -> Sequence[str]:
    return [record.text for record in records if record.pending]


def write(pipe: Pipe, what: str, workers: Workers[Counts], *, most: int | None, plot: str | None) -> None:
    """Write a record for each character or word of all the input, the most frequent first.

    Args:
        most: leave out what comes behind so many; None: nothing.
        plot: where they are drawn.

    Raises:
        RunError: nothing was counted that could be drawn, or something cannot be written.
    """
    import orjson

    from nlptool.models.frequencies import Counts

    counts = Counts()
    with Output(pipe.output, inputs=pipe.files or ("-",)) as output:
        with pipe.beside(*pipe.files) as own, own.bar:
            own.on_error = "fail" if pipe.on_error == "fail" else "skip"  # a record that fails has no place to be in
            own.consume(count(own.read(), workers, counts))
        ranked, total = counts.ranked(most), counts.of.total()
        for start in range(0, len(ranked), _TOGETHER):
            rows = (
                {_NAMES[what]: each, "count": n, "share": float(f"{n / total:.6g}")}
                for each, n in ranked[start : start + _TOGETHER]
            )
            output.write(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    for key, sentence in _TOLD.items():
        if n := getattr(counts, key):
            pipe.note(f"{sentence}: {n:,}")
    if plot is not None:
        _draw(pipe, ranked if most else ranked[:_DRAWN], _NOUNS[what], plot)


def _draw(pipe: Pipe, ranked: list[tuple[str, int]], noun: str, path: str) -> None:
    from nlptool import plots

    if not ranked:
        raise RunError(f"{path} is not drawn: there are no {noun}")
    names = [each for each, _ in ranked]
    plots.bars([n for _, n in ranked], path, names=names, label=f"{noun}: how often each comes", note=pipe.note)
