"""Attention weights of each record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from nlptool.errors import RecordError, WrongUsage
from nlptool.models.runtime.one_by_one import GOOD_TEXT
from nlptool.records import pairs
from nlptool.records.notes import notes
from nlptool.records.record import Record, lone_surrogate
from nlptool.tasks.each_record import EachRecord
from nlptool.text.scripts import LONE_SURROGATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nlptool.models.masked.attention import AttentionModel, Reading

WINDOW = 32  # records that are computed together: one of 500 tokens is 3 MB of JSON
WINDOW_OF_HEADS = 8  # with the heads it may be a hundred times as much

NOTES = notes("n_unknown of a masked model", "truncated")

_MARK = "[SEP]"  # separates two texts, as for nsp


@dataclass(frozen=True, slots=True)
class Selection:
    """The layers and heads whose weights are shown, counted from 1: their mean, and with ``each`` those of each of them."""

    layers: Sequence[int]
    heads: Sequence[int]
    each: bool = False

    @classmethod
    def of(cls, model: AttentionModel, layers: Iterable[range], heads: Iterable[range], *, each: bool) -> Selection:
        """Select layers and heads of a model; none stands for all.

        Raises:
            WrongUsage: the model has no such layer or head.
        """
        return cls(
            _numbers("layer", layers, model, model.n_layers), _numbers("head", heads, model, model.n_heads), each
        )

    def __str__(self) -> str:
        """Say what the mean is of: ``layer 2, mean of 4 heads``."""
        parts = (("layer", self.layers), ("head", self.heads))
        single = [f"{noun} {numbers[0]}" for noun, numbers in parts if len(numbers) == 1]
        several = [f"{len(numbers)} {noun}s" for noun, numbers in parts if len(numbers) > 1]
        return ", ".join(single + ([f"mean of {' and '.join(several)}"] if several else []))


def _numbers(noun: str, ranges: Iterable[range], model: AttentionModel, n: int) -> list[int]:
    numbers = sorted({number for range in ranges for number in range})
    if numbers and numbers[-1] > n:
        existing = f"its {noun}s are 1 to {n}" if n > 1 else f"it has one {noun}"
        raise WrongUsage(f"--{noun} {numbers[-1]}: {model.name} has no such {noun}, {existing}")
    return numbers or list(range(1, n + 1))


@dataclass(frozen=True, slots=True)
class Picture:
    """The tokens of a text and their weights (L, H, T, T) in the layers and heads that are shown."""

    tokens: list[str]
    weights: NDArray[np.float32]


def attention(
    lists: Iterable[list[Record]],
    model: AttentionModel,
    selection: Selection,
    *,
    entry: dict[str, Any],
    paired: bool = False,
    names: tuple[str, str] | None = None,
    picture: list[Picture] | None = None,
) -> Iterator[list[Record]]:
    """Give each record its tokens and how much each attends to each; null for a text that has none.

    Args:
        lists: windows of records; an empty one means that nothing new has come for a while.
        entry: what every record's entry says.
        paired: a record holds two texts, which the model reads together.
        names: of the fields of the two texts; else one of ``pairs.PAIR_TEXTS``.
        picture: gets what is shown of the first record that has weights.
    """
    chosen = np.ix_([layer - 1 for layer in selection.layers], [head - 1 for head in selection.heads])

    def work(items: Sequence[tuple[Record, Sequence[str]]]) -> None:
        readings = _read(items, model, entry, paired=paired)
        for index, weights in model.weights([reading.row for _, reading in readings]):
            record, reading = readings[index]
            shown = weights[chosen]  # (L, H, T, T)
            if not np.isfinite(shown).all():
                record.fail(RecordError("NotFinite", "the model's attention holds NaN or infinity"))
                continue
            tokens = [model.texts.piece(id) for id in reading.row.ids]
            result: dict[str, Any] = {"tokens": tokens, "mean": shown.mean((0, 1))}
            result |= {"heads": shown} if selection.each else {}
            record.results = {"attention": orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY)}
            record.entry = {
                **entry, "n_tokens": len(tokens), "n_unknown": reading.n_unknown, "truncated": reading.truncated
            }  # fmt: skip

    good: Sequence[str] = [GOOD_TEXT] * (1 + paired)
    weigh_each = EachRecord(work, good, model=model)
    for records in lists:
        items = _nonempty(records, entry, paired=paired, names=names)
        weigh_each(items)
        with_weights = (item for item in items if item[0].pending and item[0].results["attention"] != b"null")
        if picture is not None and not picture and (first := next(with_weights, None)):
            ((_, reading),) = _read([first], model, entry, paired=paired)  # once more: those of all are a lot of memory
            ((_, weights),) = model.weights([reading.row])
            picture.append(Picture([model.texts.piece(id) for id in reading.row.ids], weights[chosen]))
        yield records


def _nonempty(
    records: list[Record], entry: dict[str, Any], *, paired: bool, names: tuple[str, str] | None
) -> list[tuple[Record, Sequence[str]]]:
    """Return the records that have a text, or two; the others get null and the reason."""
    nonempty = []
    for record in records:
        if record.pending:
            try:
                texts = texts_of(record, paired=paired, names=names)
            except RecordError as error:
                record.fail(error)
                continue
            if all(map(str.strip, texts)):
                nonempty.append((record, texts))
            else:
                _set_empty(record, entry, "empty text")
    return nonempty


def _read(
    items: Sequence[tuple[Record, Sequence[str]]], model: AttentionModel, entry: dict[str, Any], *, paired: bool
) -> list[tuple[Record, Reading]]:
    """Return the records that have a piece, as the model reads them; the others get null and the reason."""
    if paired:
        readings = model.read_pairs([(texts[0], texts[1]) for _, texts in items])
    else:
        readings = model.read([texts[0] for _, texts in items])
    with_pieces = []
    for (record, _), reading in zip(items, readings, strict=True):
        if reading.n_pieces:
            with_pieces.append((record, reading))
        else:  # of control characters alone, say
            _set_empty(record, entry, "no piece")
    return with_pieces


def texts_of(record: Record, *, paired: bool, names: tuple[str, str] | None) -> Sequence[str]:
    """Return the text of a record, or its two texts.

    Raises:
        RecordError: there are not two, or one holds a lone surrogate.
    """
    if not paired or (record.raw is None and not record.text.strip()):
        return [record.text]
    texts = pairs.two_texts(record, names, mark=_MARK)
    for text in texts:
        if lone := LONE_SURROGATE.search(text):
            raise lone_surrogate(lone)
    return texts


def _set_empty(record: Record, entry: dict[str, Any], reason: str) -> None:
    record.results = {"attention": b"null"}
    record.entry = {**entry, "reason": reason}
