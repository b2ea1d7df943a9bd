"""The corpus of ``train seq2seq``: pairs are read, a part is held out, vocabularies are learned, texts become token ids."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nlptool.errors import RecordError, RunError
from nlptool.records import pairs
from nlptool.records.json_bytes import fields
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record, lone_surrogate
from nlptool.tasks.train.run import scripts_of
from nlptool.text.scripts import LONE_SURROGATE, japanese

if TYPE_CHECKING:
    from nlptool.models.seq2seq.vocabulary import Vocabulary
    from nlptool.training.seq2seq.trainer import Corpus, Pairs

Texts = tuple[str, str]

NAMES = (("source", "target"), *pairs.PAIR_TEXTS)
"""Names of the two fields of a pair that are recognised."""

SIDES = ("source", "target")
_MIN_PAIRS = 2
_COLUMNS = ("1", "2")
_MAX_DEV = 500  # pairs that a share holds out
_SAMPLE = 1000  # texts that decide about the unit


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """How the texts of a side are tokenized."""

    unit: str  # auto | characters | words | subwords
    vocab_size: int  # special tokens included
    lowercase: bool
    dictionary: str | None = None  # of Japanese words: name or folder


def corpus(
    pipe: Pipe, sides: tuple[Side, Side], *, names: Texts | None, dev: str | float, max_length: int
) -> tuple[Corpus, dict[str, Any]]:
    """Read all pairs; return them as token ids, with the counts of the pairs that were read and left out, and the scripts of the
    sources.

    Args:
        names: names of the fields of source and target; one of ``NAMES`` unless given.
        dev: the held-out pairs: a share of the sources with all their pairs, or a file.
        max_length: tokens of a side, end included; longer pairs are left out.

    Raises:
        RunError: there are too few pairs, or most records failed.
        ModelError: the MeCab dictionary is not installed.
    """
    from nlptool.training import splits
    from nlptool.training.seq2seq.trainer import Corpus

    train = _read(pipe, names)
    pipe.refuse_failed("most records failed: these are no pairs, and nothing is trained")
    held_out: list[Texts] = []
    n_seen = 0
    if isinstance(dev, str):
        with pipe.beside(dev) as beside:
            held_out = _read(beside, names)
            beside.refuse_failed(f"{dev}: most of its records are no pairs")
        if not held_out:
            raise RunError(f"{dev} has no pairs to judge by", hint="a pair a line: source, tab, target; --dev 0: none")
        sources = {source for source, _ in train}
        n_seen = sum(source in sources for source, _ in held_out)
        if n_seen:
            pipe.note(f"{n_seen:,} of {len(held_out):,} sources of {dev} are learned from, too")
    elif dev:
        train, held_out = splits.dev_by_source(train, dev, _MAX_DEV)
        if not held_out:
            pipe.note(f"too few pairs to hold out {dev:g} of them, nothing is judged: --dev FILE")
    if len(train) < _MIN_PAIRS:
        raise RunError(f"{len(train):,} pairs are too few to learn from", hint="a pair a line: source, tab, target")
    source, target = (
        _vocabulary(pipe, name, [pair[index] for pair in train], sides[index]) for index, name in enumerate(SIDES)
    )
    train_pairs, n_long = _tokenized(train, source, target, max_length)
    dev_pairs, n_dev_long = _tokenized(held_out, source, target, max_length)
    if n_long or n_dev_long:
        pipe.note(f"pairs that are longer than --max-length {max_length} and left out: {n_long + n_dev_long:,}")
    if len(train_pairs.ids) < _MIN_PAIRS:
        raise RunError(
            f"{len(train_pairs.ids):,} pairs of at most {max_length:,} tokens a side are too few to learn from",
            hint="a larger --max-length",
        )
    pipe.note(
        f"pairs: {len(train_pairs.ids):,}, to judge by: {len(dev_pairs.ids):,}; tokens known: {len(source):,} and {len(target):,}"
    )
    counts = {
        "n_pairs": len(train_pairs.ids), "n_too_long": n_long, "n_failed": pipe.tally.n_failed,
        "n_dev_pairs": len(dev_pairs.ids), "n_dev_too_long": n_dev_long, "n_dev_learned_from": n_seen,
    }  # fmt: skip
    return Corpus(train_pairs, dev_pairs, source, target), counts | scripts_of([first for first, _ in train])


def _read(pipe: Pipe, names: Texts | None) -> list[Texts]:
    """Read all pairs of a pipe's input; a record that is no pair fails."""
    texts: list[Texts] = []
    pipe.form = pairs.accept_pairs(pipe.form, [names] if names else [*NAMES, _COLUMNS])
    pipe.consume(pairs.taken(pairs.without_text(pipe.read()), lambda record: texts.append(_parse_pair(record, names))))
    return texts


def _parse_pair(record: Record, names: Texts | None) -> Texts:
    """Return source and target of a record.

    Raises:
        RecordError: the record is no pair, or one of its sides is empty or holds a lone surrogate.
    """
    pair = pairs.two_texts(record, names, among=NAMES)
    columns = [] if names else [name for name in fields(record.raw) if name.isdecimal()]
    if "3" in columns:  # which of them are the pair is not to be guessed: it is learned from
        raise RecordError(
            "NotAPair",
            f"a pair has two columns, this line has {columns[-1]}",
            hint="--first 1 --second 2 says which two are the pair",
        )
    for side, text in zip(SIDES, pair, strict=True):
        if not text.strip():
            raise RecordError("EmptySide", f"the {side} of the pair is empty")
        if lone := LONE_SURROGATE.search(text):
            raise lone_surrogate(lone)
    return pair


def _vocabulary(pipe: Pipe, name: str, texts: Sequence[str], side: Side) -> Vocabulary:
    from nlptool.training.seq2seq import vocabulary as seq2seq_vocabulary

    unit = side.unit
    if unit == "auto":
        unit, why = unit_for(texts)
        pipe.note(f"--{name}-unit {unit}: {why}")
    return seq2seq_vocabulary.learn(
        texts, unit=unit, size=side.vocab_size, lowercase=side.lowercase, dictionary=side.dictionary
    )  # fmt: skip


def unit_for(texts: Sequence[str]) -> tuple[str, str]:
    """Return the unit of tokens for a sample of texts, and the reason."""
    sample = texts[:: max(1, len(texts) // _SAMPLE)]
    letters = "".join("".join(text.split()) for text in sample)
    if 5 * len(japanese().findall(letters)) > len(letters):
        return "characters", "Japanese"
    if 2 * sum(" " in text.strip() for text in sample) > len(sample):
        return "subwords", "words with blanks between them"
    return "characters", "no blanks between words"


def _tokenized(texts: Sequence[Texts], source: Vocabulary, target: Vocabulary, max_length: int) -> tuple[Pairs, int]:
    """Return the pairs as token ids, and the number of pairs that are too long."""
    from nlptool.training.seq2seq.trainer import Pairs

    sources = [line.ids for line in source.tokenize([first for first, _ in texts])]
    targets = [line.ids for line in target.tokenize([second for _, second in texts])]
    fitting = [index for index, ids in enumerate(zip(sources, targets, strict=True)) if max(map(len, ids)) < max_length]
    pairs_ = Pairs([(sources[index], targets[index]) for index in fitting], [texts[index][1] for index in fitting])
    return pairs_, len(texts) - len(fitting)
