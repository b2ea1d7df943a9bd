"""Write word vectors as a folder of nlptool's own format: see ``vectors``."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.words import readings
from nlptool.models.words.formats.common import short
from nlptool.models.words.four_bits import INT4, Encoder
from nlptool.models.words.ngrams import Ngrams
from nlptool.models.words.vectors import FORMAT, FORMAT_INT4, MANIFEST
from nlptool.storage import folders

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


def save(
    folder: Path,
    words: Sequence[str],
    vectors: NDArray[Any],
    *,
    counts: NDArray[np.int64] | None = None,
    precision: str = "float32",
    **about: Any,
) -> None:
    """Write word vectors to a new folder, which replaces an older one of word vectors as a whole or not at all.

    Args:
        words: V different words without line breaks, the most frequent first.
        vectors: (V, D), finite numbers.
        counts: (V,), frequencies in the corpus.
        precision: float32 | float16 | int8 | int4.
        about: fields of the manifest. Used of them are `tokenizer` (unidic, lemma, words or whitespace: how a query that is no
            word of the vocabulary is split), `dictionary` (as ``tokenizers.dictionary("unidic")`` gives it), `lowercase` (whether
            the words are) and `n_tokens` (of the corpus); `method`, `options`, `versions` and others are shown.

    Raises:
        RunError: the folder cannot be written, or something else is there.
        ModelError: as ``write``.
    """
    parts = Parts(words, vectors, about, counts, precision=precision)
    folders.replace_folder(folder, MANIFEST, lambda made: write(made, parts))


def write(folder: Path, parts: Parts) -> None:
    """Write the files of a folder and its manifest, without the sizes and hashes that ``folders.seal`` adds.

    Raises:
        ModelError: a word cannot be written, the numbers of words and vectors differ, or (int4) a number is not finite.
    """
    vectors = np.asarray(parts.vectors)
    n_words, dimension = vectors.shape
    if len(parts.words) != n_words or (parts.counts is not None and len(parts.counts) != n_words):
        raise ModelError(
            f"{len(parts.words):,} words, {n_words:,} vectors: their numbers, or that of the counts, differ"
        )
    text = _text(parts.words)
    is_int4 = parts.precision == INT4
    about: dict[str, Any] = {"format": FORMAT_INT4 if is_int4 else FORMAT}
    about |= {"n_words": n_words, "dimension": dimension, "precision": parts.precision}
    dtype, width = np.dtype("uint8" if is_int4 else parts.precision), dimension
    encode: _Encode = functools.partial(_stored, precision=parts.precision)
    if is_int4:
        encoder = Encoder.fitted(vectors)
        width, encode = -(-dimension // 2), encoder.encode
        about["levels"] = list(encoder.grid.levels)
        np.save(folder / "columns.npy", encoder.columns)
    norms, scales = np.empty(n_words), np.ones(n_words, np.float32)
    with (folder / "vectors.npy").open("wb") as file:  # a full disk would end a process that maps it, with SIGBUS
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (n_words, width)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, n_words, _ROWS):
            part = slice(start, start + _ROWS)
            rows, norms[part], scales[part] = encode(np.asarray(vectors[part], np.float32))
            file.write(rows.astype(dtype).tobytes())
    np.save(folder / "norms.npy", _small(norms) if is_int4 else norms)
    if is_int4 or (scales != 1).any():
        np.save(folder / "scales.npy", scales)
    if parts.counts is not None:
        counts = np.asarray(parts.counts, np.int64)
        np.save(folder / "counts.npy", _small(counts) if is_int4 else counts)
    (folder / "words.txt").write_bytes(text)
    if (hashes := readings.of_words(parts.words, parts.about.get("dictionary"))) is not None:
        np.save(folder / "readings.npy", hashes)
    about |= parts.about
    if parts.ngrams is not None:
        np.save(folder / "subwords.npy", parts.ngrams.vectors)
        about |= {"min_n": parts.ngrams.min_n, "max_n": parts.ngrams.max_n}
    if parts.notes:
        about["notes"] = parts.notes
    (folder / MANIFEST).write_text(json.dumps(about, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _text(words: Sequence[str]) -> bytes:
    """Return words.txt.

    Raises:
        ModelError: a word holds what a line of UTF-8 cannot.
    """
    text = "".join(f"{word}\n" for word in words)
    if text.count("\n") > len(words):
        word = next(word for word in words if "\n" in word)
        raise ModelError(f"the word {short(word)} holds a line break: a vocabulary has one word a line")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        word = text[text.rfind("\n", 0, error.start) + 1 : text.find("\n", error.start)]
        raise ModelError(f"the word {short(word)} holds half a character (a lone surrogate)") from error


def _small(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return int64 as uint32, or float64 as float32, where that holds every number (of floats: to its precision)."""
    if numbers.dtype.kind == "i":
        fits = not numbers.size or (numbers.min() >= 0 and numbers.max() < 2**32)
        return numbers.astype(np.uint32) if fits else numbers
    positive = numbers[numbers > 0]
    limits = np.finfo(np.float32)
    fits = not positive.size or (positive.min() >= limits.tiny and positive.max() <= limits.max)
    return numbers.astype(np.float32) if fits else numbers


_Encode = Callable[[NDArray[np.float32]], tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]]


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
