"""The log-likelihood of each record under a model that generates, and the surprisal of its tokens, words or characters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from nlptool.errors import RecordError
from nlptool.models.generation import likelihood
from nlptool.models.generation.likelihood import Likelihood
from nlptool.models.japanese.words import places as places_of_words
from nlptool.models.runtime.one_by_one import GOOD_TEXT
from nlptool.models.scoring.measures import perplexity
from nlptool.records.json_bytes import fields, find, path_of
from nlptool.records.notes import notes
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record, lone_surrogate
from nlptool.tasks.each_record import EachRecord, is_probe, with_read
from nlptool.tasks.entries import model_entry
from nlptool.tasks.in_int8 import compared
from nlptool.text import shares
from nlptool.text.scripts import LONE_SURROGATE
from nlptool.text.spans import Place

if TYPE_CHECKING:
    from nlptool.models.generation.generator import Generator

WINDOW = 1024  # records that are scored together
_SAMPLE = 32  # texts whose surprisals in 8 bits and in float32 are compared
MOST_DRAWN = 60  # words in a picture

PIECE, WORD, CHARACTER = BY = ("piece", "word", "char")
"""What is given a surprisal."""

BITS, NATS = UNITS = ("bits", "nats")
_NATS_IN = {BITS: math.log(2), NATS: 1.0}

_LISTS = {PIECE: "pieces", WORD: "words", CHARACTER: "characters"}
_ITEMS = {PIECE: "piece", WORD: "word", CHARACTER: "character"}

NOTES = notes("n_unknown of a generator", "windowed a language model", "truncated", "n_unscored")


@dataclass(frozen=True, slots=True)
class Scoring:
    """How texts are scored.

    Attributes:
        by: what gets a surprisal: piece | word | char; None: nothing, the sum alone is given.
        unit: of a surprisal: bits | nats.
        target: the field of the text that is scored after that of the record; "": the record's own text is scored.
        end: the end of a text is scored, too.
        room: tokens that are read at once; None: as many as the model can.
        stride: tokens from a window of a long text to the next; None: half of a window.
    """

    by: str | None = PIECE
    unit: str = BITS
    target: str = ""
    end: bool = False
    room: int | None = None
    stride: int | None = None

    @property
    def results(self) -> dict[str, type]:
        """Return the names and types of what a record gets."""
        numbers: dict[str, type] = {"log_likelihood": float, "perplexity": float}
        return numbers | ({_LISTS[self.by]: dict} if self.by else {}) | ({"end_surprisal": float} if self.end else {})

    def surprisal(self, log_probability: float) -> float:
        """Return a log-probability as a surprisal in the unit; NaN of NaN."""
        return -log_probability / _NATS_IN[self.unit]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The surprisal of the words of a text, for a picture."""

    words: list[str]
    surprisals: list[float]
    unit: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is scored of a record.

    Attributes:
        text: what stands before, or the source.
        target: what is scored.
    """

    text: str
    target: str


def score(
    lists: Iterable[list[Record]],
    model: Generator,
    scoring: Scoring,
    *,
    picture: list[Drawn] | None = None,
    quantize: str | None = None,
) -> Iterator[list[Record]]:
    """Give each record its log-likelihood; null for a text with nothing to score.

    Args:
        lists: windows of records; an empty one means that nothing new has come for a while.
        picture: receives the surprisals of the words of the first text that has some.
        quantize: int8, if the model computes in that, for the entries.
    """
    is_decoder = likelihood.is_decoder(model)
    unit = scoring.unit if scoring.by else ""
    entry = model_entry(model, by=scoring.by, unit=unit, target=scoring.target, quantize=quantize)
    probe = _Asked(GOOD_TEXT if scoring.target or not is_decoder else "", GOOD_TEXT)

    def work(items: Sequence[tuple[Record, _Asked]]) -> None:
        for (record, asked), found in zip(
            items, _likelihoods(model, [each for _, each in items], scoring), strict=True
        ):
            if isinstance(found, RecordError):
                record.fail(found)
            elif not found.n_scored:
                _set_empty(record, entry, "no token that can be scored", scoring)
            elif not math.isfinite(found.total):
                record.fail(RecordError("NotFinite", "the model's log-probabilities hold NaN or infinity"))
            else:
                record.results = _results(asked.target, found, model, scoring)
                record.entry = {**entry, **_counts(found)}
                if picture is not None and not picture and not is_probe(record):
                    picture.extend(_drawn(asked.target, found, scoring))

    score_each = EachRecord(work, probe, model=model)
    for records in lists:
        asked_of = with_read(records, lambda record: _asked(record, scoring.target))
        for record, asked in asked_of:
            if not asked.target.strip() and not scoring.end:
                _set_empty(record, entry, "empty text", scoring)
        score_each([(record, asked) for record, asked in asked_of if asked.target.strip() or scoring.end])
        yield records


def compare_int8(
    lists: Iterator[list[Record]], model: Generator, in_float32: Callable[[], Generator], scoring: Scoring, pipe: Pipe
) -> Iterator[list[Record]]:
    """Say how far the surprisals of a model in 8 bits are from those in float32, on the first texts, and pass all records on.

    Args:
        in_float32: opens the same model in float32, in the same engine.
    """

    def difference(records: list[Record]) -> str:
        asked = [asked for _, asked in with_read(records, lambda record: _asked(record, scoring.target))]
        pairs = zip(*(_likelihoods(each, asked, scoring) for each in (model, in_float32())), strict=True)
        both = [pair for pair in pairs if not any(isinstance(found, RecordError) for found in pair)]
        each = [np.abs(first.log_probabilities - second.log_probabilities) for first, second in both]
        found = np.concatenate([values[np.isfinite(values)] for values in each]) if each else np.empty(0)
        if not len(found):
            return ""
        return f"the first {len(both)} texts: surprisal differs by {found.mean() / math.log(2):.3f} bits a token on average"

    return compared(lists, _SAMPLE, difference, pipe)


def _asked(record: Record, target: str) -> _Asked:
    if not target:
        return _Asked("", record.text)
    try:
        wanted = find(fields(record.raw), path_of(target))
    except KeyError:
        wanted = None
    if not isinstance(wanted, str):
        there = (
            "is no text"
            if wanted is not None
            else "is missing"
            if record.raw is not None
            else "is not in a line of text"
        )
        hint = "" if record.raw is not None else "-I tsv --field 1 --target 2 for two texts with a tab between them"
        raise RecordError("MissingField", f"the target `{target}` {there}", hint=hint)
    if lone := LONE_SURROGATE.search(wanted):
        raise lone_surrogate(lone)
    return _Asked(record.text, wanted)


def _likelihoods(model: Generator, asked: Sequence[_Asked], scoring: Scoring) -> list[Likelihood | RecordError]:
    if not likelihood.is_decoder(model):
        return likelihood.of_targets(model, [each.text for each in asked], [each.target for each in asked])
    found = likelihood.of_texts(
        model, [each.text + each.target for each in asked], end=scoring.end, room=scoring.room, stride=scoring.stride
    )
    return [each.behind(len(one.text)) for one, each in zip(asked, found, strict=True)]


def _results(text: str, found: Likelihood, model: Generator, scoring: Scoring) -> dict[str, bytes]:
    of_tokens = perplexity(found.total, found.n_scored)
    results = {"log_likelihood": _number(found.total), "perplexity": _number(of_tokens)}
    if scoring.by is not None:
        surprisals = [scoring.surprisal(value) for value in found.log_probabilities.tolist()]
        name = _ITEMS[scoring.by].encode()
        items = _items(text, found, surprisals, model, scoring.by)
        listed = (b'{"%b":%b,"surprisal":%b}' % (name, orjson.dumps(item), _number(value)) for item, value in items)
        results[_LISTS[scoring.by]] = b"[%b]" % b",".join(listed)
    if scoring.end:
        results["end_surprisal"] = _number(scoring.surprisal(math.nan if found.end is None else found.end))
    return results


def _counts(found: Likelihood) -> dict[str, Any]:
    """Return what the entry says of a text: the numbers of its tokens, and what was done with a long one."""
    n_unscored = len(found.ids) - int(found.scored.sum())
    return {
        "n_tokens": found.n_scored,
        "n_unknown": int(found.is_unknown.sum()),
        "windowed": found.window is not None,
        **({"window": found.window} if found.window is not None else {}),
        **({"n_unscored": n_unscored} if n_unscored else {}),
        **({"truncated": True} if found.source_is_truncated else {}),
    }


def _items(
    text: str, found: Likelihood, surprisals: Sequence[float], model: Generator, by: str
) -> Iterator[tuple[str, float]]:
    """Yield the pieces, words or characters of a text, and the surprisal of each."""
    if by == WORD:
        words = places_of_words(text)
        values = shares.of_words(text, words, found.places, surprisals)
        yield from ((text[start:end], value) for (start, end), value in zip(words, values, strict=True))
    elif by == CHARACTER:
        yield from zip(text, shares.of_characters(text, found.places, surprisals), strict=True)
    else:
        seen: Counter[Place] = Counter(found.places)
        for id, place, value in zip(found.ids, found.places, surprisals, strict=True):
            spelled = text[slice(*place)]
            yield (spelled if spelled and seen[place] == 1 else model.piece(id)), value


def _drawn(text: str, found: Likelihood, scoring: Scoring) -> list[Drawn]:
    words = places_of_words(text)
    surprisals = [scoring.surprisal(value) for value in found.log_probabilities.tolist()]
    values = shares.of_words(text, words, found.places, np.nan_to_num(surprisals).tolist())
    return [Drawn([text[start:end] for start, end in words], values, scoring.unit)] if words else []


def _set_empty(record: Record, entry: Mapping[str, Any], reason: str, scoring: Scoring) -> None:
    record.results = {name: b"[]" if kind is dict else b"null" for name, kind in scoring.results.items()}
    record.entry = {**entry, "reason": reason}


def _number(value: float) -> bytes:
    return orjson.dumps(np.float32(value), option=orjson.OPT_SERIALIZE_NUMPY) if math.isfinite(value) else b"null"
