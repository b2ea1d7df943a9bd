"""Word vectors in nlptool's own format: a folder that is opened in milliseconds and searched without being loaded.

    vectors.json   the manifest: format, precision, dimension, how words are cut, options, counts, versions, files
    vectors.npy    (V, D) unit vectors: float32, float16, or int8 (then scales.npy (V,) gives unit = int8 × scale)
    norms.npy      (V,) float32: the original lengths, so that unit × norm is the vector as it was trained
    counts.npy     (V,) int64: how often the word stood in the corpus, where that is known
    words.txt      UTF-8, a word a line, the most frequent first; a word may hold blanks, but no line break
    subwords.npy   (B, D) float32: fastText's vectors of character n-grams, where there are such

The matrix is read through the page cache block by block, and each block is given back: a query of 400,000 words takes a few
hundredths of a second, and no more memory than a block.

What this does not do: approximate search. Every answer is exact.
"""

from __future__ import annotations

import bisect
import functools
import json
import mmap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.geometry.top_k import TopK
from nlptool.models.store.kinds import VECTORS
from nlptool.models.words.ngrams import Ngrams
from nlptool.storage import folders, npy

MANIFEST = VECTORS.manifest
FORMAT = 1
_BLOCK = 4_000_000  # numbers of the matrix that are looked at together
_SCORES = 4_000_000  # scores that are computed together
_FEW = 32  # words that are looked up one by one before all of them are put into a dict
_COSMUL_EPSILON = 1e-6  # keeps the quotient finite, as in gensim

PRECISIONS = ("float32", "float16", "int8")


