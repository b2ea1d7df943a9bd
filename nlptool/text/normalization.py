"""NFKC with offsets into the original text."""

from __future__ import annotations

import unicodedata


def nfkc_origins(text: str) -> list[tuple[int, int]]:
    """Return for each character of NFKC(``text``) the range of ``text`` that it comes from: (start, end).

    A range is the shortest run that normalises the same alone and together with what follows: a kana and its combining voice
    mark are one, and so is a letter with its accents.
    """
    nfkc = unicodedata.normalize
    origins: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        end = start + 1
        piece = nfkc("NFKC", text[start:end])
        while end < len(text):
            longer = nfkc("NFKC", text[start : end + 1])
            following = nfkc("NFKC", text[end])
            if longer == piece + following and not unicodedata.combining(following[:1] or "\0"):
                break
            piece, end = longer, end + 1
        origins += [(start, end)] * len(piece)
        start = end
    return origins
