"""Small word vectors for the tests, in nlptool's format."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nlptool.models.words import vectors as word_vectors
from nlptool.models.words.ngrams import Ngrams
from nlptool.models.words.saving import Parts
from nlptool.models.words.saving import write as write_parts
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
    folders.replace_folder(folder, word_vectors.MANIFEST, lambda work: write_parts(work, parts))
    return folder


def random(n_words: int, dimension: int, seed: int = 7) -> tuple[list[str], np.ndarray]:
    """Words and vectors of very different lengths."""
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(n_words, dimension)) * generator.gamma(2, 2, size=(n_words, 1))
    return [f"w{index}" for index in range(n_words)], vectors.astype(np.float32)


def write_unit_vectors(folder: Path, vectors: Any, words: Sequence[str] = WORDS, *, int8: bool = False) -> Path:
    """A sealed folder as nlptool wrote it in its first format: unit vectors, and their lengths in float32."""
    folder.mkdir()
    exact = np.asarray(vectors, np.float64)
    lengths = np.linalg.norm(exact, axis=1)
    units = exact / lengths[:, None]
    if int8:
        units = np.rint(units * (127 / np.abs(units).max(axis=1))[:, None])
        np.save(folder / "scales.npy", (1 / np.linalg.norm(units, axis=1)).astype(np.float32))
    np.save(folder / "vectors.npy", units.astype(np.int8 if int8 else np.float32))
    np.save(folder / "norms.npy", lengths.astype(np.float32))
    (folder / "words.txt").write_text("".join(f"{word}\n" for word in words))
    about = {
        "format": 1,
        "n_words": len(words),
        "dimension": exact.shape[1],
        "precision": "int8" if int8 else "float32",
    }
    (folder / word_vectors.MANIFEST).write_text(json.dumps(about))
    folders.seal(folder, word_vectors.MANIFEST)
    return folder
