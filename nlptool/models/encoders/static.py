"""A text as the mean of its tokens' vectors, looked up in a table: no network, no torch, no onnxruntime.

The layout is that of sentence-transformers' ``StaticEmbedding``: ``tokenizer.json`` and ``model.safetensors`` with the table,
as model2vec writes it too (https://github.com/MinishLab/model2vec). The vectors are those of ``SentenceTransformer.encode``, or,
of a folder of model2vec, those of ``StaticModel.encode``, which leaves out unknown tokens and cuts long texts.

Nearly all the time goes into the tokenizer, so the rest is made of few and large steps: texts of like length are looked up
together, a part at a time that stays in the processor's cache, and summed over their tokens. A text's sum does not depend
on its neighbours, so every result is byte-identical whatever stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.catalog import Known
from nlptool.errors import ModelError, RunError
from nlptool.geometry.measures import USUAL
from nlptool.models.encoders import encoder as encoders
from nlptool.models.encoders import prompts
from nlptool.models.encoders.encoder import NO_KNOWN_PIECE, Embeddings, Postprocess
from nlptool.models.encoders.unknown import PieceCounter, unknown_id
from nlptool.models.runtime.prepare import FoundModel, Note
from nlptool.models.runtime.tokenizers import read_tokenizer
from nlptool.models.store import model2vec_folder, model_folder, sentence_transformers_config
from nlptool.models.store.model2vec_folder import Model2Vec
from nlptool.specs import EncoderSpec
from nlptool.storage import safetensors

_TEXTS = 1024  # that are tokenized together: the ids of more of them would fall out of the processor's cache
_FLOATS = 1 << 18  # 1 MB of rows that are looked up together
_AGAIN = "download the model again"


class StaticEncoder:
    """Texts to the means of their tokens' rows.

    Args:
        tokenizer: a ``tokenizers.Tokenizer``. Special tokens are not added; its own truncation stays, as in
            sentence-transformers.
        table: table[id] is the vector of a token, (V, D) float32.
        normalize: unit length, unless the spec says otherwise.
        truncate_dim: components that are kept, unless the spec says otherwise.
        of_model2vec: what a folder of model2vec chooses. Its limit counts, not that of the tokenizer.
        prompt: stands before every text.
    """

    engine = "static"

    def __init__(
        self,
        tokenizer: Any,
        table: NDArray[np.float32],
        spec: EncoderSpec,
        *,
        normalize: bool = False,
        truncate_dim: int | None = None,
        of_model2vec: Model2Vec | None = None,
        prompt: str = "",
    ) -> None:
        self._postprocess = Postprocess(spec, normalize=normalize, truncate_dim=truncate_dim)
        self.dimension = self._postprocess.dimension(table.shape[1])
        self._width = table.shape[1] if self._postprocess.is_normalized_whole else self.dimension
        self._tokenizer = tokenizer
        self._table = np.ascontiguousarray(table[:, : self._width])
        self._prompt = prompt
        own: Mapping[str, Any] = tokenizer.truncation or {}
        if of_model2vec is not None:
            own = {"max_length": of_model2vec.max_length}
        self._limit = min(filter(None, (spec.max_length, own.get("max_length"))), default=None)
        self._keeps_end = own.get("direction") == "left"
        self._chunk = spec.chunk
        self._left_out, self._n_characters = None, None
        if of_model2vec is not None:
            self._left_out = _unknown_id(tokenizer)
            if self._limit is not None and not self._chunk:
                self._n_characters = self._limit * int(np.median([len(token) for token in tokenizer.get_vocab()]))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._counter = PieceCounter(tokenizer)
        self._every = self._counter.count([tokenizer.encode(prompt, add_special_tokens=False).ids])
        tokenizer.post_processor = None  # it would add special tokens, which are not wanted, and takes its time

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Embed ``texts``; the order is kept. A text without tokens that count has zeros.

        The mean over chunks that count as their tokens is the mean over all tokens: a text is not cut to be taken in chunks.
        """
        vectors = np.empty((len(texts), self.dimension), np.float32)
        lengths, n_summed = np.empty(len(texts), np.intp), np.empty(len(texts), np.intp)
        counts: list[dict[str, int]] = []
        no_vector: dict[int, str] = {}
        parts = [slice(start, start + _TEXTS) for start in range(0, len(texts), _TEXTS)]
        for part, encodings in zip(parts, _ahead(self._encodings, [texts[part] for part in parts]), strict=True):
            ids = [encoding.ids for encoding in encodings]
            lengths[part] = whole = np.fromiter(map(len, ids), np.intp, len(ids))
            starts = np.cumsum(whole) - whole
            used = self._used(whole)
            flat = np.fromiter(chain.from_iterable(ids), np.intp, whole.sum())
            starts += whole - used if self._keeps_end else 0
            means = self._means(*self._without_unknown(flat, starts, used, n_summed[part]))
            counted = self._counter.count_runs(flat, starts, used) - self._every
            counts += counted.said()
            unread = (part.start + np.flatnonzero(counted.known == 0)).tolist()
            no_vector |= {index: NO_KNOWN_PIECE for index in unread if not self._is_known(texts[index])}
            vectors[part] = self._postprocess(means)
        n_chunks = np.ones_like(lengths)
        if self._chunk and self._limit:
            n_chunks = np.maximum(1, -(-lengths // self._limit))
        truncated = self._used(lengths) < lengths
        if self._n_characters is not None:
            n_characters = np.fromiter(map(len, texts), np.intp, len(texts)) + len(self._prompt)
            truncated |= n_characters > self._n_characters
        return Embeddings(vectors, n_summed.tolist(), truncated.tolist(), n_chunks.tolist(), counts, no_vector)

    def _without_unknown(
        self, ids: NDArray[np.intp], starts: NDArray[np.intp], lengths: NDArray[np.intp], n_left: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Return the arguments without the tokens that are left out, and write the new lengths into ``n_left`` too."""
        n_left[:] = lengths
        if self._left_out is None or not (is_left_out := ids == self._left_out).any():
            return ids, starts, lengths
        places = np.concatenate([[0], np.cumsum(~is_left_out)])  # of each token among those that stay
        n_left[:] = places[starts + lengths] - places[starts]
        return ids[~is_left_out], places[starts], n_left

    def _is_known(self, text: str) -> bool:
        """Return whether the vocabulary has a piece of a text without the prompt, whose last piece may go on into the text."""
        return bool(self._counter.count([self._tokenizer.encode(text, add_special_tokens=False).ids]).known[0])

    def _encodings(self, texts: Sequence[str]) -> Any:
        whole = [self._prompt + text for text in texts] if self._prompt else list(texts)
        if self._n_characters is not None:
            whole = [text[: self._n_characters] for text in whole]
        return self._tokenizer.encode_batch_fast(whole, add_special_tokens=False)

    def _used(self, lengths: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return how many tokens of each text are used."""
        return lengths if self._limit is None or self._chunk else np.minimum(lengths, self._limit)

    def _means(self, ids: NDArray[np.intp], starts: NDArray[np.intp], lengths: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the means (N, D): means[i] is that of the rows of ids[starts[i] : starts[i] + lengths[i]]."""
        means = np.zeros((len(lengths), self._width), np.float32)
        capacity = max(1, _FLOATS // self._width)
        rows = np.empty((min(capacity, len(ids)), self._width), np.float32)

        def sums(places: NDArray[np.intp]) -> NDArray[np.float32]:
            """Sum the rows of ids[places], (B, T), over T: (B, D)."""
            found = rows[: places.size]
            np.take(self._table, ids[places.ravel()], axis=0, out=found, mode="clip")  # "raise" would copy once more
            total: NDArray[np.float32] = found.reshape(*places.shape, -1).sum(axis=1)
            return total

        for length, group in _by_length(lengths, capacity):
            places = starts[group, None] + np.arange(length)
            total = sums(places[:, :capacity])
            for first in range(capacity, length, capacity):
                total += sums(places[:, first : first + capacity])
            total /= length
            means[group] = total
        return means


def _ahead(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
    """Do as ``map`` does, with the next result made by another thread while the last one is used."""
    if len(items) < 2:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(function, items[0])
        for item in items[1:]:
            found, waiting = waiting.result(), thread.submit(function, item)
            yield found
        yield waiting.result()


def _by_length(lengths: NDArray[np.intp], capacity: int) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield the indices of texts of one length, of at most ``capacity`` tokens together; texts without tokens are left out."""
    order = np.argsort(lengths, kind="stable")
    ends = np.flatnonzero(np.diff(lengths[order], append=-1)) + 1
    start = 0
    for end in ends.tolist():
        length = int(lengths[order[start]])
        if length:
            size = max(1, capacity // length)
            for first in range(start, end, size):
                yield length, order[first : min(end, first + size)]
        start = end


@dataclass(frozen=True, slots=True)
class LocatedStaticEncoder:
    """A table of token vectors that is ready to be opened as an encoder, here or in another process."""

    name: str
    spec: EncoderSpec
    dimension: int
    prompt: str
    normalize: bool
    truncate_dim: int | None
    weights: Path  # folder with tokenizer.json and model.safetensors
    engine: str = "static"
    device: str = "cpu"
    takes_tokens: bool = False
    task: str | None = None
    measure: str = USUAL
    leaves_out_unknown: bool = False
    of_model2vec: Model2Vec | None = None

    def open(self) -> StaticEncoder:
        """Read the table and the tokenizer.

        Raises:
            ModelError: they are damaged, or do not belong together.
        """
        table = read_table(self.weights / "model.safetensors")
        tokenizer = read_tokenizer(self.weights / "tokenizer.json", threads=self.spec.threads)
        _check_tokenizer(tokenizer, len(table), self.weights)
        return StaticEncoder(
            tokenizer, table, self.spec, normalize=self.normalize, truncate_dim=self.truncate_dim,
            of_model2vec=self.of_model2vec, prompt=self.prompt,
        )  # fmt: skip


def locate(found: FoundModel, spec: EncoderSpec, *, like: Known | None, note: Note) -> LocatedStaticEncoder:
    """Check a model of whose folder ``model_folder.is_static`` is true.

    Args:
        like: what is known of the model beside what its files say.

    Raises:
        ModelError: it is damaged, or the engine is none for it.
        RunError: a setting does not go with it.
    """
    name, folder = found.name, found.folder
    if spec.quantize:
        raise RunError(f"{name} is a table of token vectors: --quantize is for networks")
    if spec.engine != "auto" or spec.device not in ("auto", "cpu"):
        engine = "onnxruntime" if spec.engine == "onnx" else "torch"
        raise ModelError(
            f"{name} does not run in {engine}: it is a table of token vectors", hint="--engine auto needs none"
        )
    kinds, parts = zip(*model_folder.modules(folder), strict=True)
    weights = folder / parts[0]
    if not (weights / "tokenizer.json").is_file():
        raise ModelError(f"{weights} has no tokenizer.json", hint=_AGAIN)
    path = weights / "model.safetensors"
    about = prompts.with_quirks(sentence_transformers_config.choices(folder), like)
    truncate_dim = about.get("truncate_dim")
    of_model2vec = model2vec_folder.find(folder)
    is_unit = kinds[-1] == "Normalize"
    if of_model2vec is not None and of_model2vec.normalize is not None:
        is_unit = of_model2vec.normalize
    of_table = _shape_of(path, safetensors.header(path))[1]
    return LocatedStaticEncoder(
        name=name,
        spec=spec,
        dimension=encoders.dimension(name, of_table, spec, truncate_dim=truncate_dim),
        prompt=prompts.choose(name, about, spec, note=note),
        normalize=is_unit,
        truncate_dim=truncate_dim,
        weights=weights,
        measure=about.get("measure", USUAL),
        leaves_out_unknown=of_model2vec is not None,
        of_model2vec=of_model2vec,
    )


def read_table(path: Path) -> NDArray[np.float32]:
    """Return the vectors of the tokens, table[id]: (V, D) float32. A table in float32 is mapped into memory, any other
    converted: numpy takes longer to convert the rows of a thousand texts than the few thousand rows of a usual table.

    model2vec's tables can have fewer rows than there are tokens (``mapping``), and a weight for each token (``weights``).

    Raises:
        ModelError: the file holds no such table, or a number in it is none.
    """
    header = safetensors.header(path)
    name, _ = sentence_transformers_config.token_table(header), _shape_of(path, header)
    table = safetensors.read(path, str(name))
    if "mapping" in header:
        rows = safetensors.read(path, "mapping")
        if rows.ndim != 1 or rows.dtype.kind != "i" or not len(rows) or rows.min() < 0 or rows.max() >= len(table):
            raise ModelError(f"{path} is damaged: its mapping names rows that the table does not have", hint=_AGAIN)
        table = table[rows]
    table = table.astype(np.float32, copy=False)
    if "weights" in header:
        weights = safetensors.read(path, "weights")
        if weights.shape != table.shape[:1]:
            raise ModelError(f"{path} is damaged: {weights.shape} weights for {len(table):,} tokens", hint=_AGAIN)
        table = table * weights.astype(np.float32)[:, None]
    if not (np.isfinite(table.max()) and np.isfinite(table.min())):  # takes no memory, unlike isfinite of all
        row = int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])
        raise ModelError(f"{path} is damaged: the vector of token {row:,} holds NaN or infinity", hint=_AGAIN)
    return table


def _shape_of(path: Path, header: Mapping[str, Any]) -> tuple[int, int]:
    """Return the shape (V, D) of the table of token vectors; a ModelError if there is no such table."""
    name = sentence_transformers_config.token_table(header)
    if name is None:
        raise ModelError(
            f"{path} holds no table of token vectors: {', '.join(sentence_transformers_config.TABLES)} is not in it",
            hint=_AGAIN,
        )
    shape = header[name].get("shape")
    if not (isinstance(shape, list) and len(shape) == 2 and all(isinstance(n, int) and n > 0 for n in shape)):
        raise ModelError(f"{path} is damaged: {name} has the shape {shape}", hint=_AGAIN)
    dtype = str(header[name].get("dtype"))
    if not dtype.removeprefix("B").startswith("F") and (name, dtype) != (model2vec_folder.TABLE, "I8"):
        raise ModelError(f"{path} holds {name} as {header[name].get('dtype')}: it must be F32, F16 or BF16")
    return shape[0], shape[1]


def _unknown_id(tokenizer: Any) -> int | None:
    """Return the id of the token that model2vec leaves out: the one for what the vocabulary lacks."""
    found = unknown_id(tokenizer)
    if found is None and not hasattr(tokenizer.model, "unk_token"):  # Unigram, which spells it in bytes
        found = tokenizer.token_to_id("<unk>")
    return found


def _check_tokenizer(tokenizer: Any, n_rows: int, folder: Path) -> None:
    """Refuse a tokenizer with ids that the table has no row for, or that fails at characters that it does not know."""
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if largest >= n_rows:
        raise ModelError(
            f"the tokenizer of {folder} does not belong to this model: its ids go up to {largest:,}, and the table has"
            f" {n_rows:,} rows",
            hint=_AGAIN,
        )
    try:
        tokenizer.encode("\U0010fffd")  # one for private use
    except Exception as error:  # the library raises bare Exception
        raise ModelError(f"{folder / 'tokenizer.json'} fails at a character that it does not know: {error}") from error
