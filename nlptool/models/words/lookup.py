"""A person's words looked up in word vectors: as they stand, as the model writes words, in parts, or by their subwords."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RecordError
from nlptool.geometry.top_k import normalized
from nlptool.models.words import tokenizers as word_tokenizers
from nlptool.models.words.vectors import WordVectors
from nlptool.text.scripts import is_japanese

_NEAR = 5  # spellings that are suggested
_LONGEST_SHOWN = 40  # letters of an unknown word
_READINGS = 300_000  # words whose readings are looked up at most


@dataclass(frozen=True, slots=True)
class WordMatch:
    """What a word was found as."""

    vector: NDArray[np.float32]  # (D,), of unit length
    indices: list[int]  # the words it is made of
    how: dict[str, Any]  # what a record has to say of it; empty if it was there as it stood


class WordLookup:
    """Word vectors that are asked by people."""

    def __init__(self, vectors: WordVectors) -> None:
        self.vectors = vectors
        self.name = vectors.name
        self._tokenizer = str(vectors.about.get("tokenizer") or "whitespace")
        self._lowercase = bool(vectors.about.get("lowercase"))
        self._dictionary: str | None = vectors.about.get("dictionary")

    @functools.cached_property
    def cut(self) -> word_tokenizers.Tokenizer:
        """Cuts a text as the corpus of the model was cut."""
        return word_tokenizers.word_tokenizer(self._tokenizer, lowercase=self._lowercase, dictionary=self._dictionary)

    def of_tokens(self, tokens: Any) -> list[str]:
        """The words of a record's ``tokens``, as the corpus of the model had them.

        Raises:
            ValueError: they are no tokens.
        """
        return word_tokenizers.of_tokens(tokens, self._tokenizer, lowercase=self._lowercase)

    def find(self, word: str) -> WordMatch:
        """
        Raises:
            RecordError: the word is not known, nor what it is made of.
        """
        place = self.vectors.index(word)
        if place is not None:
            return self._at([place])
        parts = self.cut(word)
        places = [self.vectors.index(part) for part in parts]
        known = [place for place in places if place is not None]
        if len(parts) == len(known) == 1:
            return self._at(known, {"as": parts[0]})
        if self.vectors.ngrams is not None:
            vector = self.vectors.ngrams.vector(word.lower() if self._lowercase else word)
            if vector is not None and vector.any():
                return WordMatch(normalized(vector), known, {"subwords": True})
        if parts and len(parts) == len(known):
            return self._at(known, {"parts": parts})
        raise self._unknown(word)

    def _at(self, places: list[int], how: dict[str, Any] | None = None) -> WordMatch:
        return WordMatch(normalized(self.vectors.unit(places).sum(axis=0)), places, how or {})

    def _unknown(self, word: str) -> RecordError:
        shown = word if len(word) <= _LONGEST_SHOWN else f"{word[:_LONGEST_SHOWN]}..."
        near, same = self.spelled_like(word), self.read_like(word)
        hints = [
            f"{what}: {', '.join(words)}" for what, words in (("near in spelling", near), ("read alike", same)) if words
        ]
        return RecordError(
            "UnknownWord",
            f"{self.name} has no word {shown if shown.isprintable() else repr(shown)}",
            hint="; ".join(hints) or f"it has {self.vectors.n_words:,} words; nlptool train makes your own",
            details={"word": shown, "spelled_alike": near, "read_alike": same},
        )

    def spelled_like(self, word: str) -> list[str]:
        """Known words that are a few letters away, the nearest first, and of equals the most frequent."""
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        most = 1 if len(word) <= 3 else 2 if len(word) <= 8 else 3
        if len(word) < 2:
            return []
        found = process.extract(word, self.vectors.words, scorer=OSA.distance, limit=_NEAR, score_cutoff=most)
        return [near for near, _, _ in found]

    def read_like(self, word: str) -> list[str]:
        """Known words that are read as ``word`` is, if that is Japanese."""
        if not is_japanese([word]):
            return []
        from nlptool.models.japanese.words import reading as read

        reading = read(word, self._dictionary)
        return [self.vectors.word(index) for index in self._by_reading.get(reading, ())][:_NEAR] if reading else []

    @functools.cached_property
    def _by_reading(self) -> dict[str, list[int]]:
        from nlptool.models.japanese.words import reading as read

        found: dict[str, list[int]] = {}
        for index, word in enumerate(self.vectors.words[:_READINGS]):
            if is_japanese([word]) and (reading := read(word, self._dictionary)):
                found.setdefault(reading, []).append(index)
        return found


def said(words: Iterable[str], found: Iterable[WordMatch]) -> dict[str, Any]:
    """What a record's entry says of words that were not found as they stood."""
    notes = {word: each.how for word, each in zip(words, found, strict=True) if each.how}
    return {"words": notes} if notes else {}
