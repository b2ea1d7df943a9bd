"""Look up words that a user typed: as they are, tokenized as the model's corpus was, in parts, or by their n-grams."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool import catalog
from nlptool.errors import RecordError
from nlptool.geometry.top_k import normalize
from nlptool.models.words import readings
from nlptool.models.words import tokenizers as word_tokenizers
from nlptool.models.words.vectors import WordVectors
from nlptool.text.scripts import collapse_blanks, is_japanese, main_script

_N_SUGGESTIONS = 5
_LONGEST_SHOWN = 40  # characters of an unknown word


@dataclass(frozen=True, slots=True)
class WordMatch:
    """The vector of a word."""

    vector: NDArray[np.float32]  # (D,), of unit length
    indices: list[int]  # of the vocabulary words that it consists of
    info: dict[str, Any]  # how the word was found, for a record; {} if the vocabulary has it


class WordLookup:
    """Looks up words in word vectors."""

    def __init__(self, vectors: WordVectors) -> None:
        self.vectors = vectors
        self.name = vectors.name
        self._tokenizer = str(vectors.about.get("tokenizer") or "whitespace")
        self._lowercase = bool(vectors.about.get("lowercase"))
        self._dictionary: str | None = vectors.about.get("dictionary")

    @functools.cached_property
    def tokenize(self) -> word_tokenizers.Tokenizer:
        """The function that tokenizes a text as the corpus of the model was tokenized."""
        return word_tokenizers.word_tokenizer(self._tokenizer, lowercase=self._lowercase, dictionary=self._dictionary)

    def of_tokens(self, tokens: Any) -> list[str]:
        """Return the words of a record's ``tokens``, as the corpus of the model had them.

        Raises:
            ValueError: they are no tokens.
        """
        return word_tokenizers.of_tokens(tokens, self._tokenizer, lowercase=self._lowercase)

    def find(self, word: str) -> WordMatch:
        """Find the vector of a word.

        Raises:
            RecordError: neither the word nor its parts are known.
        """
        index = self.vectors.index(word)
        if index is not None:
            return self._match([index])
        if (spelled := collapse_blanks(word)) != word and (index := self.vectors.index(spelled)) is not None:
            return self._match([index], {"as": spelled})
        parts = self.tokenize(word)
        known = [index for part in parts if (index := self.vectors.index(part)) is not None]
        if len(parts) == len(known) == 1:
            return self._match(known, {"as": parts[0]})
        if self.vectors.ngrams is not None:
            vector = self.vectors.ngrams.vector(word.lower() if self._lowercase else word)
            if vector is not None and vector.any():
                return WordMatch(normalize(vector), known, {"subwords": True})
        if parts and len(parts) == len(known):
            return self._match(known, {"parts": parts})
        raise self._unknown(word)

    def _match(self, indices: list[int], info: dict[str, Any] | None = None) -> WordMatch:
        return WordMatch(normalize(self.vectors.unit(indices).sum(axis=0)), indices, info or {})

    def _unknown(self, word: str) -> RecordError:
        shown = word if len(word) <= _LONGEST_SHOWN else f"{word[:_LONGEST_SHOWN]}..."
        similar, same_reading = self.similar_spelling(word), self.same_reading(word)
        suggestions = (("near in spelling", similar), ("read alike", same_reading))
        hints = [f"{what}: {', '.join(words)}" for what, words in suggestions if words]
        known, script = catalog.KNOWN.get(self.name), main_script(word)
        if known is not None and script and script not in known.scripts and (other := catalog.knowing("words", script)):
            hints.append(f"its words are {'/'.join(known.languages)}: -m {other} has others")
        return RecordError(
            "UnknownWord",
            f"{self.name} has no word {shown if shown.isprintable() else repr(shown)}",
            hint="; ".join(hints) or f"it has {self.vectors.n_words:,} words; nlptool train makes your own",
            details={"word": shown, "spelled_alike": similar, "read_alike": same_reading},
        )

    def similar_spelling(self, word: str) -> list[str]:
        """Return known words within a few edits, the nearest first, of equally near ones the most frequent first."""
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        if len(word) < 2:
            return []
        cutoff = 1 if len(word) <= 3 else 2 if len(word) <= 8 else 3
        matches = process.extract(
            word, self.vectors.words, scorer=OSA.distance, limit=_N_SUGGESTIONS, score_cutoff=cutoff
        )
        return [match for match, _, _ in matches]

    def same_reading(self, word: str) -> list[str]:
        """Return known words with the reading of ``word``, if it is Japanese."""
        if not is_japanese([word]):
            return []
        from nlptool.models.japanese.words import reading as reading_of

        reading, hashes = reading_of(word, self._dictionary), self._reading_hashes
        if not reading or hashes is None:
            return []
        found: list[str] = []
        for index in np.flatnonzero(hashes == readings.hash_of(reading)):
            known = self.vectors.word(int(index))
            if reading_of(known, self._dictionary) == reading:  # another one can have the same hash
                found.append(known)
                if len(found) == _N_SUGGESTIONS:
                    break
        return found

    @functools.cached_property
    def _reading_hashes(self) -> NDArray[np.uint16] | None:
        """The hashes of the words' readings, (V,); computed, in a moment, for a folder that has none."""
        if self.vectors.readings is not None:
            return self.vectors.readings
        return readings.of_words(self.vectors.words, self._dictionary)


def match_info(words: Iterable[str], matches: Iterable[WordMatch]) -> dict[str, Any]:
    """Return what a record says of words that the vocabulary lacks as they are."""
    info = {word: match.info for word, match in zip(words, matches, strict=True) if match.info}
    return {"words": info} if info else {}
