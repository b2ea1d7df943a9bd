"""Attention weights of each record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nlptool.errors import RecordError
from nlptool.records import pairs
from nlptool.records.notes import notes
from nlptool.records.record import Record, lone_surrogate
from nlptool.text.scripts import LONE_SURROGATE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nlptool.models.masked.attention import AttentionModel, Reading

WINDOW = 32  # records that are computed together: one of 500 tokens is 3 MB of JSON
WINDOW_OF_HEADS = 8  # with the heads it may be a hundred times as much

NOTES = notes("n_unknown of a masked model", "truncated")

_MARK = "[SEP]"  # stands between two texts, as for nsp


@dataclass(frozen=True, slots=True)
class Selection:
    """The layers and heads whose weights are shown, counted from 1, and whether each is or their mean alone."""

    layers: Sequence[int]
    heads: Sequence[int]
    each: bool = False

    def __str__(self) -> str:
        """What the mean is of."""
        parts = (("layer", self.layers), ("head", self.heads))
        single = [f"{noun} {numbers[0]}" for noun, numbers in parts if len(numbers) == 1]
        several = [f"{len(numbers)} {noun}s" for noun, numbers in parts if len(numbers) > 1]
        return ", ".join(single + ([f"mean of {' and '.join(several)}"] if several else []))


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
    said: dict[str, Any],
    paired: bool = False,
    names: tuple[str, str] | None = None,
    picture: list[Picture] | None = None,
) -> Iterator[list[Record]]:
    """Give each record its tokens and how much each looks at each; null for a text that has none.

    Args:
        lists: windows of records; an empty one means that nothing new has come for a while.
        said: what every record's entry says.
        paired: a record holds two texts, which the model reads together.
        names: of the fields of the two texts; else one of ``pairs.PAIR_TEXTS``.
        picture: gets what is shown of the first record that has weights.
    """
    import numpy as np
    import orjson

    chosen = np.ix_([layer - 1 for layer in selection.layers], [head - 1 for head in selection.heads])
    for records in lists:
        asked = _asked(records, model, said, paired=paired, names=names)
        first: tuple[int, Picture] | None = None
        for index, weights in model.weights([reading.row for _, reading in asked]):
            record, reading = asked[index]
            shown = weights[chosen]  # (L, H, T, T)
            if not np.isfinite(shown).all():
                record.fail(RecordError("NotFinite", "the model's attention holds NaN or infinity"))
                continue
            tokens = [model.texts.piece(id) for id in reading.row.ids]
            found: dict[str, Any] = {"tokens": tokens, "mean": shown.mean((0, 1))}
            found |= {"heads": shown} if selection.each else {}
            record.results = {"attention": orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)}
            record.entry = {
                **said, "n_tokens": len(tokens), "n_unknown": reading.n_unknown, "truncated": reading.truncated
            }  # fmt: skip
            if first is None or index < first[0]:  # the weights come in another order
                first = index, Picture(tokens, shown)
        if picture is not None and not picture and first is not None:
            picture.append(first[1])
        yield records


def _asked(
    records: list[Record], model: AttentionModel, said: dict[str, Any], *, paired: bool, names: tuple[str, str] | None
) -> list[tuple[Record, Reading]]:
    """The records that have something to read; the others are given their answer, which is none."""
    kept = []
    for record in records:
        if paired and record.error is not None and record.error.type == "MissingField":  # --field would not mend it
            message = record.error.message.replace("no field `text`", "no two texts")
            record.fail(RecordError("NotAPair", message, hint="--first NAME and --second NAME name them"))
        if record.pending:
            try:
                texts = _texts_of(record, paired=paired, names=names)
            except RecordError as error:
                record.fail(error)
                continue
            if all(map(str.strip, texts)):
                kept.append((record, texts))
            else:
                _nothing(record, said, "empty text")
    if paired:
        readings = model.read_pairs([(texts[0], texts[1]) for _, texts in kept])
    else:
        readings = model.read([texts[0] for _, texts in kept])
    asked = []
    for (record, _), reading in zip(kept, readings, strict=True):
        if reading.n_pieces:
            asked.append((record, reading))
        else:  # of control characters alone, say
            _nothing(record, said, "no piece")
    return asked


def _texts_of(record: Record, *, paired: bool, names: tuple[str, str] | None) -> Sequence[str]:
    """
    Raises:
        RecordError: there are not two, or one holds half a character.
    """
    if not paired or (record.raw is None and not record.text.strip()):
        return [record.text]
    texts = pairs.two_texts(record, names, mark=_MARK)
    for text in texts:
        if lone := LONE_SURROGATE.search(text):
            raise lone_surrogate(lone)
    return texts


def _nothing(record: Record, said: dict[str, Any], reason: str) -> None:
    record.results = {"attention": b"null"}
    record.entry = {**said, "reason": reason}
