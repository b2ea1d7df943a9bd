"""Sentence encoders: texts to vectors, in onnxruntime, or in torch where a model or a GPU needs it.

Method of the models: N. Reimers, I. Gurevych: Sentence-BERT (EMNLP 2019). The vectors are those of
``SentenceTransformer.encode``; only the way there is shorter: texts are sorted by their number of tokens and packed by a
token budget, and no framework is imported.

A model is prepared once (found, checked, converted) and then opened, in this process or in several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry.top_k import normalized
from nlptool.models.encoders.tokenizer import EncoderTokenizer
from nlptool.models.runtime.batching import pack
from nlptool.models.runtime.onnx import BATCH_TOKENS, session


@dataclass(frozen=True, slots=True)
class Embeddings:
    """vectors[i] is the embedding of text i: (N, D) float32, unit length if normalised."""

    vectors: NDArray[np.float32]
    n_tokens: list[int]  # those that were used, special tokens included
    truncated: list[bool]
    n_chunks: list[int]  # 1, or the number of pieces whose mean the vector is
    words: list[dict[str, int]] | None = None  # of word vectors: how many words were not known as they stood


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """What can be chosen of an encoder."""

    normalize: bool | None = None  # unit length or not; as the model says unless given
    max_length: int | None = None  # tokens; a longer text is cut
    chunk: bool = False  # or taken in chunks, and their mean used
    dim: int | None = None  # the first components alone
    prompt: str | None = None  # before every text
    role: str | None = None  # query | document: the prompt of that name
    lenient_role: bool = False  # a model without such a prompt is no error, and the default one needs no note
    batch_tokens: int | None = None  # tokens computed together; as the network likes it unless given
    threads: int = 0  # 0: all
    weighting: str = "inverse-frequency"  # or none: of the words, where the model is word vectors
    deterministic: bool = False  # every text is computed alone, so that no neighbour or padding changes the last digits


class Network(Protocol):
    """Token ids to vectors: ``network(input_ids, mask)``, both (B, T) int64, gives (B, D) float32."""

    engine: str
    dtype: str
    batch_tokens: int

    def __call__(self, input_ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]: ...


class Encoder:
    """Texts to vectors by a tokenizer and a network."""

    def __init__(
        self, subwords: EncoderTokenizer, network: Network, about: Mapping[str, Any], settings: EncoderSettings
    ) -> None:
        self.engine = network.engine
        self.dimension = settings.dim or int(about["dimension"])
        self._subwords = subwords
        self._network = network
        self._pad_id = int(about["pad_id"])
        self._width = int(about["dimension"])  # of what the network gives
        self._shape = Postprocess(about, settings)
        self._budget = 1 if settings.deterministic else settings.batch_tokens or network.batch_tokens

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Embed ``texts``; the order is kept."""
        found = self._subwords.encode(texts)
        pieces = [piece for each in found for piece in each.pieces]
        n_chunks = [len(each.pieces) for each in found]
        vectors = self._vectors(pieces)
        if len(pieces) > len(texts):
            vectors = _means(vectors, n_chunks, weights=[len(piece) for piece in pieces])
        return Embeddings(
            self._shape(vectors), [each.n_tokens for each in found], [each.truncated for each in found], n_chunks
        )

    def _vectors(self, pieces: list[list[int]]) -> NDArray[np.float32]:
        lengths = [len(piece) for piece in pieces]
        vectors = np.empty((len(pieces), self._width), np.float32)
        for batch in pack(lengths, self._budget):
            input_ids = np.full((len(batch), max(1, lengths[batch[0]])), self._pad_id, np.int64)  # (B, T)
            mask = np.zeros_like(input_ids)
            for row, index in enumerate(batch):
                input_ids[row, : lengths[index]] = pieces[index]
                mask[row, : lengths[index]] = 1
            vectors[batch] = self._network(input_ids, mask)
        return vectors


class Postprocess:
    """The last steps, after the network: the first components alone, unit length."""

    def __init__(self, about: Mapping[str, Any], settings: EncoderSettings) -> None:
        self._normalize = bool(about["normalize"]) if settings.normalize is None else settings.normalize
        self._dim = settings.dim

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        vectors = vectors[:, : self._dim]
        return normalized(vectors) if self._normalize else np.ascontiguousarray(vectors)


def _means(vectors: NDArray[np.float32], counts: list[int], weights: list[int]) -> NDArray[np.float32]:
    """The mean of each text's chunks, a chunk counting as its tokens."""
    starts = np.cumsum([0, *counts[:-1]])
    shares = np.asarray(weights, np.float32)[:, None]
    sums = np.add.reduceat(vectors * shares, starts) / np.add.reduceat(shares, starts)
    return sums.astype(np.float32, copy=False)


class OnnxNetwork:
    """An encoder: ids to vectors. The arguments are those of ``session``."""

    engine = "onnx"
    dtype = "float32"
    batch_tokens = BATCH_TOKENS

    def __init__(self, graph: Path, weights: Path, *, threads: int = 0, deterministic: bool = False) -> None:
        self._session = session(graph, weights, threads=threads, deterministic=deterministic)

    def __call__(self, input_ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """(B, T) ids and mask to (B, D) vectors."""
        (vectors,) = self._session.run(None, {"input_ids": input_ids, "attention_mask": mask})
        return vectors  # type: ignore[no-any-return]
