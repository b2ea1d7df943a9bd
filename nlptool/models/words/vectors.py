"""Word vectors in nlptool's own format: a folder that opens in milliseconds and is searched without being loaded.

    vectors.json   the manifest: format, precision, dimension, tokenizer, options, counts, versions, files
    vectors.npy    (V, D) unit vectors: float32, float16, or int8 (then scales.npy (V,) gives unit = int8 × scale)
    norms.npy      (V,) float32: the original lengths; unit × norm is the vector as it was trained
    counts.npy     (V,) int64: frequencies in the corpus, if known
    words.txt      UTF-8, one word a line, the most frequent first; a word may contain blanks, but no line break
    subwords.npy   (B, D) float32: fastText's vectors of character n-grams, if there are any

The matrix is memory-mapped and read block by block; the pages of a block are released after use. A query over 400,000 words takes
a few hundredths of a second, and the memory of one block. Search is exact.
"""

from __future__ import annotations

import bisect
import functools
import json
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
from nlptool.storage import folders, json_files, npy

MANIFEST = VECTORS.manifest
FORMAT = 1
_BLOCK_NUMBERS = 4_000_000  # numbers of a block of the matrix
_BLOCK_SCORES = 4_000_000  # scores of a block
_FEW = 32  # lookups without a dict of all words
_COSMUL_EPSILON = 1e-6  # keeps the quotient finite, as in gensim
PRECISIONS = ("float32", "float16", "int8")
_KINDS = {
    "tokenizer": str, "dictionary": str, "lowercase": bool, "n_tokens": int, "min_n": int, "max_n": int, "notes": list,
}  # fmt: skip
"""The types of the fields that are used of a manifest."""


