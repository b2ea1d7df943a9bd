"""Search a corpus for the occurrences of a word whose vectors in context are nearest to that of a word in a query."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.errors import RecordError, RunError, WrongUsage
from nlptool.geometry.index_folder import is_index
from nlptool.geometry.measures import prepare
from nlptool.geometry.similarity import Vectors, nearest
from nlptool.models.contextual.pooling import MEAN, pool
from nlptool.models.japanese import words
from nlptool.models.runtime.one_by_one import failing
from nlptool.records.formats.record_rows import Layout
from nlptool.records.json_bytes import fields
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record, lone_surrogate
from nlptool.tasks.each_record import EachRecord, with_read
from nlptool.tasks.embed_tokens import Layers
from nlptool.tasks.embedded_records import refuse_binary
from nlptool.tasks.word_queries import query_result
from nlptool.text.occurrences import marked, occurrences, words_between_signs
from nlptool.text.scripts import LONE_SURROGATE, japanese
from nlptool.text.spans import Place

if TYPE_CHECKING:
    from nlptool.models.contextual.model import ContextualModel

_TOGETHER = 256  # texts of the corpus that are embedded together
_MEASURE = "cosine"
_SAMPLE = ("a", (0, 1))
_SIGNS = re.compile(r"^\W+|\W+$")  # which are part of a word between blanks


@dataclass(frozen=True, slots=True)
class Found:
    """Occurrences that a query is compared with.

    Attributes:
        vectors: (N, D) float32 of unit length.
        shown: what names each of them in an answer.
    """

    vectors: NDArray[np.float32]
    shown: Sequence[dict[str, Any]]


class TextCorpus:
    """The texts of files, in which occurrences are embedded when a query asks for them.

    Args:
        layers: whose vectors are compared.
    """

    def __init__(self, pipe: Pipe, model: ContextualModel, layers: Layers) -> None:
        self._model, self._layers = model, layers
        self._texts: list[tuple[dict[str, Any], str]] = []
        pipe.consume(self._read(pipe))
        self._known: dict[str | None, Found] = {}

    def _read(self, pipe: Pipe) -> Iterator[list[Record]]:
        for records in refuse_binary(pipe.read()):
            for record in records:
                if record.pending and record.text and not LONE_SURROGATE.search(record.text):
                    self._texts.append(({"index": record.number, **record.named()}, record.text))
            yield records

    def of(self, word: str | None) -> Found:
        """Return the occurrences of a word, or of all words."""
        key = None if word is None else word.casefold()
        if key not in self._known:
            self._known = {key: self._found(word)}  # those of another word are embedded anew
        return self._known[key]

    def _found(self, word: str | None) -> Found:
        spans = [occurrences(text, word) if word is not None else _all_words(text) for _, text in self._texts]
        with_spans = [number for number, of_text in enumerate(spans) if of_text]
        parts: list[NDArray[np.float32]] = []
        shown: list[dict[str, Any]] = []
        for first in range(0, len(with_spans), _TOGETHER):
            numbers = with_spans[first : first + _TOGETHER]
            texts = [self._texts[number][1] for number in numbers]
            with failing(self._model.name):
                found = vectors_at(self._model, texts, [spans[number] for number in numbers], self._layers)
            for number, vectors in zip(numbers, found, strict=True):
                rows = np.flatnonzero(np.isfinite(vectors).all(axis=1)).tolist()
                parts.append(vectors[rows])
                named, text = self._texts[number]
                places = (spans[number][row] for row in rows)
                shown += [
                    {**named, "text": text, "start": start, "end": end, "word": text[start:end]}
                    for start, end in places
                ]
        dimension = self._layers.shape(self._model.dimension)[0]
        joined = np.concatenate(parts) if parts else np.empty((0, dimension), np.float32)
        return Found(prepare(joined, _MEASURE), shown)


class NpzCorpus:
    """The words of an archive of ``nlptool embed --tokens --pool-words mean -f npz``, with their vectors.

    Raises:
        RunError: it is no such archive.
    """

    def __init__(self, path: str) -> None:
        try:
            with np.load(path, allow_pickle=False) as archive:
                about = {name: archive[name] for name in ("vectors", "texts", "records", "ids", "starts", "ends")}
                self.model, self.layer, pooled = (str(archive[name]) for name in ("model", "layer", "pool_words"))
        except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise RunError(f"{path} is no archive of nlptool embed --tokens, or is damaged: {reason}") from error
        if not pooled or about["vectors"].ndim != 2:
            raise RunError(
                f"{path} holds {'vectors of all layers' if pooled else 'pieces'}, and no vector for each word",
                hint="nlptool embed --tokens --pool-words mean -f npz",
            )
        vectors = prepare(about["vectors"].astype(np.float32), _MEASURE)
        rows = np.flatnonzero(np.isfinite(vectors).all(axis=1))
        self._vectors = vectors[rows]
        columns = [about[name][rows].tolist() for name in ("records", "ids", "starts", "ends", "texts")]
        names = ("index", "id", "start", "end", "word")
        self._shown = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        self._words = np.array([_SIGNS.sub("", str(each["word"])).casefold() for each in self._shown])

    def of(self, word: str | None) -> Found:
        """Return the occurrences of a word, or of all words."""
        if word is None:
            return Found(self._vectors, self._shown)
        rows = np.flatnonzero(self._words == word.casefold())
        return Found(self._vectors[rows], [self._shown[row] for row in rows])


def is_archive(path: str) -> bool:
    """Return whether a file is a ZIP archive, as an npz is, or is called so."""
    return Path(path).is_file() and (path.lower().endswith(".npz") or zipfile.is_zipfile(path))


def vectors_at(
    model: ContextualModel, texts: Sequence[str], spans: Sequence[Sequence[Place]], layers: Layers
) -> list[NDArray[np.float32]]:
    """Return the vectors (n, D) at spans of texts, the mean of those of their pieces; NaN where there is no piece."""
    read = model.read(texts)
    states = model.vectors(read, layers.numbers)
    return [
        pool(vectors.reshape(len(vectors), *layers.shape(model.dimension)), text.places, of_text, MEAN)[0]
        for vectors, text, of_text in zip(states, read, spans, strict=True)
    ]


def search_tokens(
    lists: Iterable[list[Record]],
    corpus: TextCorpus | NpzCorpus,
    model: ContextualModel,
    layers: Layers,
    *,
    k: int,
    memory: int,
    word: str | None = None,
    any_word: bool = False,
    threshold: float | None = None,
) -> Iterator[list[Record]]:
    """Give each record the ``k`` occurrences in the corpus that are nearest to the word of its query, by the cosine.

    Args:
        word: the word of every query; None: the one that is marked in it.
        any_word: all words of the corpus are compared, and not those alone that are spelled the same.
        memory: bytes of scores that may be held.
        threshold: leave out occurrences that are less similar.
    """
    entry = {"model": model.name, "layer": layers.name}

    def work(items: Sequence[tuple[Record, tuple[str, Place]]]) -> None:
        texts, places = [text for _, (text, _) in items], [[place] for _, (_, place) in items]
        for (record, (text, (start, end))), (vector,) in zip(
            items, vectors_at(model, texts, places, layers), strict=True
        ):
            if np.isnan(vector).any():
                raise RecordError("NoVector", f"{text[start:end]!r:.40} has no piece in the model's tokenizer")
            found = corpus.of(None if any_word else text[start:end])
            query = Vectors(prepare(vector[None], _MEASURE), _MEASURE)
            neighbors: list[dict[str, Any]] = []
            if len(found.vectors):
                for _, columns, scores in nearest(
                    query,
                    Vectors(found.vectors, _MEASURE),
                    min(k, len(found.vectors)),
                    memory=memory,
                    threshold=threshold,
                ):
                    neighbors = [
                        {**found.shown[row], "similarity": score}
                        for row, score in zip(columns[0].tolist(), scores[0], strict=True)
                        if row >= 0
                    ]
            record.results = {
                **query_result(record, text),
                "word": orjson.dumps(text[start:end]),
                "neighbors": orjson.dumps(neighbors, option=orjson.OPT_SERIALIZE_NUMPY),
            }
            record.entry = {**entry, "n_compared": len(found.vectors)}

    search_each = EachRecord(work, _SAMPLE, model=model)
    for records in lists:
        for item in with_read(records, lambda record: query_of(record, word)):
            search_each([item])
        yield records


def query_of(record: Record, word: str | None) -> tuple[str, Place]:
    """Return the text of a query and the place of its word: ``start`` and ``end`` of the record, the word that is marked, or the
    first occurrence of ``word``.

    Raises:
        RecordError: there is none.
    """
    values = fields(record.raw) if record.raw is not None else {}
    text = values.get("query", record.text)
    if not isinstance(text, str):
        raise RecordError("BadQuery", "`query` is not a string", hint="a record for each query")
    if lone := LONE_SURROGATE.search(text):
        raise lone_surrogate(lone)
    start, end = values.get("start"), values.get("end")
    if type(start) is int and type(end) is int:
        if not 0 <= start < end <= len(text):
            raise RecordError("BadQuery", f"start {start} and end {end} are not within the text")
        return text, (start, end)
    if (found := marked(text)) is not None:
        without_mark, (_, end) = found
        if (second := marked(without_mark[end:])) is not None:
            first, other = (each[start:stop] for each, (start, stop) in (found, second))
            message = f"two words are marked, {first!r:.40} and {other!r:.40}, and one is searched for"
            raise RecordError("TwoWords", message, hint="a query for each of them")
        return found
    if word is None:
        raise RecordError(
            "NoWord", "no word of the query is marked", hint="--word bank, or a mark: on the [[bank]] of a river"
        )
    places = occurrences(text, word)
    if not places:
        raise RecordError("NoWord", f"{word!r:.40} is not in the query {text!r:.60}")
    return text, places[0]


def open_corpus(pipe: Pipe, paths: Sequence[str], model: ContextualModel, layers: Layers) -> TextCorpus | NpzCorpus:
    """Read a corpus of texts, or an archive of vectors of words.

    Raises:
        WrongUsage: an archive stands beside other files.
        RunError: it was made by another model, of another layer, or the corpus is empty or an index.
    """
    for path in paths:
        if is_index(Path(path)):
            raise RunError(
                f"{path} is an index of texts, and has no vectors of their words",
                hint="--corpus takes the texts themselves here, or an .npz: "
                "nlptool embed --tokens --pool-words mean -f npz",
            )
    pipe.id_is_optional = True  # queries may be text
    if any(map(is_archive, paths)):
        if len(paths) > 1:
            raise WrongUsage("an .npz is searched alone, without other files beside it")
        corpus = NpzCorpus(paths[0])
        if (corpus.model, corpus.layer) != (model.name, str(layers.name)):
            raise RunError(
                f"{paths[0]} holds the vectors of layer {corpus.layer} of {corpus.model}",
                hint=f"-m {corpus.model} --layer {corpus.layer}",
            )
        return corpus
    with pipe.beside(*paths) as beside:
        return TextCorpus(beside, model, layers)


def _all_words(text: str) -> list[Place]:
    return words.places(text) if japanese().search(text) else words_between_signs(text)


LAYOUT = Layout(
    {"query": str, "word": str},
    answers="neighbors",
    answer_columns={
        "index": ("neighbor_index", int), "text": ("neighbor", str), "start": ("start", int), "end": ("end", int),
        "word": ("neighbor_word", str), "similarity": ("similarity", float),
    },
    prefix="neighbor_",
)  # fmt: skip