class WordVectors:
    """A folder of word vectors, open for queries.

    Raises:
        ModelError: it holds none, or is damaged.
    """

    def __init__(self, folder: Path, name: str = "") -> None:
        self.folder = folder
        self.name = name or str(folder)
        self.about = _manifest(folder)
        try:
            self._blob = b"\n" + (folder / "words.txt").read_bytes()
            self._blob.decode()
            self.vectors = npy.mapped(folder / "vectors.npy")
            self.n_words, self.dimension = self.vectors.shape
            self.norms = self._column("norms.npy")
            int8 = self.vectors.dtype == np.int8
            self._scales = self._column("scales.npy") if int8 else None
            self.counts = self._column("counts.npy") if (folder / "counts.npy").exists() else None
            if self._blob.count(b"\n") - 1 != self.n_words:
                raise ValueError("its files speak of different numbers of words")
        except (OSError, ValueError) as error:
            raise ModelError(f"{folder} is damaged: {error}", hint="make or fetch it again") from error
        self._n_looked_up = 0

    def _column(self, name: str) -> NDArray[Any]:
        """A number for each word."""
        column = npy.mapped(self.folder / name)
        if column.shape != (self.n_words,):
            raise ValueError("its files speak of different numbers of words")
        return column

    @functools.cached_property
    def words(self) -> list[str]:
        """All words, the most frequent first."""
        return self._blob.decode().split("\n")[1:-1]

    @functools.cached_property
    def _indices(self) -> dict[str, int]:
        return {word: index for index, word in enumerate(self.words)}

    @functools.cached_property
    def _line_ends(self) -> NDArray[np.int64]:
        return np.flatnonzero(np.frombuffer(self._blob, np.uint8) == ord("\n"))

    def word(self, index: int) -> str:
        start, end = self._line_ends[index : index + 2]
        return self._blob[start + 1 : end].decode()

    def index(self, word: str) -> int | None:
        """The place of ``word``, None if it is not there. The first few are searched in the bytes of the file: that takes a
        millisecond, and a dict of 400,000 words a hundred."""
        self._n_looked_up += 1
        if self._n_looked_up > _FEW:
            return self._indices.get(word)
        if "\n" in word:
            return None
        place = self._blob.find(b"\n%b\n" % word.encode(errors="surrogatepass"))
        return None if place < 0 else bisect.bisect_left(self._line_ends, place)

    def unit(self, indices: Sequence[int] | NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """The unit vectors of some words, (n, D); zeros where the vector itself is zero."""
        rows: NDArray[np.float32] = np.asarray(self.vectors[indices], np.float32)
        return rows if self._scales is None else rows * self._scales[indices, None]

    def frequencies(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """The share of words in the corpus, (n,); where counts are not known, by Zipf's law from their rank."""
        if self.counts is not None:
            return (self.counts[indices] / max(1, int(self.about.get("n_tokens") or self.counts.sum()))).astype(
                np.float32
            )
        harmonic = float(np.log(self.n_words) + np.euler_gamma)
        return (1 / ((indices + 1) * harmonic)).astype(np.float32)

    @functools.cached_property
    def ngrams(self) -> Ngrams | None:
        path = self.folder / "subwords.npy"
        if not path.exists():
            return None
        return Ngrams(npy.mapped(path), int(self.about["min_n"]), int(self.about["max_n"]))

    def blocks(self, stop: int, rows: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """The first ``stop`` unit vectors, in blocks of ``rows``: (index of the first, (n, D))."""
        for first in range(0, stop, rows):
            yield first, self.unit(slice(first, min(first + rows, stop)))
            _give_back(self.vectors)

    def nearest(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        exclude: Sequence[Sequence[int]] = (),
        restrict: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The words whose vectors have the largest cosine with each query (3CosAdd, for a sum of unit vectors).

        Args:
            queries: (Q, D), of unit length.
            exclude: for each query the words that are no answers.
            restrict: look at the first so many words alone.

        Returns:
            indices[i] and cosines[i], (Q, k) each, the largest first; -1 where there are fewer words.
        """
        return self._best(functools.partial(_products, queries), TopK(len(queries), k), 1, exclude, restrict)

    def nearest_by_product(
        self,
        positive: NDArray[np.float32],
        negative: NDArray[np.float32],
        k: int,
        *,
        exclude: Sequence[Sequence[int]] = (),
        restrict: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The same by 3CosMul: the product of the cosines with the ``positive`` over that with the ``negative``, each moved
        to [0, 1]. Scores are above zero and can be above one; larger is better.

        Source: O. Levy, Y. Goldberg: Linguistic Regularities in Sparse and Explicit Word Representations (CoNLL 2014),
        equation 4 and footnote 7.

        Args:
            positive: (Q, P, D) unit vectors.
            negative: (Q, N, D) unit vectors.
        """

        def scores(block: NDArray[np.float32], above: NDArray[np.float32]) -> NDArray[np.float32]:
            above[:] = 1
            below = np.ones_like(above)
            for total, terms in ((above, positive), (below, negative)):
                for term in np.moveaxis(terms, 1, 0):
                    total *= (1 + term @ block.T) / 2
            above /= below + np.float32(_COSMUL_EPSILON)
            return above

        n_arrays = 3 + positive.shape[1] + negative.shape[1]
        return self._best(scores, TopK(len(positive), k), n_arrays, exclude, restrict)

    def _best(
        self,
        score: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]],
        best: TopK,
        n_arrays: int,
        exclude: Sequence[Sequence[int]],
        restrict: int | None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        stop = min(restrict or self.n_words, self.n_words)
        left_out = [(row, index) for row, each in enumerate(exclude) for index in each]
        rows = np.asarray([row for row, _ in left_out], np.int64)
        columns = np.asarray([index for _, index in left_out], np.int64)
        size = max(256, min(_BLOCK // self.dimension, _SCORES // (n_arrays * best.n_rows)))
        # One for all blocks: fresh memory would cost as much as the product.
        room = np.empty(best.n_rows * size, np.float32)
        for first, block in self.blocks(stop, size):
            scores = score(block, room[: best.n_rows * len(block)].reshape(best.n_rows, len(block)))  # (Q, B)
            here = (columns >= first) & (columns < first + len(block))
            scores[rows[here], columns[here] - first] = -np.inf
            best.add(scores, first)
        return best.result()


@dataclass(slots=True)
class Parts:
    """What a folder of word vectors is made of."""

    words: Sequence[str]
    vectors: NDArray[Any]  # (V, D), as they were trained
    about: Mapping[str, Any]  # what the manifest says beyond the shape
    counts: NDArray[np.int64] | None = None
    ngrams: Ngrams | None = None
    precision: str = "float32"
    notes: list[str] = field(default_factory=list)


def write(folder: Path, parts: Parts) -> None:
    """Write a folder's files and its manifest, without the sizes and hashes that ``cache.seal`` adds."""
    vectors = np.asarray(parts.vectors)
    shape = vectors.shape
    norms = np.empty(shape[0], np.float32)
    dtype = np.dtype(parts.precision)
    scales = np.ones(shape[0], np.float32)
    with (folder / "vectors.npy").open("wb") as file:  # not mapped: a full disk would end the process, not the call
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for rows in _rows(vectors, norms, scales, int8=parts.precision == "int8"):
            file.write(rows.astype(dtype).tobytes())
    np.save(folder / "norms.npy", norms)
    if parts.precision == "int8":
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


def _rows(
    vectors: NDArray[Any], norms: NDArray[np.float32], scales: NDArray[np.float32], *, int8: bool
) -> Iterator[NDArray[np.float64]]:
    """Unit vectors, block by block, and their ``norms``; for int8 multiplied so that the largest component is 127, and what
    gives unit length again is put into ``scales``."""
    for start in range(0, len(vectors), 65_536):
        some = slice(start, start + 65_536)
        block = np.asarray(vectors[some], np.float64)
        lengths = np.linalg.norm(block, axis=1)
        norms[some] = lengths
        unit = block / np.where(lengths == 0, 1, lengths)[:, None]
        if int8:
            largest = np.abs(unit).max(axis=1)
            unit = np.rint(unit * (127 / np.where(largest == 0, 1, largest))[:, None])
            lengths = np.linalg.norm(unit, axis=1)  # so that the rounded vectors have unit length too
            scales[some] = 1 / np.where(lengths == 0, 1, lengths)
        yield unit


def is_folder(folder: Path) -> bool:
    """Whether it says that it holds word vectors."""
    return (folder / MANIFEST).is_file()


def _products(
    queries: NDArray[np.float32], block: NDArray[np.float32], out: NDArray[np.float32]
) -> NDArray[np.float32]:
    return np.matmul(queries, block.T, out=out)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelError(f"the folder {folder} holds no word vectors: it has no {MANIFEST}")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise ModelError(
                f"{folder} is of format {about['format']}, written by a newer nlptool", hint="update nlptool"
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is damaged: {error}", hint="make or fetch the vectors again") from error
    if not folders.is_whole(folder, MANIFEST):
        raise ModelError(f"{folder} is damaged: files are missing or cut off", hint="make or fetch the vectors again")
    return dict(about)


def _give_back(array: NDArray[Any]) -> None:
    """Tell the system that the pages of a mapped file are not needed for now; they stay in its cache."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None:
        mapped.madvise(mmap.MADV_DONTNEED)