class WordVectors:
    """An open folder of word vectors.

    Attributes:
        vectors: (V, D), memory-mapped.
        norms: (V,) float32.
        counts: (V,) int64, or None.

    Raises:
        ModelError: the folder holds no word vectors, or damaged ones.
    """

    def __init__(self, folder: Path, name: str = "") -> None:
        self.folder = folder
        self.name = name or str(folder)
        self.about = _manifest(folder)
        try:
            self._blob = b"\n" + (folder / "words.txt").read_bytes()
            self._blob.decode()
            self.vectors = npy.mapped(folder / "vectors.npy")
            int8 = self.vectors.dtype == np.int8
            if self.vectors.ndim != 2 or not self.vectors.size or not (int8 or self.vectors.dtype.kind == "f"):
                raise ValueError("vectors.npy holds no vectors")
            self.n_words, self.dimension = self.vectors.shape
            self.norms = self._column("norms.npy")
            self._scales = self._column("scales.npy") if int8 else None
            self.counts = self._column("counts.npy", "iu") if (folder / "counts.npy").exists() else None
            if self._blob.count(b"\n") - 1 != self.n_words:
                raise ValueError("its files speak of different numbers of words")
        except (OSError, ValueError) as error:
            raise ModelError(f"{folder} is damaged: {error}", hint="make or fetch it again") from error
        self._n_looked_up = 0

    def _column(self, name: str, kinds: str = "f") -> NDArray[Any]:
        """Map a file with one number for each word, (V,), of one of the ``kinds`` of NumPy's types."""
        column = npy.mapped(self.folder / name)
        if column.shape != (self.n_words,):
            raise ValueError("its files speak of different numbers of words")
        if column.dtype.kind not in kinds:
            raise ValueError(f"{name} holds {column.dtype}")
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
        """Return the word at an index."""
        start, end = self._line_ends[index : index + 2]
        return self._blob[start + 1 : end].decode()

    def index(self, word: str) -> int | None:
        """Return the index of ``word``, None if it is unknown. The first few words are searched for in the bytes of the file:
        that takes a millisecond, a dict of 400,000 words a hundred."""
        self._n_looked_up += 1
        if self._n_looked_up > _FEW:
            return self._indices.get(word)
        if "\n" in word:
            return None
        offset = self._blob.find(b"\n%b\n" % word.encode(errors="surrogatepass"))
        return None if offset < 0 else bisect.bisect_left(self._line_ends, offset)

    def unit(self, indices: Sequence[int] | NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """Return the unit vectors of words, (n, D) float32; a vector of zeros stays."""
        rows: NDArray[np.float32] = np.asarray(self.vectors[indices], np.float32)
        return rows if self._scales is None else rows * self._scales[indices, None]

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

    def blocks(self, stop: int, rows: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the first ``stop`` unit vectors in blocks of ``rows``: the index of the first, and (n, D) float32."""
        for first in range(0, stop, rows):
            yield first, self.unit(slice(first, min(first + rows, stop)))
            npy.release(self.vectors)

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
        """Find the best words by 3CosMul: the product of the cosines with ``positive`` over that of the cosines with
        ``negative``, each cosine mapped to [0, 1]. Scores are positive and can exceed 1; larger is better.

        Source: O. Levy, Y. Goldberg: Linguistic Regularities in Sparse and Explicit Word Representations (CoNLL 2014),
        equation 4 and footnote 7.

        Args:
            positive: (Q, P, D) unit vectors.
            negative: (Q, N, D) unit vectors.
        """

        def scores(block: NDArray[np.float32], out: NDArray[np.float32]) -> NDArray[np.float32]:
            out[:] = 1
            divisor = np.ones_like(out)
            for product, terms in ((out, positive), (divisor, negative)):
                for term in np.moveaxis(terms, 1, 0):  # (Q, D)
                    product *= (1 + term @ block.T) / 2
            out /= divisor + np.float32(_COSMUL_EPSILON)
            return out

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
        """Return the best words of all blocks.

        Args:
            score: takes a block (B, D) and a buffer, and returns the scores (Q, B).
            n_arrays: arrays of the size of the scores that ``score`` needs.
        """
        stop = min(restrict or self.n_words, self.n_words)
        excluded = [(row, index) for row, indices in enumerate(exclude) for index in indices]
        rows = np.asarray([row for row, _ in excluded], np.int64)
        columns = np.asarray([index for _, index in excluded], np.int64)
        size = max(256, min(_BLOCK_NUMBERS // self.dimension, _BLOCK_SCORES // (n_arrays * best.n_rows)))
        # One buffer for all blocks: new memory would cost as much as the product.
        buffer = np.empty(best.n_rows * size, np.float32)
        for first, block in self.blocks(stop, size):
            scores = score(block, buffer[: best.n_rows * len(block)].reshape(best.n_rows, len(block)))  # (Q, B)
            in_block = (columns >= first) & (columns < first + len(block))
            scores[rows[in_block], columns[in_block] - first] = -np.inf
            best.add(scores, first)
        return best.result()


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
    norms = np.empty(shape[0], np.float32)
    dtype = np.dtype(parts.precision)
    scales = np.ones(shape[0], np.float32)
    with (folder / "vectors.npy").open("wb") as file:  # a full disk would end a process that maps it, with SIGBUS
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
    """Yield the unit vectors in blocks (n, D) and fill in their ``norms``. For int8 they are scaled so that the largest component
    is 127, and ``scales`` holds the factors that restore unit length."""
    for start in range(0, len(vectors), 65_536):
        part = slice(start, start + 65_536)
        block = np.asarray(vectors[part], np.float64)
        lengths = np.linalg.norm(block, axis=1)
        norms[part] = lengths
        unit = block / np.where(lengths == 0, 1, lengths)[:, None]
        if int8:
            largest = np.abs(unit).max(axis=1)
            unit = np.rint(unit * (127 / np.where(largest == 0, 1, largest))[:, None])
            lengths = np.linalg.norm(unit, axis=1)  # so that the rounded vectors have unit length too
            scales[part] = 1 / np.where(lengths == 0, 1, lengths)
        yield unit


def is_folder(folder: Path) -> bool:
    """Return whether a folder has the manifest of word vectors."""
    return (folder / MANIFEST).is_file()


def _products(
    queries: NDArray[np.float32], block: NDArray[np.float32], out: NDArray[np.float32]
) -> NDArray[np.float32]:
    return np.matmul(queries, block.T, out=out)


def _manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest; a ModelError if there is none, or a newer or damaged one."""
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelError(f"the folder {folder} holds no word vectors: it has no {MANIFEST}")
    try:
        about = json_files.read_object(path, ["format"], kinds=_KINDS)
        if (version := about["format"]) != FORMAT:
            if not isinstance(version, int):
                raise ValueError(f"it is of format {version!r}")
            raise ModelError(f"{folder} is of format {version}, written by a newer nlptool", hint="update nlptool")
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}", hint="make or fetch the vectors again") from error
    if not folders.is_whole(folder, MANIFEST):
        raise ModelError(f"{folder} is damaged: files are missing or cut off", hint="make or fetch the vectors again")
    return about
