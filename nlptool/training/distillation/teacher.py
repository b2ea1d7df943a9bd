"""The teacher's vectors, kept on the disk, and the student's targets computed from them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.geometry.top_k import normalize
from nlptool.text.scripts import is_japanese

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
Report = Callable[[str, int, int, str], None]
"""Called with label, done, total and unit as the work goes on."""

_CHUNK = 2048  # texts that are embedded together


def teach(
    encode: Encode, texts: Sequence[str], path: Path, dimension: int, report: Callable[[int, int], None]
) -> NDArray[np.float16]:
    """Return the teacher's vectors of ``texts``, (N, D) float16, memory-mapped from ``path``; rows that the file has already
    are not computed again.

    Raises:
        RunError: a vector is not finite, or too long for float16.
        OSError: the file cannot be written.
    """
    row_size = 2 * dimension  # bytes
    path.touch()
    with path.open("r+b") as file:  # no append mode: two trainings on the same text may write the same rows
        n_done = file.seek(0, os.SEEK_END) // row_size
        if n_done < len(texts):
            n_done -= n_done % _CHUNK  # so that the batches are those of a training that was not interrupted
        file.truncate(file.seek(n_done * row_size))
        for start in range(n_done, len(texts), _CHUNK):
            report(start, len(texts))
            with np.errstate(over="ignore"):
                vectors = encode(texts[start : start + _CHUNK]).astype(np.float16)
            if not np.isfinite(vectors).all():
                raise RunError("a vector of the teacher's holds NaN, infinity, or a number beyond 65,504")
            file.write(vectors.tobytes())
            file.flush()
    return np.memmap(path, np.float16, "r", shape=(len(texts), dimension))


@dataclass(frozen=True, slots=True)
class Space:
    """The student's space: the teacher's, centred for each language, in fewer dimensions.

    A multilingual teacher separates its languages by a constant vector, which a student does not need; and its cosines are in
    a narrow range (0.7 to 1 for E5) as long as every vector contains the mean of all texts.
    """

    means: NDArray[np.float32]  # (2, D): of texts without kana and kanji, of Japanese ones
    axes: NDArray[np.float32]  # (D, dim)

    def centred(self, texts: Sequence[str], vectors: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the vectors of texts minus the mean of their language, (N, D) float32."""
        return np.asarray(vectors - self.means[_languages(texts)], np.float32)

    def targets(self, centred: NDArray[np.float32], translations: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the student's target for each text, (N, dim) float32, unit length.

        Args:
            translations: (P, 2), indices of texts that are translations: both get the mean of the two.
        """
        rows = normalize(centred @ self.axes)
        sums = rows.copy()
        for side in (0, 1):
            np.add.at(sums, translations[:, side], rows[translations[:, 1 - side]])
        return normalize(sums)


def space(texts: Sequence[str], vectors: NDArray[np.floating], dim: int) -> Space:
    """Return the space of the means of the languages and the first ``dim`` principal axes of the centred vectors."""
    languages = _languages(texts)
    masks = [languages == language for language in (0, 1)]
    if not all(mask.any() for mask in masks):
        masks = [np.ones(len(vectors), bool)] * 2
    means = np.stack([vectors[mask].mean(axis=0, dtype=np.float32) for mask in masks])
    rows = vectors - means[languages]
    _, axes = np.linalg.eigh(rows.T @ rows)  # ascending
    return Space(means, np.ascontiguousarray(axes[:, ::-1][:, :dim], np.float32))


def _languages(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return 1 for Japanese texts and 0 for others, (N,)."""
    return np.array([is_japanese((text,)) for text in texts], np.int64)
