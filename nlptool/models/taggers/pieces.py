"""Words of a text as the pieces that a network reads, in windows where there are too many.

Each word is tokenized by itself, as transformers does with words that are given (``is_split_into_words``), but that a word which
follows another without a blank, as in Japanese, begins without the sign of a blank: the pieces are nearly those of the text as a
whole, and no piece belongs to two words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlptool.errors import RunError
from nlptool.models.japanese.bert_words import words_of
from nlptool.models.runtime import windows
from nlptool.text.spans import Place

_MOST_CACHED = 500_000  # words
_LARGEST_SHARE = 4  # a word gets at most this part of a window
_PREPENDS = {"Metaspace": ("prepend_scheme", "always", "never"), "ByteLevel": ("add_prefix_space", True, False)}
"""Kind of a pre-tokenizer -> its setting, and the values for a word with a blank before it and without one."""


@dataclass(frozen=True, slots=True)
class WordCounts:
    """What is peculiar about the words of a text."""

    n_unknown: int  # pieces that the vocabulary lacks
    n_cut: int  # words that are longer than a part of a window, of which the first pieces are read


@dataclass(frozen=True, slots=True)
class Window:
    """A sequence of the network, with the words that it holds."""

    ids: list[int]  # (T,), special tokens included
    first_word: int  # the number in the text of its first word
    first_pieces: list[int]  # the place in ``ids`` of the first piece of each of its words

    @property
    def types(self) -> list[int]:
        """(T,) zeros: it is one text."""
        return [0] * len(self.ids)


class WordPieces:
    """Splits words into pieces.

    Args:
        tokenizer: a ``tokenizers.Tokenizer``.
        about: the manifest of the model: ``max_length``, ``unknown_id``, ``words``.
        max_length: a smaller limit of a window, special tokens included.

    Raises:
        RunError: the limit leaves no room for words.
    """

    def __init__(self, tokenizer: Any, about: Mapping[str, Any], *, max_length: int | None = None) -> None:
        longest = int(about["max_length"])
        self.max_length = min(max_length or longest, longest)
        self._japanese = words_of(about, tokenizer)
        self._after_blank, self._joined = (_prepending(tokenizer, is_on) for is_on in (True, False))
        self._before, self._after = _template(self._after_blank)
        self._unknown_id: int | None = about.get("unknown_id")
        self._room = self.max_length - len(self._before) - len(self._after)
        if self._room < _LARGEST_SHARE:
            raise RunError(f"--max-length {self.max_length} leaves no room for words beside the special tokens")
        self._longest = self._room // _LARGEST_SHARE
        self._cache: dict[tuple[str, bool], list[int]] = {}
        self._cut: set[tuple[str, bool]] = set()  # keys of the words that are too long

    def pieces(self, text: str, words: Sequence[Place]) -> list[list[int]]:
        """Return the pieces of each word, at least one.

        Args:
            words: where each word stands in the text.
        """
        if len(self._cache) > _MOST_CACHED:
            self._cache.clear()
            self._cut.clear()
        found = []
        for key in _keys(text, words):
            if key not in self._cache:
                ids = self._tokenized(*key)
                self._cache[key] = ids[: self._longest] or [self._unknown_id or 0]
                if len(ids) > self._longest:
                    self._cut.add(key)
            found.append(self._cache[key])
        return found

    def counts(self, text: str, words: Sequence[Place]) -> WordCounts:
        """Return what is peculiar about the words of a text."""
        pieces = self.pieces(text, words)
        n_cut = sum(key in self._cut for key in _keys(text, words)) if self._cut else 0
        unknown = self._unknown_id
        return WordCounts(0 if unknown is None else sum(ids.count(unknown) for ids in pieces), n_cut)

    def windows(self, text: str, words: Sequence[Place], *, overlap: float = 0.0) -> list[Window]:
        """Return the sequences that hold all words of a text, in order.

        Args:
            overlap: share of a window that the next one repeats, below 0.5.
        """
        pieces = self.pieces(text, words)
        sizes = [len(of_word) for of_word in pieces]
        return [self._window(pieces, first, end) for first, end in windows.windows(sizes, self._room, overlap=overlap)]

    def _window(self, pieces: Sequence[Sequence[int]], first: int, end: int) -> Window:
        ids, places = list(self._before), []
        for number in range(first, end):
            places.append(len(ids))
            ids += pieces[number]
        return Window([*ids, *self._after], first, places)

    def _tokenized(self, word: str, after_blank: bool) -> list[int]:
        if self._japanese is not None:
            parts = self._japanese.of_word(word)
            found = self._joined.encode(parts, is_pretokenized=True, add_special_tokens=False).ids
        else:
            found = (self._after_blank if after_blank else self._joined).encode(word, add_special_tokens=False).ids
        return list(found)


def _keys(text: str, words: Sequence[Place]) -> Iterator[tuple[str, bool]]:
    """Yield each word and whether it has a blank, or the beginning of the text, before it."""
    end = -1
    for start, stop in words:
        yield text[start:stop], start != end
        end = stop


def _prepending(tokenizer: Any, is_on: bool) -> Any:
    """Return a copy of a tokenizer that puts the sign of a blank before a text, or does not, where it has such a sign."""
    from tokenizers import Tokenizer

    about = json.loads(tokenizer.to_str())
    waiting = [about.get("pre_tokenizer")]
    while waiting:
        part = waiting.pop()
        if part is None:
            continue
        waiting += part.get("pretokenizers", [])
        if part["type"] in _PREPENDS:
            setting, on, off = _PREPENDS[part["type"]]
            part[setting] = on if is_on else off
    copy = Tokenizer.from_str(json.dumps(about))
    copy.no_padding()
    copy.no_truncation()
    return copy


def _template(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the special tokens before and behind a text."""
    encoding = tokenizer.encode("a")
    own = [place for place, is_special in enumerate(encoding.special_tokens_mask) if not is_special]
    first, last = (own[0], own[-1] + 1) if own else (1, 1)
    return encoding.ids[:first], encoding.ids[last:]
