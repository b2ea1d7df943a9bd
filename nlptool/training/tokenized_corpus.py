"""A corpus as word ids: tokenized once, counted, and kept in a temporary file for every pass of the training.

Words get ids in the order in which they first occur; a sentence is a row of ids. The vocabulary counts and the trainer reads the
same array, so that no token is lost between the two, whatever white space is in it. A sentence of more than 10,000 words is
continued in the next row, since gensim would drop the rest.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.storage.temp_files import disk_space
from nlptool.text.word_ids import WordIds

LONGEST = 10_000
"""Words of a row at most: gensim's MAX_WORDS_IN_BATCH."""

_CHUNK = 1_000_000  # words of a chunk


class Corpus:
    """The sentences of a corpus as word ids, with the counts of the words.

    Raises:
        RunError: the temporary folder cannot hold it.
    """

    def __init__(self) -> None:
        self.n_words = 0  # tokens
        self.n_sentences = 0
        self.n_empty = 0  # sentences without a word
        self._ids = WordIds()
        self._counts = np.zeros(0, np.int64)
        self._waiting: list[int] = []
        self._lengths: list[int] = []
        with disk_space():
            self._id_file: IO[bytes] = tempfile.TemporaryFile(prefix="nlptool-")  # noqa: SIM115  # as long as the corpus
            self._length_file: IO[bytes] = tempfile.TemporaryFile(prefix="nlptool-")  # noqa: SIM115

    def add(self, sentence: list[str]) -> None:
        """Add the words of a sentence."""
        if not sentence:
            self.n_empty += 1
            self._lengths.append(0)
        for start in range(0, len(sentence), LONGEST):
            ids = [self._ids[word] for word in sentence[start : start + LONGEST]]
            self._waiting += ids
            self._lengths.append(len(ids))
        if len(self._waiting) >= _CHUNK or len(self._lengths) >= _CHUNK:
            self._store()

    def _store(self) -> None:
        ids = np.asarray(self._waiting, np.int32)
        counts = np.bincount(ids, minlength=len(self._ids))
        counts[: len(self._counts)] += self._counts
        self._counts = counts
        self.n_words += len(ids)
        self.n_sentences += len(self._lengths)
        with disk_space():
            for file, numbers in ((self._id_file, ids), (self._length_file, np.asarray(self._lengths, np.int32))):
                file.write(numbers.tobytes())
                file.flush()
        self._waiting, self._lengths = [], []

    def counted(self) -> tuple[list[str], NDArray[np.int64]]:
        """Return the different words in the order of their first occurrence, and their counts (V,)."""
        self._store()
        return list(self._ids), self._counts

    def vocabulary(self, min_count: int = 1, most: int | None = None) -> Vocabulary:
        """Return the words with at least ``min_count`` occurrences, the most frequent first, ties by first occurrence.

        Args:
            most: number of words at most.

        Raises:
            RunError: there are no such words, or only one; or no sentence has two words.
        """
        self._store()
        if not self.n_words:
            raise RunError("the corpus has no words", hint="nlptool train FILE, or text on stdin: a sentence a line")
        if self.n_words == self.n_sentences - self.n_empty:
            raise RunError(
                f"none of the {self.n_words:,} lines with words has two of them: a word alone has no context",
                hint="a line is a sentence or a paragraph; --tokenizer says how it is split into words",
            )
        order = np.argsort(-self._counts, kind="stable")
        n_kept = int(np.searchsorted(-self._counts[order], -min_count, side="right"))
        if not n_kept:
            largest = int(self._counts.max())
            raise RunError(
                f"no word comes {min_count:,} times in this corpus of {self.n_words:,} words",
                hint=f"--min-count {min(2, largest)} keeps {int((self._counts >= min(2, largest)).sum()):,} words",
            )
        if n_kept < 2:
            only = list(self._ids)[order[0]]
            second = int(np.sort(self._counts)[-2]) if len(self._counts) > 1 else 0
            raise RunError(
                f"the vocabulary would have one word, {only}, and nothing that it could be like",
                hint=f"--min-count {second} keeps more" if second else "",
            )
        order = order[: n_kept if most is None else min(n_kept, most)]
        index = np.full(len(self._counts), -1, np.int32)
        index[order] = np.arange(len(order), dtype=np.int32)
        names = list(self._ids)
        return Vocabulary([names[i] for i in order], self._counts[order], index)

    def passes(self, index: NDArray[np.int32]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
        """Yield the corpus once, in chunks: indices into the vocabulary, -1 for a word that is not in it, and the lengths of the
        sentences.

        Args:
            index: (V,), the index of each word id in the vocabulary.
        """
        self._id_file.seek(0)
        self._length_file.seek(0)
        lengths = np.empty(0, np.int32)
        while True:
            if not len(lengths):
                lengths = np.frombuffer(self._length_file.read(4 * _CHUNK // 8), np.int32)
                if not len(lengths):
                    return
            ends = np.cumsum(lengths)
            n_sentences = max(1, int(np.searchsorted(ends, _CHUNK, side="right")))
            ids = np.frombuffer(self._id_file.read(4 * int(ends[n_sentences - 1])), np.int32)
            yield index[ids], lengths[:n_sentences]
            lengths = lengths[n_sentences:]


class Passes(Protocol):
    """Sentences that can be read again and again, as ``Corpus.passes``."""

    def passes(self, index: NDArray[np.int32]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]: ...


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that get vectors."""

    words: list[str]
    counts: NDArray[np.int64]  # (V,), descending
    index: NDArray[np.int32]  # word id of the corpus -> position in ``words``, -1 for a word that is left out


def kept(
    indices: NDArray[np.int32], lengths: NDArray[np.int32], keep: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the words of a chunk where ``keep`` is True, and the new lengths of its sentences."""
    n_kept = np.concatenate([[0], np.cumsum(keep)])  # before each word, and at the end
    return indices[keep], np.diff(n_kept[np.cumsum(lengths)], prepend=0)


def sentences(indices: NDArray[np.int32], lengths: Iterable[int]) -> Iterator[list[int]]:
    """Yield the sentences of a chunk as lists, without empty ones."""
    flat, end = indices.tolist(), 0
    for length in lengths:
        if length:
            yield flat[end : end + length]
            end += length
