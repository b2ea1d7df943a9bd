"""The pairs of ``train seq2seq``: records in, a part of them held out, vocabularies learned, and all of it as token ids."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from nlptool.errors import RecordError, RunError
from nlptool.records import pairs
from nlptool.records.json_bytes import fields, path_of
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record, lone_surrogate
from nlptool.text.scripts import JAPANESE, LONE_SURROGATE

if TYPE_CHECKING:
    from nlptool.models.seq2seq.vocabulary import Vocabulary
    from nlptool.training.seq2seq.trainer import Corpus, Pairs

Texts = tuple[str, str]

NAMES = (("source", "target"), *pairs.PAIR_TEXTS)
"""What the two fields of a pair may be called."""

SIDES = ("source", "target")

FEWEST = 2  # pairs that something can be learned from
_COLUMNS = ("1", "2")
_MOST_DEV = 500  # pairs that a share holds out
_SAMPLE = 1000  # texts that decide on the unit


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """How the texts of a side become tokens."""

    unit: str  # auto | characters | words | subwords
    size: int  # different tokens, special ones included
    lowercase: bool


def corpus(
    pipe: Pipe, sides: tuple[Side, Side], *, names: Texts | None, dev: str | float, max_length: int
) -> tuple[Corpus, dict[str, int]]:
    """Read all pairs. Returns them as token ids, and the counts of what was read and left out.

    Args:
        names: of the fields of source and target; one of ``NAMES`` unless given.
        dev: what is held out: a share of the sources with all their pairs, or a file.
        max_length: tokens of a side, its end included; longer pairs are left out.

    Raises:
        RunError: there are too few pairs, or most records failed.
        ModelError: MeCab's dictionary is not there.
    """
    from nlptool.training import splits
    from nlptool.training.seq2seq.trainer import Corpus

    found = _read(pipe, names)
    pipe.refuse_failed("most records failed: these are no pairs, and nothing is trained")
    apart: list[Texts] = []
    n_seen = 0
    if isinstance(dev, str):
        with pipe.beside(dev) as beside:
            apart = _read(beside, names)
            beside.refuse_failed(f"{dev}: most of its records are no pairs")
        if not apart:
            raise RunError(f"{dev} has no pairs to judge by", hint="a pair a line: source, tab, target; --dev 0: none")
        known = {source for source, _ in found}
        n_seen = sum(source in known for source, _ in apart)
        if n_seen:
            pipe.note(f"{n_seen:,} of {len(apart):,} sources of {dev} are learned from, too")
    elif dev:
        found, apart = splits.dev_by_source(found, dev, _MOST_DEV)
        if not apart:
            pipe.note(f"too few pairs to hold out {dev:g} of them, nothing is judged: --dev FILE")
    if len(found) < FEWEST:
        raise RunError(f"{len(found):,} pairs are too few to learn from", hint="a pair a line: source, tab, target")
    source, target = (
        _symbols(pipe, name, [pair[number] for pair in found], sides[number]) for number, name in enumerate(SIDES)
    )
    learned, n_long = _cut(found, source, target, max_length)
    judged, n_dev_long = _cut(apart, source, target, max_length)
    if n_long or n_dev_long:
        pipe.note(f"pairs that are longer than --max-length {max_length} and left out: {n_long + n_dev_long:,}")
    if len(learned.ids) < FEWEST:
        raise RunError(
            f"{len(learned.ids):,} pairs of at most {max_length:,} tokens a side are too few to learn from",
            hint="a larger --max-length",
        )
    pipe.note(
        f"pairs: {len(learned.ids):,}, to judge by: {len(judged.ids):,}; tokens known: {len(source):,} and {len(target):,}"
    )
    said = {
        "n_pairs": len(learned.ids), "n_too_long": n_long, "n_failed": pipe.tally.n_failed,
        "n_dev_pairs": len(judged.ids), "n_dev_too_long": n_dev_long, "n_dev_learned_from": n_seen,
    }  # fmt: skip
    return Corpus(learned, judged, source, target), said


def _read(pipe: Pipe, names: Texts | None) -> list[Texts]:
    """All pairs of a pipe's input; what is none fails there."""
    found: list[Texts] = []
    wanted = [names] if names else [*NAMES, _COLUMNS]
    pipe.form = dataclasses.replace(pipe.form, instead=tuple(path_of(name)[0] for name in chain.from_iterable(wanted)))

    def taken() -> Iterator[list[Record]]:
        for records in pairs.without_text(pipe.read()):
            for record in records:
                if record.pending and (record.raw is not None or record.text):
                    try:
                        found.append(_pair(record, names))
                    except RecordError as error:
                        record.fail(error)
            yield records

    pipe.consume(taken())
    return found


def _pair(record: Record, names: Texts | None) -> Texts:
    """
    Raises:
        RecordError: the record is no pair, or one of its sides is empty or holds half a character.
    """
    in_line = record.raw is None
    known = {} if names else fields(record.raw)
    if {*_COLUMNS, "3"} <= known.keys():  # of TSV without a head
        raise RecordError("NotAPair", f"a pair has two columns, this line has {len(known)}", hint="--fields 1,2")
    pair = pairs.two_texts(record, names, among=NAMES)
    if in_line and names == _COLUMNS[::-1]:
        pair = pair[::-1]
    elif in_line and names not in (None, _COLUMNS):
        raise RecordError("NotAPair", "a line of text has no names of columns", hint="-I tsv --header, or --fields 2,1")
    for side, text in zip(SIDES, pair, strict=True):
        if not text.strip():
            raise RecordError("EmptySide", f"the {side} of the pair is empty")
        if lone := LONE_SURROGATE.search(text):
            raise lone_surrogate(lone)
    return pair


def _symbols(pipe: Pipe, name: str, texts: Sequence[str], side: Side) -> Vocabulary:
    from nlptool.training.seq2seq import vocabulary as seq2seq_vocabulary

    unit = side.unit
    if unit == "auto":
        unit, why = unit_for(texts)
        pipe.note(f"--{name}-unit {unit}: {why}")
    return seq2seq_vocabulary.learn(texts, unit=unit, size=side.size, lowercase=side.lowercase)


def unit_for(texts: Sequence[str]) -> tuple[str, str]:
    """What the tokens of such texts should be, and why."""
    sample = texts[:: max(1, len(texts) // _SAMPLE)]
    letters = "".join("".join(text.split()) for text in sample)
    if 5 * len(JAPANESE.findall(letters)) > len(letters):
        return "characters", "Japanese"
    if 2 * sum(" " in text.strip() for text in sample) > len(sample):
        return "subwords", "words with blanks between them"
    return "characters", "no blanks between words"


def _cut(texts: Sequence[Texts], source: Vocabulary, target: Vocabulary, max_length: int) -> tuple[Pairs, int]:
    """The pairs as token ids, and how many are too long."""
    from nlptool.training.seq2seq.trainer import Pairs

    sources = [line.ids for line in source.tokenize([first for first, _ in texts])]
    targets = [line.ids for line in target.tokenize([second for _, second in texts])]
    fit = [number for number, ids in enumerate(zip(sources, targets, strict=True)) if max(map(len, ids)) < max_length]
    kept = Pairs([(sources[number], targets[number]) for number in fit], [texts[number][1] for number in fit])
    return kept, len(texts) - len(fit)
