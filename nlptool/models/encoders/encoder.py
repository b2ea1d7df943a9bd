"""Sentence encoders: texts to vectors, in onnxruntime, or in torch where a model or a GPU needs it.

Method of the models: N. Reimers, I. Gurevych: Sentence-BERT (EMNLP 2019). The vectors are those of
``SentenceTransformer.encode``; only the way there is shorter: texts are sorted by their number of tokens and packed by a
token budget, and no framework is imported.

A model is located once (found, checked, converted) and then opened, in this process or in several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RecordError, RunError
from nlptool.geometry.top_k import normalize
from nlptool.models.encoders.tokenizer import EncoderTokenizer
from nlptool.models.runtime.batching import pack, pad
from nlptool.models.runtime.onnx import BATCH_TOKENS, session
from nlptool.specs import EncoderSpec

NO_KNOWN_PIECE = "no known piece"
"""Why a text has no vector: its pieces all stand for what the vocabulary lacks, or there are none."""

NO_KNOWN_WORD = "no known word"


@dataclass(frozen=True, slots=True)
class Embeddings:
    """vectors[i] is the embedding of text i: (N, D) float32, unit length if normalised."""

    vectors: NDArray[np.float32]
    n_tokens: list[int]  # those that were used, special tokens included
    truncated: list[bool]
    n_chunks: list[int]  # 1, or the number of pieces whose mean the vector is
    counts: list[dict[str, int]] | None = None  # what was not known as it stood: n_unknown, n_subwords, n_byte_fallback
    no_vector: Mapping[int, str] = field(default_factory=dict)  # a text whose vector means nothing -> the reason
    errors: Mapping[int, RecordError] = field(
        default_factory=dict
    )  # of texts at which the model fails; they have zeros


class Network(Protocol):
    """Token ids to vectors: ``network(input_ids, mask)``, both (B, T) int64, gives (B, D) float32."""

    engine: str
    dtype: str
    batch_tokens: int

    def __call__(self, input_ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]: ...


class Encoder:
    """Texts to vectors by a tokenizer and a network."""

    def __init__(
        self, tokenizer: EncoderTokenizer, network: Network, about: Mapping[str, Any], spec: EncoderSpec
    ) -> None:
        self.engine = network.engine
        self._postprocess = Postprocess.of_model(about, spec)
        self.dimension = self._postprocess.dimension(int(about["dimension"]))
        self._tokenizer = tokenizer
        self._network = network
        self._pad_id = int(about["pad_id"])
        self._network_dimension = int(about["dimension"])
        self._budget = 1 if spec.deterministic else spec.batch_tokens or network.batch_tokens

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Embed ``texts``; the order is kept."""
        tokenized = self._tokenizer.encode(texts)
        pieces = [piece for text in tokenized for piece in text.pieces]
        n_chunks = [len(text.pieces) for text in tokenized]
        counts, unread = self._tokenizer.count(texts, tokenized)
        vectors = self._vectors(pieces)
        if len(pieces) > len(texts):
            vectors = _means(vectors, n_chunks, weights=[len(piece) for piece in pieces])
        return Embeddings(
            self._postprocess(vectors),
            [text.n_tokens for text in tokenized],
            [text.truncated for text in tokenized],
            n_chunks,
            counts.said(),
            dict.fromkeys(unread, NO_KNOWN_PIECE),
        )

    def _vectors(self, pieces: list[list[int]]) -> NDArray[np.float32]:
        """Return what the network gives for each sequence: (P, D)."""
        vectors = np.empty((len(pieces), self._network_dimension), np.float32)
        for batch in pack([len(piece) for piece in pieces], self._budget):
            vectors[batch] = self._network(*pad([pieces[index] for index in batch], self._pad_id))
        return vectors


def dimension(name: str, of_network: int, spec: EncoderSpec, *, truncate_dim: int | None = None) -> int:
    """Return the number of components of an encoder's vectors.

    Args:
        truncate_dim: components that the model keeps where the spec does not say.

    Raises:
        RunError: the spec asks for more of them than the network gives.
    """
    if spec.dim is not None and spec.dim > of_network:
        raise RunError(f"{name} has {of_network} dimensions, fewer than {spec.dim}")
    return Postprocess(spec, normalize=False, truncate_dim=truncate_dim).dimension(of_network)


class Postprocess:
    """The last steps, after the network: the first components alone, unit length.

    The spec's number of components comes before the model's, as in sentence-transformers, and its vectors are normalised when
    they have been truncated. Those that the model itself truncates keep the length that is left of them, as there.

    Args:
        normalize: whether the model gives its vectors unit length.
        truncate_dim: components that the model keeps, None for all.
    """

    def __init__(self, spec: EncoderSpec, *, normalize: bool, truncate_dim: int | None = None) -> None:
        self.n_kept = spec.dim or truncate_dim
        self.is_normalized_whole = normalize and spec.normalize is None and spec.dim is None and self.n_kept is not None
        wanted = normalize if spec.normalize is None else spec.normalize
        self._is_normalized_last = wanted and not self.is_normalized_whole

    @classmethod
    def of_model(cls, about: Mapping[str, Any], spec: EncoderSpec) -> Postprocess:
        """Make the steps that a model's manifest describes: ``normalize`` and ``truncate_dim``."""
        return cls(spec, normalize=bool(about["normalize"]), truncate_dim=about.get("truncate_dim"))

    def dimension(self, of_network: int) -> int:
        """Return the number of components that are left of those that the network gives."""
        return min(self.n_kept or of_network, of_network)

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what is left of vectors (N, D)."""
        if self.is_normalized_whole:
            vectors = normalize(vectors)
        vectors = vectors[:, : self.n_kept]
        return normalize(vectors) if self._is_normalized_last else np.ascontiguousarray(vectors)


def _means(vectors: NDArray[np.float32], counts: list[int], weights: list[int]) -> NDArray[np.float32]:
    """Return the mean vector of the chunks of each text, weighted by their numbers of tokens."""
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
        """Run the network: (B, T) ids and mask to (B, D) vectors."""
        (vectors,) = self._session.run(None, {"input_ids": input_ids, "attention_mask": mask})
        return vectors  # type: ignore[no-any-return]
