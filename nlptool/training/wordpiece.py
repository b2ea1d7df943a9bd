"""A WordPiece vocabulary, learned from counted words: single characters, and the most frequent pairs of pieces.

The most frequent pair of neighbouring pieces becomes a piece, again and again: byte-pair encoding (R. Sennrich, B. Haddow, A.
Birch: Neural Machine Translation of Rare Words with Subword Units, ACL 2016), as the WordPiece trainer of the library
``tokenizers`` does. That trainer breaks ties by the order of a hash table with a random key; here ties are broken alphabetically,
so that the same words give the same vocabulary. The input are words with their counts, so that the time depends on the number
of different words.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.models.japanese.bert_words import LONGEST_WORD

PAD, UNKNOWN, START, END, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTINUES = "##"  # begins a piece that is not the first one of its word
COVERAGE = 0.999  # share of the corpus's characters that have a piece of their own, the most frequent ones
_MIN_FREQUENCY = 2  # of a pair that becomes a piece

Report = Callable[[int, int], None]


def learn(
    counts: Mapping[str, int], size: int, *, report: Report = lambda done, total: None, stop: Callable[[], bool]
) -> list[str]:
    """Return the pieces: special tokens, the alphabet, and learned pieces in the order of their merges; fewer than ``size`` if
    the words have no more.

    Args:
        counts: the count of each word.
        report: called with the numbers of pieces, done and total.
        stop: called now and then; if it returns True, KeyboardInterrupt is raised.

    Raises:
        RunError: the vocabulary has no room for anything beside the characters.
    """
    words = [word for word in sorted(counts) if len(word) <= LONGEST_WORD]
    symbols: Counter[str] = Counter()
    for word in words:
        for symbol in _symbols(word):
            symbols[symbol] += counts[word]
    alphabet = frequent(sorted(symbols.items(), key=lambda item: (-item[1], item[0])), COVERAGE)
    n_learned = size - len(SPECIAL) - len(alphabet)
    if n_learned <= 0:
        raise RunError(
            f"a vocabulary of {size:,} pieces has no room for words beside {len(alphabet):,} characters",
            hint=f"--vocab-size {2 * len(alphabet)}",
        )
    spelled = [(_symbols(word), counts[word]) for word in words]
    spelled = [(parts, count) for parts, count in spelled if len(parts) > 1 and alphabet.issuperset(parts)]
    pieces = [*SPECIAL, *sorted(alphabet)]
    existing = set(pieces)
    merges = _Merges([parts for parts, _ in spelled], [count for _, count in spelled])
    while len(pieces) < size and (piece := merges.merge()) is not None:
        if piece not in existing:  # two pairs can spell the same piece
            pieces.append(piece)
            existing.add(piece)
        if len(pieces) % 100 == 0:
            report(len(pieces), size)
            if stop():
                raise KeyboardInterrupt
    return pieces


def segment(words: Sequence[str], pieces: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split each word into pieces, greedily the longest from left to right; a word without such pieces is ``[UNK]``.

    Returns:
        The start of the pieces of each word, (N + 1,), and the ids of all pieces, (P,).
    """
    from tokenizers import models

    vocabulary = {piece: id for id, piece in enumerate(pieces)}
    model = models.WordPiece(vocabulary, unk_token=UNKNOWN, max_input_chars_per_word=LONGEST_WORD)
    ids_of_words = [[token.id for token in model.tokenize(word)] for word in words]
    starts = np.zeros(len(words) + 1, np.int64)
    np.cumsum([len(ids) for ids in ids_of_words], out=starts[1:])
    return starts, np.fromiter((token for ids in ids_of_words for token in ids), np.int64, int(starts[-1]))


def _symbols(word: str) -> list[str]:
    return [word[0], *(f"{CONTINUES}{character}" for character in word[1:])]


def _joined(first: str, second: str) -> str:
    return first + second.removeprefix(CONTINUES)


def frequent(counted: Sequence[tuple[str, int]], coverage: float) -> set[str]:
    """Return those symbols that make up the share ``coverage`` of all.

    Args:
        counted: symbols with their counts, the most frequent first.
    """
    wanted = coverage * sum(count for _, count in counted)
    kept: set[str] = set()
    for symbol, count in counted:
        if wanted <= 0:
            break
        kept.add(symbol)
        wanted -= count
    return kept


class _Merges:
    """Words as lists of pieces, and the count of each pair of neighbours in them."""

    def __init__(self, words: list[list[str]], counts: Sequence[int]) -> None:
        self._words = words
        self._counts = counts
        self._pairs: Counter[tuple[str, str]] = Counter()
        # indices of words that have had the pair
        self._words_with: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        for index, word in enumerate(words):
            for pair in itertools.pairwise(word):
                self._pairs[pair] += counts[index]
                self._words_with[pair].add(index)
        self._heap = [(-count, pair) for pair, count in self._pairs.items()]
        heapq.heapify(self._heap)

    def merge(self) -> str | None:
        """Merge the most frequent pair into a piece and return it; None if no pair is frequent enough."""
        while self._heap:
            count, pair = heapq.heappop(self._heap)
            current = self._pairs[pair]
            if current < _MIN_FREQUENCY:
                continue
            if current < -count:  # it has become rarer since it was pushed
                heapq.heappush(self._heap, (-current, pair))
                continue
            self._replace(pair)
            return _joined(*pair)
        return None

    def _replace(self, pair: tuple[str, str]) -> None:
        piece = _joined(*pair)
        changed: set[tuple[str, str]] = set()
        for index in self._words_with.pop(pair):
            old, count = self._words[index], self._counts[index]
            new = _merged(old, pair, piece)
            if len(new) == len(old):
                continue
            for neighbours in itertools.pairwise(old):
                self._pairs[neighbours] -= count
            for neighbours in itertools.pairwise(new):
                self._pairs[neighbours] += count
                self._words_with[neighbours].add(index)
                changed.add(neighbours)
            self._words[index] = new
        del self._pairs[pair]
        for neighbours in changed:
            heapq.heappush(self._heap, (-self._pairs[neighbours], neighbours))


def _merged(word: list[str], pair: tuple[str, str], piece: str) -> list[str]:
    merged: list[str] = []
    position = 0
    while position < len(word):
        is_pair = tuple(word[position : position + 2]) == pair
        merged.append(piece if is_pair else word[position])
        position += 2 if is_pair else 1
    return merged
