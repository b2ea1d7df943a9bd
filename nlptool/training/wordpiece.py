"""A vocabulary of WordPiece, learned from counted words: single characters, and the pairs of pieces that come most often.

The most frequent pair of neighbouring pieces becomes a piece, again and again (R. Sennrich, B. Haddow, A. Birch: Neural Machine
Translation of Rare Words with Subword Units, ACL 2016), as the trainer of the library ``tokenizers`` does it under the name of
WordPiece. That one numbers the pieces in the order of a hash table with a random key and breaks ties by the numbers; here
equals are taken in the order of the alphabet, so that the same words give the same vocabulary. Words go in with their counts, so
a corpus is as quick as its different words.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError

PAD, UNKNOWN, START, END, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

CONTINUES = "##"  # begins a piece that is not the first one of its word
COVERAGE = 0.999  # share of the corpus's characters that have a piece of their own, the most frequent ones
LONGEST = 100  # characters; BERT knows no longer word
_RAREST = 2  # pairs that come less often teach nothing

Report = Callable[[int, int], None]


def learn(
    counts: Mapping[str, int], size: int, *, report: Report = lambda done, total: None, stop: Callable[[], bool]
) -> list[str]:
    """The pieces: the special ones, the alphabet, and what was learned, the most frequent first; fewer than ``size`` if the
    words have no more.

    Args:
        counts: how often each word comes.
        report: is told how many pieces of how many are there.
        stop: asked now and then: when it says yes, KeyboardInterrupt is raised.

    Raises:
        RunError: there is no room for anything beside the characters.
    """
    words = [word for word in sorted(counts) if len(word) <= LONGEST]
    symbols: Counter[str] = Counter()
    for word in words:
        for symbol in _symbols(word):
            symbols[symbol] += counts[word]
    alphabet = _frequent(symbols)
    n_learned = size - len(SPECIAL) - len(alphabet)
    if n_learned <= 0:
        raise RunError(
            f"a vocabulary of {size:,} pieces has no room for words beside {len(alphabet):,} characters",
            hint=f"--vocabulary {2 * len(alphabet)}",
        )
    spelled = [(_symbols(word), counts[word]) for word in words]
    spelled = [(parts, count) for parts, count in spelled if len(parts) > 1 and alphabet.issuperset(parts)]
    pieces = [*SPECIAL, *sorted(alphabet)]
    known = set(pieces)
    merges = _Merges([parts for parts, _ in spelled], [count for _, count in spelled])
    while len(pieces) < size and (found := merges.merge()) is not None:
        if found not in known:  # two pairs can spell the same piece
            pieces.append(found)
            known.add(found)
        if len(pieces) % 100 == 0:
            report(len(pieces), size)
            if stop():
                raise KeyboardInterrupt
    return pieces


def segment(words: Sequence[str], pieces: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pieces of each word, the longest first from left to right; a word that they cannot spell is ``[UNK]``.

    Returns:
        (N + 1,) where the pieces of each word start, and (P,) the ids of all.
    """
    from tokenizers import models

    numbers = {piece: number for number, piece in enumerate(pieces)}
    model = models.WordPiece(numbers, unk_token=UNKNOWN, max_input_chars_per_word=LONGEST)
    found = [[token.id for token in model.tokenize(word)] for word in words]
    starts = np.zeros(len(words) + 1, np.int64)
    np.cumsum([len(ids) for ids in found], out=starts[1:])
    return starts, np.fromiter((token for ids in found for token in ids), np.int64, int(starts[-1]))


def _symbols(word: str) -> list[str]:
    return [word[0], *(f"{CONTINUES}{character}" for character in word[1:])]


def _joined(first: str, second: str) -> str:
    return first + second.removeprefix(CONTINUES)


def _frequent(symbols: Counter[str]) -> set[str]:
    """Those that make up ``COVERAGE`` of all; of equals the first of the alphabet."""
    wanted = COVERAGE * symbols.total()
    kept: set[str] = set()
    for symbol, count in sorted(symbols.items(), key=lambda each: (-each[1], each[0])):
        if wanted <= 0:
            break
        kept.add(symbol)
        wanted -= count
    return kept


class _Merges:
    """Words as lists of pieces, and how often each pair of neighbours comes in them."""

    def __init__(self, words: list[list[str]], counts: Sequence[int]) -> None:
        self._words = words
        self._counts = counts
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._places: defaultdict[tuple[str, str], set[int]] = defaultdict(set)  # words that have had the pair
        for place, word in enumerate(words):
            for pair in itertools.pairwise(word):
                self._pairs[pair] += counts[place]
                self._places[pair].add(place)
        self._heap = [(-count, pair) for pair, count in self._pairs.items()]
        heapq.heapify(self._heap)

    def merge(self) -> str | None:
        """Make the most frequent pair one piece, and return it; None if none comes often enough."""
        while self._heap:
            count, pair = heapq.heappop(self._heap)
            now = self._pairs[pair]
            if now < _RAREST:
                continue
            if now < -count:  # it has become rarer since it was put there
                heapq.heappush(self._heap, (-now, pair))
                continue
            self._replace(pair)
            return _joined(*pair)
        return None

    def _replace(self, pair: tuple[str, str]) -> None:
        piece = _joined(*pair)
        changed: set[tuple[str, str]] = set()
        for place in self._places.pop(pair):
            old, count = self._words[place], self._counts[place]
            new = _merged(old, pair, piece)
            if len(new) == len(old):
                continue
            for each in itertools.pairwise(old):
                self._pairs[each] -= count
            for each in itertools.pairwise(new):
                self._pairs[each] += count
                self._places[each].add(place)
                changed.add(each)
            self._words[place] = new
        del self._pairs[pair]
        for each in changed:
            heapq.heappush(self._heap, (-self._pairs[each], each))


def _merged(word: list[str], pair: tuple[str, str], piece: str) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(word):
        together = at + 1 < len(word) and (word[at], word[at + 1]) == pair
        found.append(piece if together else word[at])
        at += 2 if together else 1
    return found
