"""Texts to the pieces of a tokenizer, each with its place in the text as the user wrote it.

Tokenizers normalise (NFKC, lower case, accents), put signs in place of blanks, or split a character into bytes. The library
``tokenizers`` keeps the places of its pieces through all that; for MeCab's words they are kept by ``JapaneseWords.placed``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from nlptool.models.japanese.bert_words import JapaneseWords
from nlptool.models.masked.tokenizer import BLANKS, MaskedLmTokenizer
from nlptool.models.runtime import windows
from nlptool.text.spans import Place

_LARGEST_SHARE = 4  # a part of a text that is not divided between windows is at most this part of one
_SIGNS = "".join(BLANKS)
_VOICE_MARKS = "ﾞﾟ"  # half-width


@dataclass(frozen=True, slots=True)
class PlacedText:
    """The pieces of a text, without special tokens.

    Attributes:
        ids: (T,).
        places: of each piece: ``text[start:end]``, without white space at its ends; empty for a sign of a blank.
        words: the number of the tokenizer's word that each piece belongs to, from 0.
        n_unknown: pieces that stand for what the vocabulary lacks.
    """

    ids: list[int]
    places: list[Place]
    words: list[int]
    n_unknown: int


class PlacingTokenizer(MaskedLmTokenizer):
    """The tokenizer of a network, with the places of its pieces."""

    def read(self, texts: Sequence[str]) -> list[PlacedText]:
        """Tokenize texts. Special tokens written in a text are taken as such, as transformers does.

        Raises:
            RecordError: a text has a piece that the network has no embedding for, as an added token can be.
        """
        if (words := self.words) is not None:
            return [self._of_japanese(text, words) for text in texts]
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [
            self._placed(text, encoding, encoding.offsets, encoding.word_ids, encoding.tokens)
            for text, encoding in zip(texts, encodings, strict=True)
        ]

    def _of_japanese(self, text: str, words: JapaneseWords) -> PlacedText:
        parts = words.placed(text)
        encoding = self._tokenizer.encode([part for part, _ in parts], is_pretokenized=True, add_special_tokens=False)
        found = []
        for part, (start, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
            characters = parts[part][1]
            found.append((characters[start][0], characters[max(start, end - 1)][1]))
        _, numbers = words.numbered(text)
        return self._placed(text, encoding, found, [numbers[part] for part in encoding.word_ids], [])

    def _placed(
        self, text: str, encoding: Any, places: Sequence[Place], numbers: Sequence[int | None], pieces: list[str]
    ) -> PlacedText:
        tokenized = self._tokenized(encoding.ids, numbers, pieces)
        found = [
            _trimmed(text, place, piece) for place, piece in zip(places, pieces or [""] * len(places), strict=True)
        ]
        if not text.isascii():
            found = _with_marks(text, found)
        return PlacedText(tokenized.ids, found, tokenized.words, tokenized.n_unknown)

    def windows(self, text: PlacedText, *, overlap: float) -> list[tuple[int, int]]:
        """Return the windows (first piece, end) in which a text is read; words are kept whole, but for very long ones.

        Args:
            overlap: share of a window that the next one repeats, below 0.5.
        """
        room = self.max_pieces()
        if len(text.ids) <= room:
            return [(0, len(text.ids))]
        largest = max(1, room // _LARGEST_SHARE)
        sizes: list[int] = []
        for _, of_word in groupby(text.words):
            n_pieces = sum(1 for _ in of_word)
            sizes += [largest] * (n_pieces // largest) + [n_pieces % largest] * (n_pieces % largest > 0)
        ends = [0]
        for size in sizes:
            ends.append(ends[-1] + size)
        return [(ends[first], ends[end]) for first, end in windows.windows(sizes, room, overlap=overlap)]


def _trimmed(text: str, place: Place, piece: str) -> Place:
    """Return a place without white space at its ends; an empty one for a sign of a blank that the text does not have."""
    start, end = place
    if piece and not piece.strip(_SIGNS) and text[start:end] != piece:
        return start, start
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def _with_marks(text: str, places: list[Place]) -> list[Place]:
    """Return places that include the marks behind them (accents, voice marks, variation selectors) which no piece stands for."""
    begun = {start for start, _ in places}
    found = []
    for start, end in places:
        while start < end < len(text) and end not in begun and _is_mark(text[end]):
            end += 1
        found.append((start, end))
    return found


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me", "Mc") or character in _VOICE_MARKS
