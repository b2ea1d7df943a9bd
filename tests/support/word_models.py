"""Small word vectors for the tests, in nlptool's format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nlptool.models.words import vectors as word_vectors
from nlptool.models.words.ngrams import Ngrams
from nlptool.models.words.vectors import Parts
from nlptool.storage import folders

WORDS = ("the", "king", "queen", "man", "woman", "猫", "New York", "cafe\u0301", "a\u00a0b", "犬")


def write(
    folder: Path,
    vectors: Any,
    words: Sequence[str] = WORDS,
    *,
    counts: Any = None,
    precision: str = "float32",
    ngrams: Ngrams | None = None,
    **about: Any,
) -> Path:
    """A sealed folder with ``vectors`` (V, D)."""
    parts = Parts(list(words), np.asarray(vectors, np.float32), about, counts, ngrams, precision)
    folders.replace_folder(folder, word_vectors.MANIFEST, lambda work: word_vectors.write(work, parts))
    return folder


def random(n_words: int, dimension: int, seed: int = 7) -> tuple[list[str], np.ndarray]:
    """Words and vectors of very different lengths."""
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(n_words, dimension)) * generator.gamma(2, 2, size=(n_words, 1))
    return [f"w{index}" for index in range(n_words)], vectors.astype(np.float32)
