"""What a teacher says of texts, kept on the disk, and what a student is to say of them."""

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
"""Told what is done, how much of it, of how much, of what."""

_TOGETHER = 2048  # texts between two reports


def teach(
    encode: Encode, texts: Sequence[str], path: Path, dimension: int, report: Callable[[int, int], None]
) -> NDArray[np.float16]:
    """The teacher's vectors of ``texts``, (N, D), mapped from ``path``; those that the file has already are not made again.

    Raises:
        RunError: a vector is not finite, or too long for float16.
        OSError: the file cannot be written.
    """
    width = 2 * dimension  # bytes of a row
    path.touch()
    with path.open("r+b") as file:  # not to append: two trainings on the same text may write the same rows
        n_there = file.seek(0, os.SEEK_END) // width
        file.truncate(file.seek(n_there * width))
        for start in range(n_there, len(texts), _TOGETHER):
            report(start, len(texts))
            with np.errstate(over="ignore"):
                vectors = encode(texts[start : start + _TOGETHER]).astype(np.float16)
            if not np.isfinite(vectors).all():
                raise RunError("a vector of the teacher's holds NaN, infinity, or a number beyond 65,504")
            file.write(vectors.tobytes())
            file.flush()
    return np.memmap(path, np.float16, "r", shape=(len(texts), dimension))


@dataclass(frozen=True, slots=True)
class Space:
    """The student's space: the teacher's without what all texts of a language share, and in fewer dimensions.

    A multilingual teacher keeps its languages apart by a constant, which a student has no use for; and its cosines lie
    close together (0.7 to 1 for E5) as long as the mean of all texts is in every vector.
    """

    means: NDArray[np.float32]  # (2, D): of texts without kana and kanji, of Japanese ones
    axes: NDArray[np.float32]  # (D, dim)

    def centred(self, texts: Sequence[str], vectors: NDArray[np.floating]) -> NDArray[np.float32]:
        """(N, D) vectors of texts without the mean of their language."""
        return np.asarray(vectors - self.means[_languages(texts)], np.float32)

    def targets(self, centred: NDArray[np.float32], translations: NDArray[np.int64]) -> NDArray[np.float32]:
        """What a student is to say of each text: (N, dim), unit length.

        Args:
            translations: (P, 2), indices of texts that mean the same: both get the mean of the two.
        """
        rows = normalize(centred @ self.axes)
        together = rows.copy()
        for side in (0, 1):
            np.add.at(together, translations[:, side], rows[translations[:, 1 - side]])
        return normalize(together)


def space(texts: Sequence[str], vectors: NDArray[np.floating], dim: int) -> Space:
    """The means of the languages, and the first ``dim`` principal axes around them."""
    languages = _languages(texts)
    all_of_them = vectors.mean(axis=0, dtype=np.float32)
    means = [vectors[languages == each].mean(axis=0, dtype=np.float32) for each in (0, 1) if (languages == each).any()]
    of_each = np.stack(means if len(means) == 2 else [all_of_them, all_of_them])
    rows = vectors - of_each[languages]
    _, axes = np.linalg.eigh(rows.T @ rows)  # ascending
    return Space(of_each, np.ascontiguousarray(axes[:, ::-1][:, :dim], np.float32))


def _languages(texts: Sequence[str]) -> NDArray[np.int64]:
    return np.array([is_japanese((text,)) for text in texts], np.int64)
