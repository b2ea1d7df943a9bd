"""What belongs to pieces of a text, shared out to its characters and its words."""

from __future__ import annotations

from collections.abc import Sequence

from nlptool.text.spans import Place


def of_characters(text: str, places: Sequence[Place], values: Sequence[float]) -> list[float]:
    """Return for each character of a text its share of the pieces that stand there: each piece is divided equally between its
    characters, and what several pieces give one character, as the bytes of a character do, is added up.

    The sum is that of the values. A piece without a place belongs to the character behind it, at the end to the last one.

    Args:
        places: of each piece, ``text[start:end]``; they may overlap.
        values: of each piece; NaN makes that of its characters NaN.
    """
    found = [0.0] * len(text)
    if not text:
        return found
    for (start, end), value in zip(places, values, strict=True):
        first, last = (start, end) if start < end else (min(start, len(text) - 1), min(start, len(text) - 1) + 1)
        for place in range(first, last):
            found[place] += value / (last - first)
    return found


def of_words(text: str, words: Sequence[Place], places: Sequence[Place], values: Sequence[float]) -> list[float]:
    """Return for each word of a text its share of the pieces that stand there. A piece that reaches into several words is
    divided between their characters; white space counts for nothing, and a piece that is white space alone belongs to the
    next word, at the end to the last one.

    The sum is that of the values, if there is a word.

    Args:
        words: in order, without overlaps.
        places, values: as of ``of_characters``.
    """
    owner: list[int] = []  # of each character, the word that it belongs to
    for number, (_, end) in enumerate(words):
        owner += [number] * (end - len(owner))
    owner += [max(0, len(words) - 1)] * (len(text) - len(owner))
    found = [0.0] * len(words)
    if not words:
        return found
    for (start, end), value in zip(places, values, strict=True):
        solid = [place for place in range(start, end) if not text[place].isspace()]
        of_piece = solid or [min(start, len(text) - 1)]
        if owner[of_piece[0]] == owner[of_piece[-1]]:  # one word, which gets the value as it is
            found[owner[of_piece[0]]] += value
            continue
        for place in of_piece:
            found[owner[place]] += value / len(of_piece)
    return found
