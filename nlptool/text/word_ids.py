"""Ids of words, in the order in which they first occur."""

from __future__ import annotations


class WordIds(dict[str, int]):
    """Word -> id, from 0. Looking a new word up gives it the next id."""

    def __missing__(self, word: str) -> int:
        id = self[word] = len(self)
        return id
