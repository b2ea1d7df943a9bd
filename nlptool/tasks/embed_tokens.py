"""Embed the tokens of records: a vector for each piece or word, in its context."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from nlptool.errors import RecordError, WrongUsage
from nlptool.models.contextual.pooling import pool
from nlptool.models.japanese import words
from nlptool.models.runtime.one_by_one import GOOD_TEXT
from nlptool.records.given_words import given_words
from nlptool.records.notes import notes
from nlptool.records.record import Record, lone_surrogate
from nlptool.tasks.each_record import EachRecord, with_read
from nlptool.tasks.entries import model_entry
from nlptool.text.scripts import LONE_SURROGATE
from nlptool.text.spans import Place

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nlptool.models.contextual.model import ContextualModel
    from nlptool.models.contextual.texts import PlacedText

FIELD = "token_vectors"
WINDOW = 1024  # records that are sorted by their length
NOTES = notes("n_unknown of an encoder", "n_windows", "n_without_vector")

_MOST_NUMBERS = 2**23  # components of the vectors of records that are held at once: 32 MiB
_LAST = 4  # layers of last4


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers whose vectors are written.

    Attributes:
        numbers: from 0, the embeddings' output.
        name: what the entry says: a number, all or last4.
    """

    numbers: Sequence[int]
    name: int | str

    @classmethod
    def of(cls, model: ContextualModel, chosen: str | int | None) -> Layers:
        """Select layers of a model.

        Args:
            chosen: a number, from the end where it is below 0; all; last4, the last four, concatenated; None: the last one.

        Raises:
            WrongUsage: the model has no such layer.
        """
        n_layers = model.n_layers
        if chosen == "all":
            return cls(range(n_layers + 1), "all")
        if chosen == "last4":
            if n_layers < _LAST:
                raise WrongUsage(f"--layer last4: {model.name} has {n_layers} layers")
            return cls(range(n_layers - _LAST + 1, n_layers + 1), "last4")
        number = -1 if chosen is None else int(chosen)
        if not -n_layers - 1 <= number <= n_layers:
            raise WrongUsage(
                f"--layer {number}: {model.name} has no such layer; 0 is the output of its embeddings, {n_layers} its last layer"
            )
        number %= n_layers + 1
        return cls([number], number)

    @property
    def is_all(self) -> bool:
        """Whether the vectors of each layer are written by themselves."""
        return self.name == "all"

    def shape(self, dimension: int) -> tuple[int, ...]:
        """Return the shape of a token's vectors: (D,), (4 D,) or of all layers (L + 1, D).

        Args:
            dimension: D, components of one layer's vector.
        """
        return (len(self.numbers), dimension) if self.is_all else (len(self.numbers) * dimension,)


@dataclass(frozen=True, slots=True)
class TokenForm:
    """How the vectors of tokens are written.

    Attributes:
        layers: whose vectors.
        dtype: float32 or float16, of NumPy.
        is_raw: the bytes of all vectors of a record, in its result "", for formats that hold such; else numbers in JSON.
    """

    layers: Layers
    dtype: Any
    is_raw: bool

    @property
    def field(self) -> str:
        """The field of a token with its vector, or with a list of those of all layers."""
        return "layers" if self.layers.is_all else "vector"


@dataclass(slots=True)
class _Read:
    """A record whose tokens are to be embedded."""

    record: Record
    text: str
    words: list[Place] | None  # None: the tokens are pieces
    pieces: PlacedText


