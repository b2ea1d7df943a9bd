"""Write word vectors as a folder of nlptool's own format: see ``vectors``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.models.words.ngrams import Ngrams
from nlptool.models.words.vectors import FORMAT, MANIFEST

_ROWS = 65_536  # that are written at a time
_SHORT = 2.0**-60
"""If no component of a vector is larger than this, the products with them are near or below float32's smallest numbers."""


@dataclass(slots=True)
class Parts:
    """The content of a folder of word vectors."""

    words: Sequence[str]
    vectors: NDArray[Any]  # (V, D), as they were trained
    about: Mapping[str, Any]  # further fields of the manifest
    counts: NDArray[np.int64] | None = None
    ngrams: Ngrams | None = None
    precision: str = "float32"
    notes: list[str] = field(default_factory=list)


def write(folder: Path, parts: Parts) -> None:
    """Write the files of a folder and its manifest, without the sizes and hashes that ``folders.seal`` adds."""
    vectors = np.asarray(parts.vectors)
    shape = vectors.shape
    norms, scales = np.empty(shape[0]), np.ones(shape[0], np.float32)
    dtype = np.dtype(parts.precision)
    with (folder / "vectors.npy").open("wb") as file:  # a full disk would end a process that maps it, with SIGBUS
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, shape[0], _ROWS):
            part = slice(start, start + _ROWS)
            rows, norms[part], scales[part] = _stored(np.asarray(vectors[part], np.float32), parts.precision)
            file.write(rows.astype(dtype).tobytes())
    np.save(folder / "norms.npy", norms)
    if (scales != 1).any():
        np.save(folder / "scales.npy", scales)
    if parts.counts is not None:
        np.save(folder / "counts.npy", np.asarray(parts.counts, np.int64))
    about = {"format": FORMAT, "n_words": shape[0], "dimension": shape[1], "precision": parts.precision}
    about |= parts.about
    if parts.ngrams is not None:
        np.save(folder / "subwords.npy", parts.ngrams.vectors)
        about |= {"min_n": parts.ngrams.min_n, "max_n": parts.ngrams.max_n}
    (folder / "words.txt").write_text("".join(f"{word}\n" for word in parts.words), encoding="utf-8")
    if parts.notes:
        about["notes"] = parts.notes
    (folder / MANIFEST).write_text(json.dumps(about, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _stored(
    vectors: NDArray[np.float32], precision: str
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]:
    """Return what is stored of vectors (n, D): rows (n, D) that, times the scales (n,), are the vectors; their lengths (n,).

    int8: the largest component of a row is 127, and its scale restores the length. float16: the scales are powers of two, with
    which no number of 11 bits is rounded and none is too large. float32: the scales are 1, but for vectors so short that the
    products with them would be lost; theirs are powers of two.
    """
    exact = vectors.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1)
    largest = np.abs(exact).max(axis=1, initial=0)
    if precision == "int8":
        rows = np.rint(exact * (127 / np.where(largest == 0, 1, largest))[:, None])
        rounded = np.linalg.norm(rows, axis=1)
        return rows, lengths, np.where(rounded == 0, 1, lengths / np.where(rounded == 0, 1, rounded))
    scales = np.ldexp(1.0, np.frexp(largest)[1] - 1)  # the largest component is then between 1 and 2
    scaled = largest > 0
    if precision == "float32":
        scaled &= largest < _SHORT
        if not scaled.any():
            return vectors, lengths, np.ones(len(vectors))
    scales[~scaled] = 1
    return exact / scales[:, None], lengths, scales
