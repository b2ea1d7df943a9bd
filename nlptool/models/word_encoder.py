"""A text as the mean of its words' vectors, the frequent words counting less.

Source of the weights a / (a + p(w)): S. Arora, Y. Liang, T. Ma: A Simple but Tough-to-Beat Baseline for Sentence Embeddings
(ICLR 2017). Their second step, taking the common component of a whole corpus away, needs the corpus and is not done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlptool.errors import RunError
from nlptool.models import word_models
from nlptool.models.encoder import Embeddings, Settings, Shape
from nlptool.models.lexicon import Lexicon

_A = 1e-3  # the middle of what the paper tried


class WordEncoder:
    """Texts, or the tokens of texts, to vectors."""

    def __init__(self, lexicon: Lexicon, settings: Settings) -> None:
        self.dimension = settings.dim or lexicon.vectors.dimension
        self._lexicon = lexicon
        self._max_length = settings.max_length
        self._shape = Shape({"normalize": True}, settings)
        vectors = lexicon.vectors
        self._weights = np.ones(vectors.n_words, np.float32)
        if settings.weighting == "inverse-frequency":
            self._weights = _A / (_A + vectors.frequencies(np.arange(vectors.n_words)))
        self._weights *= vectors.norms  # what is looked up are unit vectors

    def encode(self, texts: Sequence[Any]) -> Embeddings:
        """Embed texts, cut as the model's corpus was, or lists of tokens. A text without a known word has zeros and
        ``n_tokens`` 0."""
        places, n_tokens, n_unknown, truncated = [], [], [], []
        for text in texts:
            words = self._words(text)
            truncated.append(self._max_length is not None and len(words) > self._max_length)
            found = [self._lexicon.vectors.index(word) for word in words[: self._max_length]]
            known = [place for place in found if place is not None]
            places += known
            n_tokens.append(len(known))
            n_unknown.append(len(found) - len(known))
        rows = self._lexicon.vectors.unit(places) * self._weights[places, None]  # (all words, D)
        vectors = np.zeros((len(texts), rows.shape[1]), np.float32)
        lengths = np.asarray(n_tokens)
        if len(rows):
            starts = (np.cumsum(lengths) - lengths)[lengths > 0]
            vectors[lengths > 0] = np.add.reduceat(rows, starts, axis=0) / lengths[lengths > 0, None]
        return Embeddings(self._shape(vectors), n_tokens, truncated, [1] * len(texts), n_unknown)

    def _words(self, text: Any) -> list[str]:
        if isinstance(text, str):
            return self._lexicon.cut(text)
        try:
            return self._lexicon.of_tokens(text)
        except ValueError:
            return []


@dataclass(frozen=True, slots=True)
class Prepared:
    """Word vectors that are ready to be opened as an encoder, here or in another process."""

    name: str
    settings: Settings
    dimension: int
    engine: str = "words"
    device: str = "cpu"
    prompt: str = ""
    takes_tokens: bool = True

    def open(self) -> WordEncoder:
        return WordEncoder(Lexicon(word_models.open_vectors(self.name)), self.settings)


def prepare(
    name: str, settings: Settings, *, engine: str, device: str, quantize: bool, note: Callable[[str], None]
) -> Prepared:
    """
    Raises:
        ModelError: the word vectors are not there, or are damaged.
        RunError: a setting is for networks alone.
    """
    if quantize or engine != "auto" or device not in ("auto", "cpu"):
        raise RunError(f"{name} are word vectors: --engine, --device and --quantize are for networks")
    if settings.prompt or settings.role:
        raise RunError(f"{name} are word vectors, which take no prompt")
    vectors = word_models.open_vectors(name, note=note)
    if settings.dim is not None and settings.dim > vectors.dimension:
        raise RunError(f"{name} has {vectors.dimension} dimensions, fewer than {settings.dim}")
    return Prepared(name, settings, settings.dim or vectors.dimension)
