"""A text as the mean of its words' vectors, the frequent words counting less.

Source of the weights a / (a + p(w)): S. Arora, Y. Liang, T. Ma: A Simple but Tough-to-Beat Baseline for Sentence Embeddings
(ICLR 2017). Their second step, taking the common component of a whole corpus away, needs the corpus and is not done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.geometry.measures import USUAL
from nlptool.models.encoders.encoder import NO_KNOWN_WORD, Embeddings, Postprocess, dimension
from nlptool.models.runtime.prepare import Note
from nlptool.models.words import loading as word_loading
from nlptool.models.words.lookup import WordLookup
from nlptool.specs import EncoderSpec

_A = 1e-3  # the middle of what the paper tried


class WordEncoder:
    """Texts, or the tokens of texts, to vectors."""

    def __init__(self, lexicon: WordLookup, spec: EncoderSpec) -> None:
        self.dimension = spec.dim or lexicon.vectors.dimension
        self._lexicon = lexicon
        self._max_length = spec.max_length
        self._postprocess = Postprocess(spec, normalize=True)
        vectors = lexicon.vectors
        self._weights = np.ones(vectors.n_words, np.float32)
        if spec.weighting == "inverse-frequency":
            self._weights = _A / (_A + vectors.frequencies(np.arange(vectors.n_words)))

    def encode(self, texts: Sequence[Any]) -> Embeddings:
        """Embed texts, cut as the model's corpus was, or lists of tokens. A word that is not known is taken by its subwords,
        if the model has such, with the weight of a rare one. A text without a known word has zeros and ``n_tokens`` 0."""
        lexicon, ngrams = self._lexicon.vectors, self._lexicon.vectors.ngrams
        # Of all words of all texts, one behind the other; behind the vocabulary those of ``others``.
        places: list[int] = []
        others: list[NDArray[np.float32]] = []
        n_tokens, truncated, said = [], [], []
        for text in texts:
            words = self._words(text)
            truncated.append(self._max_length is not None and len(words) > self._max_length)
            start, n_unknown, n_others = len(places), 0, len(others)
            for word in words[: self._max_length]:
                place = lexicon.index(word)
                if place is None and ngrams is not None and (vector := ngrams.vector(word)) is not None:
                    place = lexicon.n_words + len(others)
                    others.append(vector)
                if place is None:
                    n_unknown += 1
                else:
                    places.append(place)
            n_tokens.append(len(places) - start)
            by_subwords = {"n_subwords": len(others) - n_others} if len(others) > n_others else {}
            said.append({"n_unknown": n_unknown, **by_subwords})
        vectors = _means(self._rows(np.asarray(places, np.int64), others), np.asarray(n_tokens))
        no_vector = {index: NO_KNOWN_WORD for index, n in enumerate(n_tokens) if not n}
        return Embeddings(self._postprocess(vectors), n_tokens, truncated, [1] * len(texts), said, no_vector)

    def _rows(self, places: NDArray[np.int64], others: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return the weighted vectors of words, (n, D)."""
        rows = np.empty((len(places), self._lexicon.vectors.dimension), np.float32)
        known = places < self._lexicon.vectors.n_words
        rows[known] = self._lexicon.vectors.vector(places[known]) * self._weights[places[known], None]
        if others:
            rows[~known] = np.stack(others)
        return rows

    def _words(self, text: Any) -> list[str]:
        if isinstance(text, str):
            return self._lexicon.tokenize(text)
        try:
            return self._lexicon.of_tokens(text)
        except ValueError:
            return []


def _means(rows: NDArray[np.float32], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the mean of each run of ``lengths`` rows; zeros for an empty run."""
    vectors = np.zeros((len(lengths), rows.shape[1]), np.float32)
    some = lengths > 0
    if some.any():
        starts = (np.cumsum(lengths) - lengths)[some]
        vectors[some] = np.add.reduceat(rows, starts, axis=0) / lengths[some, None]
    return vectors


@dataclass(frozen=True, slots=True)
class LocatedWordEncoder:
    """Word vectors that are ready to be opened as an encoder, here or in another process."""

    name: str
    spec: EncoderSpec
    dimension: int
    engine: str = "words"
    device: str = "cpu"
    prompt: str = ""
    takes_tokens: bool = True
    task: str | None = None
    measure: str = USUAL
    leaves_out_unknown: bool = True

    def open(self) -> WordEncoder:
        """Open the vectors."""
        return WordEncoder(
            WordLookup(word_loading.open_vectors(self.name, unicode_errors=self.spec.unicode_errors)), self.spec
        )


def locate(spec: EncoderSpec, *, note: Note) -> LocatedWordEncoder:
    """Check word vectors.

    Raises:
        ModelError: they are not there, or are damaged.
        RunError: a setting is for networks alone.
    """
    name = spec.model
    if spec.quantize or spec.engine != "auto" or spec.device not in ("auto", "cpu"):
        raise RunError(f"{name} are word vectors: --engine, --device and --quantize are for networks")
    if spec.prompt or spec.prompt_name or (spec.role and not spec.role_is_optional):
        raise RunError(f"{name} are word vectors, which take no prompt")
    vectors = word_loading.open_vectors(name, unicode_errors=spec.unicode_errors, note=note)
    return LocatedWordEncoder(name, spec, dimension(name, vectors.dimension, spec))