def embed_tokens(
    lists: Iterable[list[Record]], model: ContextualModel, form: TokenForm, *, pool_words: str | None = None
) -> Iterator[list[Record]]:
    """Give each record its tokens with their vectors.

    Args:
        lists: windows of records; an empty one means that nothing new has come for a while.
        pool_words: the tokens are words, whose vectors are the mean or the first of those of their pieces; None: they are
            pieces.
    """
    results = _Results(model, form, pool_words)

    def work(items: Sequence[tuple[Record, tuple[str, list[Place] | None]]]) -> None:
        texts = [text for _, (text, _) in items]
        read = [
            _Read(record, text, places, pieces)
            for (record, (text, places)), pieces in zip(items, model.read(texts), strict=True)
        ]
        states = model.vectors([each.pieces for each in read], form.layers.numbers)
        for each, vectors in zip(read, states, strict=True):
            results.set(each, vectors)

    good: tuple[str, list[Place] | None] = (GOOD_TEXT, None)
    work_each = EachRecord(work, good, model=model)
    most = max(1, _MOST_NUMBERS // (len(form.layers.numbers) * model.dimension))  # tokens
    for records in lists:
        if not records:
            yield records
        for part in _parts(records, most):
            work_each(with_read(part, lambda record: _item(record, pool_words)))
            yield part


def _parts(records: list[Record], most: int) -> Iterator[list[Record]]:
    """Split records into lists with about so many characters, which are at least as many as their tokens."""
    part: list[Record] = []
    n_characters = 0
    for record in records:
        if part and n_characters + len(record.text) > most:
            yield part
            part, n_characters = [], 0
        part.append(record)
        n_characters += len(record.text)
    if part:
        yield part


def _item(record: Record, pool_words: str | None) -> tuple[str, list[Place] | None]:
    """Return what is to be embedded of a record: its text, and the places of its words if they are the tokens.

    Raises:
        RecordError: its words are none, or the text has half a character.
    """
    given = given_words(record) if pool_words or not record.text else None
    text, places = given or (record.text, None)
    if lone := LONE_SURROGATE.search(text):
        raise lone_surrogate(lone)
    if pool_words and places is None:
        places = words.places(text)
    return text, places if pool_words else None


class _Results:
    """Sets the results of records.

    Args:
        model, form, pool_words: as of ``embed_tokens``.
    """

    def __init__(self, model: ContextualModel, form: TokenForm, pool_words: str | None) -> None:
        self._model, self._form, self._pool_words = model, form, pool_words
        self._entry = model_entry(model, pool_words=pool_words) | {"layer": form.layers.name}

    def set(self, read: _Read, vectors: NDArray[np.float32]) -> None:
        """Set those of a record.

        Args:
            vectors: of its pieces, (T, layers, D).
        """
        record, pieces = read.record, read.pieces
        places, has_vector = pieces.places, np.ones(len(pieces.places), bool)
        if self._pool_words and read.words is not None:
            vectors, has_vector = pool(vectors, places, read.words, self._pool_words)
            places = read.words
        with np.errstate(over="ignore"):
            vectors = vectors.reshape(len(places), *self._form.layers.shape(self._model.dimension)).astype(
                self._form.dtype
            )
        if not np.isfinite(vectors[has_vector]).all():
            record.fail(RecordError("NotFinite", "the model's vectors hold NaN or infinity"))
            return
        tokens: list[dict[str, Any]] = [
            {"text": read.text[start:end], "start": start, "end": end} for start, end in places
        ]
        if not self._pool_words:
            for token, number in zip(tokens, pieces.ids, strict=True):
                token["piece"] = self._model.texts.piece(number)
        n_windows = len(self._model.windows(pieces)) if pieces.ids else 0
        counts = {"n_unknown": pieces.n_unknown, "n_without_vector": int(np.count_nonzero(~has_vector))}
        record.entry = {
            **self._entry,
            "n_tokens": len(pieces.ids),
            **{name: count for name, count in counts.items() if count},
        }
        record.entry |= {"n_windows": n_windows} if n_windows > 1 else {}
        own_text = {} if record.text == read.text else {"text": orjson.dumps(read.text)}
        if self._form.is_raw:
            record.results = {**own_text, FIELD: orjson.dumps(tokens), "": vectors.tobytes()}
            return
        for token, vector, is_there in zip(tokens, vectors, has_vector.tolist(), strict=True):
            token[self._form.field] = vector if is_there else None
        record.results = {**own_text, FIELD: orjson.dumps(tokens, option=orjson.OPT_SERIALIZE_NUMPY)}
