"""Word vectors in nlptool's own format: a folder that opens in milliseconds and is searched without being loaded.

    vectors.json   the manifest: format, precision, dimension, tokenizer, options, counts, versions, files
    vectors.npy    (V, D) float32: the vectors as they were trained, bit for bit; or float16, or int8
    scales.npy     (V,) float32: vectors.npy × scales.npy are the vectors; absent if all scales are 1
    norms.npy      (V,) float64: the lengths of the vectors as they were trained
    counts.npy     (V,) int64: frequencies in the corpus, if known
    words.txt      UTF-8, one word a line, the most frequent first; a word may contain blanks, but no line break
    readings.npy   (V,) uint16: hashes of the readings of Japanese words, if there are any: see ``readings``
    subwords.npy   (B, D) float32: fastText's vectors of character n-grams, if there are any

This is format 2. Format 3 holds int4 vectors, two numbers a byte, and is written for these alone, so that an older nlptool says
what it lacks:

    vectors.npy    (V, ceil(D / 2)) uint8: see ``four_bits``; the manifest has the 16 `levels`
    columns.npy    (D,) float32: levels × columns.npy × scales.npy are the unit vectors
    norms.npy      (V,) float32, or float64 if a length is too large or too small for it
    counts.npy     (V,) uint32, or int64 if a count is too large for it

Format 1, which is read too, kept unit vectors in vectors.npy (times scales.npy, with int8), and their original lengths as float32
in norms.npy.

The matrix is memory-mapped and read block by block; the pages of a block are released after use. A query over 400,000 words takes
a few hundredths of a second, and the memory of one block. Search is exact. The products of a query with the vectors of a block
are made cosines afterwards, which costs one multiplication for each word, not for each number.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.geometry.top_k import TopK
from nlptool.models.store import own_writers
from nlptool.models.store.kinds import VECTORS
from nlptool.models.words import rows
from nlptool.models.words.four_bits import INT4
from nlptool.models.words.ngrams import Ngrams
from nlptool.models.words.word_list import WordList
from nlptool.storage import folders, json_files, npy

MANIFEST = VECTORS.manifest
FORMAT, FORMAT_INT4, FORMATS = 2, 3, (1, 2, 3)
"""What is written, what is written of int4 vectors, and what is read."""
_BLOCK_NUMBERS = 4_000_000  # numbers of a block of the matrix
_BLOCK_SCORES = 4_000_000  # scores of a block
_COSMUL_EPSILON = 1e-6  # keeps the quotient finite, as in gensim
_KINDS = {
    "tokenizer": str, "dictionary": str, "lowercase": bool, "n_tokens": int, "min_n": int, "max_n": int, "notes": list,
}  # fmt: skip
"""The types of the fields that are used of a manifest."""


class WordVectors:
    """An open folder of word vectors.

    Attributes:
        about: the manifest.
        norms: (V,), the lengths of the vectors as they were trained.
        counts: (V,) whole numbers, or None.
        readings: (V,) uint16, or None: see ``readings``.
        precision: float32 | float16 | int8 | int4, of the numbers in the folder.

    Raises:
        ModelError: the folder holds no word vectors, or damaged ones.
    """

    def __init__(self, folder: Path, name: str = "") -> None:
        self.folder = folder
        self.name = name or str(folder)
        self.about = _manifest(folder)
        try:
            self._words = WordList(folder / "words.txt")
            self._stored = rows.opened(folder, self.about)
            self.precision = self._stored.precision
            self.n_words, self.dimension = self._stored.shape
            self.norms = self._column("norms.npy")
            has_scales = self.precision == INT4 or (folder / "scales.npy").exists()
            self._scales = self._column("scales.npy") if has_scales else None
            self.counts = self._column("counts.npy", "iu") if (folder / "counts.npy").exists() else None
            self.readings = self._column("readings.npy", "u") if (folder / "readings.npy").exists() else None
            if len(self._words) != self.n_words:
                raise ValueError("its files speak of different numbers of words")
        except (OSError, ValueError) as error:
            raise ModelError(f"{folder} is damaged: {error}", hint="make or fetch it again") from error
        self._is_unit = self.precision == INT4 or self.about["format"] == 1  # what is stored, times the scales

    def _column(self, name: str, kinds: str = "f") -> NDArray[Any]:
        """Map a file with one number for each word, (V,), of one of the ``kinds`` of NumPy's types."""
        column = npy.mapped(self.folder / name)
        if column.shape != (self.n_words,):
            raise ValueError("its files speak of different numbers of words")
        if column.dtype.kind not in kinds:
            raise ValueError(f"{name} holds {column.dtype}")
        return column

    @property
    def words(self) -> list[str]:
        """All words, the most frequent first."""
        return self._words.words

    def word(self, index: int) -> str:
        """Return the word at an index."""
        return self._words.word(index)

    def index(self, word: str) -> int | None:
        """Return the index of ``word``, None if it is unknown."""
        return self._words.index(word)

    def vector(self, indices: Sequence[int] | NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """Return the vectors of words as they were trained, (n, D) float32, as far as the precision of the folder keeps them."""
        if self.precision != INT4:
            return self._scaled(indices, self._to_vector)
        largest = np.finfo(np.float32).max  # which a rounded number can pass
        found = self.unit(indices) * np.asarray(self.norms)[indices, None]
        return np.asarray(np.clip(found, -largest, largest, out=found), np.float32)

    @property
    def loss(self) -> str:
        """How ``vector`` differs from what was trained, for a note; "" for bit by bit the same."""
        if self.precision == INT4:
            return "its numbers are rounded to 4 bits: the cosine of a vector with the trained one is about 0.996"
        if self.precision == "int8":
            return "its numbers are rounded to 8 bits: to within about 0.4 % of the largest of their vector"
        if self.precision == "float16":
            return "its numbers are rounded to 16 bits: to within 0.05 %"
        if self._is_unit:
            return "it was written by an older nlptool, which kept unit vectors: the last digits can differ from the trained ones"
        return ""

    def unit(self, indices: Sequence[int] | NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """Return the unit vectors of words, (n, D) float32; a vector of zeros stays."""
        return self._scaled(indices, self._to_unit)

    def _scaled(
        self, indices: Sequence[int] | NDArray[np.int64] | slice, factors: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        found = self._stored.read(indices)
        if self._stored.columns is not None:
            found *= self._stored.columns
        return found if factors is None else found * factors[indices, None]

    @functools.cached_property
    def _to_vector(self) -> NDArray[np.float32] | None:
        """What the stored rows are multiplied by to give the vectors, (V,); None for 1."""
        if not self._is_unit:
            return self._scales
        return np.asarray(self.norms if self._scales is None else self.norms * self._scales, np.float32)

    @functools.cached_property
    def _to_unit(self) -> NDArray[np.float32] | None:
        """What the stored rows are multiplied by to give unit vectors, (V,); None for 1."""
        if self._is_unit:
            return self._scales
        scales = 1.0 if self._scales is None else self._scales
        with np.errstate(over="ignore"):  # of lengths that are damaged
            factors = np.divide(scales, self.norms, out=np.zeros(self.n_words), where=self.norms > 0)
            return np.asarray(factors, np.float32)

    def frequencies(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the relative frequencies of words, (n,) float32; by Zipf's law from their ranks if the counts are unknown."""
        if self.counts is not None:
            return (self.counts[indices] / max(1, int(self.about.get("n_tokens") or self.counts.sum()))).astype(
                np.float32
            )
        harmonic = float(np.log(self.n_words) + np.euler_gamma)
        return (1 / ((indices + 1) * harmonic)).astype(np.float32)

    @functools.cached_property
    def ngrams(self) -> Ngrams | None:
        """fastText's n-grams, if there are any."""
        path = self.folder / "subwords.npy"
        if not path.exists():
            return None
        try:
            rows = npy.mapped(path)
            if rows.shape[1:] != (self.dimension,) or not len(rows) or rows.dtype.kind != "f":
                raise ValueError("subwords.npy holds no vectors of the words' dimension")
            return Ngrams(rows, self.about["min_n"], self.about["max_n"])
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"{self.folder} is damaged: {error}", hint="make or fetch it again") from error

    def _blocks(self, stop: int, size: int) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32] | None]]:
        """Yield the first ``stop`` words in blocks of ``size``: the index of the first, the stored rows (n, D) in float32, and
        what their products are multiplied by to be those of unit vectors, (n,)."""
        buffer = self._stored.buffer(min(size, stop))
        for first in range(0, stop, size):
            part = slice(first, min(first + size, stop))
            yield (
                first,
                self._stored.read(part, buffer),
                None if self._to_unit is None else self._to_unit[part],
            )
            self._stored.release()

    def nearest(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        exclude: Sequence[Sequence[int]] = (),
        restrict: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the words with the largest cosine with each query (3CosAdd, for a sum of unit vectors).

        Args:
            queries: (Q, D) float32 unit vectors.
            exclude: for each query the indices of words that are no answers.
            restrict: search the first so many words only.

        Returns:
            indices[i][j] int64 and cosines[i][j] float32, (Q, k), largest first; -1 if there are fewer words.
        """
        queries = self._for_rows(queries)
        return self._best(functools.partial(_cosines, queries), TopK(len(queries), k), 1, exclude, restrict)

    def _for_rows(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return queries (..., D) whose products with the stored rows are those of ``queries`` with rows × columns."""
        return queries if self._stored.columns is None else queries * self._stored.columns

    def nearest_by_product(
        self,
        positive: NDArray[np.float32],
        negative: NDArray[np.float32],
        k: int,
        *,
        exclude: Sequence[Sequence[int]] = (),
        restrict: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the best words by 3CosMul: the product of the cosines with ``positive`` over that of the cosines with
        ``negative``, each cosine mapped to [0, 1]. Scores are positive and can exceed 1; larger is better.

        Source: O. Levy, Y. Goldberg: Linguistic Regularities in Sparse and Explicit Word Representations (CoNLL 2014),
        equation 4 and footnote 7.

        Args:
            positive: (Q, P, D) unit vectors.
            negative: (Q, N, D) unit vectors.
        """
        positive, negative = self._for_rows(positive), self._for_rows(negative)

        def scores(
            block: NDArray[np.float32], factors: NDArray[np.float32] | None, out: NDArray[np.float32]
        ) -> NDArray[np.float32]:
            out[:] = 1
            divisor = np.ones_like(out)
            cosines = np.empty_like(out)
            for product, terms in ((out, positive), (divisor, negative)):
                for term in np.moveaxis(terms, 1, 0):  # (Q, D)
                    product *= (1 + _cosines(term, block, factors, cosines)) / 2
            out /= divisor + np.float32(_COSMUL_EPSILON)
            return out

        n_arrays = 3 + positive.shape[1] + negative.shape[1]
        return self._best(scores, TopK(len(positive), k), n_arrays, exclude, restrict)

    def _best(
        self,
        score: _Score,
        best: TopK,
        n_arrays: int,
        exclude: Sequence[Sequence[int]],
        restrict: int | None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the best words of all blocks.

        Args:
            score: takes a block (B, D), the factors of its words (B,) and a buffer, and returns the scores (Q, B).
            n_arrays: arrays of the size of the scores that ``score`` needs.
        """
        stop = min(restrict or self.n_words, self.n_words)
        excluded = [(row, index) for row, indices in enumerate(exclude) for index in indices]
        rows = np.asarray([row for row, _ in excluded], np.int64)
        columns = np.asarray([index for _, index in excluded], np.int64)
        size = max(256, min(_BLOCK_NUMBERS // self.dimension, _BLOCK_SCORES // (n_arrays * best.n_rows)))
        # One buffer for all blocks: new memory would cost as much as the product.
        buffer = np.empty(best.n_rows * size, np.float32)
        for first, block, factors in self._blocks(stop, size):
            out = buffer[: best.n_rows * len(block)].reshape(best.n_rows, len(block))
            scores = score(block, factors, out)  # (Q, B)
            in_block = (columns >= first) & (columns < first + len(block))
            scores[rows[in_block], columns[in_block] - first] = -np.inf
            best.add(scores, first)
        return best.result()


def is_folder(folder: Path) -> bool:
    """Return whether a folder has the manifest of word vectors."""
    return (folder / MANIFEST).is_file()


_Score = Callable[[NDArray[np.float32], NDArray[np.float32] | None, NDArray[np.float32]], NDArray[np.float32]]


def _cosines(
    queries: NDArray[np.float32],
    block: NDArray[np.float32],
    factors: NDArray[np.float32] | None,
    out: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the cosines of unit vectors (Q, D) with the words of a block, (Q, B), in ``out``."""
    if len(queries) == 1:  # BLAS would wait for its threads, which do not help here, and for long on a busy machine
        np.einsum("qd,bd->qb", queries, block, out=out)
    else:
        np.matmul(queries, block.T, out=out)
    return out if factors is None else np.multiply(out, factors, out=out)


def _manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest; a ModelError if there is none, or a newer or damaged one."""
    path = folder / MANIFEST
    if not path.is_file():
        own_writers.refuse(folder)
        raise ModelError(f"the folder {folder} holds no word vectors: it has no {MANIFEST}")
    try:
        about = json_files.read_object(path, ["format"], kinds=_KINDS)
        if (version := about["format"]) not in FORMATS:
            if not isinstance(version, int):
                raise ValueError(f"it is of format {version!r}")
            raise ModelError(f"{folder} is of format {version}, written by a newer nlptool", hint="update nlptool")
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}", hint="make or fetch the vectors again") from error
    if not folders.is_whole(folder, MANIFEST):
        raise ModelError(f"{folder} is damaged: files are missing or cut off", hint="make or fetch the vectors again")
    return about
