"""The words or characters of texts as arrays of ids, in portions of bounded size.

Tokens without a letter or a digit, such as punctuation, are marked, so that n-grams and pairs can leave them out without bringing
together what stands on both sides.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry.ngram_counts import Ids
from nlptool.text.word_ids import WordIds

PORTION = 1 << 22
"""Tokens of a portion, about."""

_N_CHARACTERS = 0x110000  # of Unicode


@dataclass(frozen=True, slots=True, eq=False)
class Portion:
    """The T tokens of some texts, one text after the other."""

    ids: Ids  # (T,)
    begins: NDArray[np.int64]  # (T,), where the text of each token begins in the array
    groups: Ids  # (T,), of their texts
    is_counted: NDArray[np.bool_]  # (T,)

    def places(self) -> NDArray[np.int64]:
        """Return how many tokens before each belong to its text and are counted without a gap, (T,); -1 of those that are not
        counted."""
        index = np.arange(len(self.ids))
        gaps = np.maximum.accumulate(np.where(self.is_counted, -1, index))
        places: NDArray[np.int64] = index - np.maximum(self.begins, gaps + 1)
        return places


class Names(Protocol):
    """The names of the tokens that ids stand for."""

    def find(self, token: str) -> int | None:
        """Return the id of a token; None if it never came."""
        ...

    def ranks(self, ids: Ids) -> NDArray[np.integer]:
        """Return numbers that put tokens in the order of their code points, (T,)."""
        ...

    def names(self, columns: Sequence[Ids]) -> list[str]:
        """Return the n-grams that columns of ids are, (L,) each, as texts."""
        ...


class NewNames(Names, Protocol):
    """Gives tokens ids."""

    def ids(self, tokens: str | Sequence[str]) -> Ids:
        """Return the ids of tokens, (T,)."""
        ...

    def is_counted(self, ids: Ids) -> NDArray[np.bool_]:
        """Return which tokens are counted, (T,)."""
        ...


class Words:
    """Words; their ids are those of their first occurrence.

    Args:
        punctuation: words without a letter or a digit are counted too.
        ids: of words that have some.
    """

    separator = " "

    def __init__(self, *, punctuation: bool = False, ids: WordIds | None = None) -> None:
        self._ids = WordIds() if ids is None else ids
        self._punctuation = punctuation
        self._counted = np.zeros(0, np.bool_)
        self._ranks = np.zeros(0, np.int64)

    def ids(self, tokens: str | Sequence[str]) -> Ids:
        return np.fromiter(map(self._ids.__getitem__, tokens), np.uint32, len(tokens))

    def is_counted(self, ids: Ids) -> NDArray[np.bool_]:
        if len(self._counted) < len(self._ids):
            new = list(self._ids)[len(self._counted) :]
            counted = [self._punctuation or any(map(str.isalnum, word)) for word in new]
            self._counted = np.concatenate([self._counted, np.array(counted, np.bool_)])
        return self._counted[ids]

    def find(self, token: str) -> int | None:
        return self._ids.get(token)

    def ranks(self, ids: Ids) -> NDArray[np.integer]:
        if len(self._ranks) < len(self._ids):
            words = list(self._ids)
            self._ranks = np.empty(len(words), np.int64)
            self._ranks[sorted(range(len(words)), key=words.__getitem__)] = np.arange(len(words))
        return self._ranks[ids]

    def in_order(self) -> list[str]:
        """Return all words in the order of their code points."""
        return sorted(self._ids)

    def names(self, columns: Sequence[Ids]) -> list[str]:
        words = list(self._ids)
        named = [[words[id] for id in column.tolist()] for column in columns]
        return named[0] if len(named) == 1 else list(map(self.separator.join, zip(*named, strict=True)))


class SortedWords:
    """Words of several counts; their ids are in the order of their code points.

    Args:
        portions: the words in this order, in UTF-8.
    """

    separator = Words.separator

    def __init__(self, portions: Iterable[Sequence[bytes]]) -> None:
        data, lengths = bytearray(), [np.zeros(1, np.int64)]
        for words in portions:
            data += b"".join(words)
            lengths.append(np.fromiter(map(len, words), np.int64, len(words)))
        self._data = bytes(data)
        self._bounds = np.cumsum(np.concatenate(lengths))  # of word i: from [i] to [i + 1]

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def find(self, token: str) -> int | None:
        wanted = token.encode("utf-8", "surrogatepass")
        found = bisect_left(range(len(self)), wanted, key=self._word)
        return found if found < len(self) and self._word(found) == wanted else None

    def ranks(self, ids: Ids) -> NDArray[np.integer]:
        return ids

    def names(self, columns: Sequence[Ids]) -> list[str]:
        named = [self._texts(column) for column in columns]
        return named[0] if len(named) == 1 else list(map(self.separator.join, zip(*named, strict=True)))

    def _word(self, id: int) -> bytes:
        return self._data[self._bounds[id] : self._bounds[id + 1]]

    def _texts(self, ids: Ids) -> list[str]:
        starts, ends = self._bounds[ids].tolist(), self._bounds[ids.astype(np.int64) + 1].tolist()
        spelled = [self._data[start:end] for start, end in zip(starts, ends, strict=True)]
        return [word.decode("utf-8", "surrogatepass") for word in spelled]


class Characters:
    """Characters, Unicode code points, which are their ids. White space is not counted.

    Args:
        punctuation: characters that are no letter, mark or digit are counted too.
    """

    separator = ""

    def __init__(self, *, punctuation: bool = False) -> None:
        self._punctuation = punctuation
        self._seen = np.zeros(_N_CHARACTERS, np.bool_)
        self._counted = np.zeros(_N_CHARACTERS, np.bool_)

    def ids(self, tokens: str | Sequence[str]) -> Ids:
        return np.frombuffer("".join(tokens).encode("utf-32-le"), np.uint32)

    def is_counted(self, ids: Ids) -> NDArray[np.bool_]:
        present = np.zeros(_N_CHARACTERS, np.bool_)
        present[ids] = True
        for code in np.flatnonzero(present & ~self._seen).tolist():
            character = chr(code)
            is_letter = character.isalnum() or unicodedata.category(character).startswith("M")
            self._counted[code] = is_letter or (self._punctuation and not character.isspace())
        self._seen |= present
        return self._counted[ids]

    def find(self, token: str) -> int | None:
        return ord(token) if len(token) == 1 and self._seen[ord(token)] else None

    def ranks(self, ids: Ids) -> NDArray[np.integer]:
        return ids

    def names(self, columns: Sequence[Ids]) -> list[str]:
        return list(map("".join, zip(*(map(chr, column.tolist()) for column in columns), strict=True)))


class Portions:
    """Collects the tokens of texts, and hands them on in portions.

    Args:
        take: called with each portion, which has about ``PORTION`` tokens.
    """

    def __init__(self, names: NewNames, take: Callable[[Portion], None]) -> None:
        self.names = names
        self._take = take
        self._ids: list[Ids] = []
        self._groups: list[int] = []
        self._n_waiting = 0

    def add(self, tokens: str | Sequence[str], group: int = 0) -> None:
        """Add the tokens of a text that belongs to a group."""
        if not tokens:
            return
        self._ids.append(self.names.ids(tokens))
        self._groups.append(group)
        self._n_waiting += len(tokens)
        if self._n_waiting >= PORTION:
            self.end()

    def end(self) -> None:
        """Hand the last portion on."""
        if not self._ids:
            return
        lengths = np.fromiter(map(len, self._ids), np.int64, len(self._ids))
        ids = np.concatenate(self._ids)
        begins = np.repeat(np.cumsum(lengths) - lengths, lengths)
        groups = np.repeat(np.array(self._groups, np.uint32), lengths)
        self._ids, self._groups, self._n_waiting = [], [], 0
        self._take(Portion(ids, begins, groups, self.names.is_counted(ids)))
