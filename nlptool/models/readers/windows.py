"""Questions with their contexts as the sequences that a network reads, in windows where a context is too long.

A sequence is the question, a separator, and a part of the context. What an answer begins and ends with is a unit of the context:
a word (MeCab's for Japanese), or for models of others, which were trained so, a piece of the tokenizer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlptool.errors import RunError
from nlptool.models.taggers.pieces import WordPieces
from nlptool.models.taggers.words import words_of
from nlptool.text.spans import Place

OF_WORDS = "words"
"""What the manifest of a model (``pieces``) says whose units are words."""

MOST_OF_QUESTION = 0.5
"""Share of a sequence that a question may take; of a longer one its beginning is read."""

STRIDE = 0.75
"""From the beginning of a window to that of the next, as a share of the tokens of the context that a window holds."""

_LEAST_ROOM = 8  # tokens beside the special ones
_MOST_CACHED = 64  # contexts: the questions about one mostly follow each other


@dataclass(frozen=True, slots=True)
class Window:
    """A sequence of the network with N units of the context.

    Attributes:
        ids: (T,), special tokens included; the first of them stands for there being no answer.
        types: (T,), 0 or 1 for the text that a token belongs to, as the tokenizer has it.
        first_unit: the number of the first unit in the context.
        starts, ends: the first and the last token of each unit, (N,).
    """

    ids: list[int]
    types: list[int]
    first_unit: int
    starts: list[int]
    ends: list[int]

    def tokens_of(self, first: int, last: int) -> tuple[int, int] | None:
        """Return the first and the last token of the units ``first`` to ``last``; None if not all of them are here."""
        if first < self.first_unit or last >= self.first_unit + len(self.starts):
            return None
        return self.starts[first - self.first_unit], self.ends[last - self.first_unit]


@dataclass(frozen=True, slots=True)
class Windows:
    """A question and its context as sequences; ``places`` says where each unit of the context stands in it."""

    windows: list[Window]
    places: Sequence[Place]
    is_cut: bool  # the question is longer than it may be, and its beginning was read

    @property
    def n_tokens(self) -> int:
        """Return the number of tokens, special tokens included."""
        return sum(len(window.ids) for window in self.windows)

    def units_of(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the first and the last unit of an answer, the characters ``start`` to ``end``; None if it holds none."""
        first = bisect_right(self.places, start, key=lambda place: place[1])
        last = bisect_left(self.places, end, key=lambda place: place[0]) - 1
        return (first, last) if first <= last else None


@dataclass(frozen=True, slots=True)
class _Units:
    """The pieces of each unit of a context, and where it stands."""

    pieces: list[list[int]]
    places: Sequence[Place]


class QuestionWindows:
    """Questions with their contexts to windows.

    Args:
        tokenizer: a ``tokenizers.Tokenizer``.
        about: the manifest of the model: ``max_length``, ``unknown_id``, ``words``, and ``pieces``, what its units are.
        max_length: a smaller limit of a sequence, special tokens included.
        stride: tokens from the beginning of a window to that of the next; None: ``STRIDE``.

    Raises:
        RunError: the limit leaves no room for a question and a context.
    """

    def __init__(
        self, tokenizer: Any, about: Mapping[str, Any], *, max_length: int | None = None, stride: int | None = None
    ) -> None:
        longest = int(about["max_length"])
        self.max_length = min(max_length or longest, longest)
        self._stride = stride
        self._of_words = about.get("pieces") == OF_WORDS or bool(about.get("words"))
        self._words = WordPieces(tokenizer, about, max_length=self.max_length)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._template = _Template.of(tokenizer)
        self._room = self.max_length - self._template.n_special
        if self._room < _LEAST_ROOM:
            message = (
                f"--max-length {self.max_length} leaves no room for a question and a context beside the special tokens"
            )
            raise RunError(message)
        self._cache: dict[str, _Units] = {}

    def of(self, question: str, context: str) -> Windows:
        """Return the windows of a context, one at least, each with the question before it."""
        asked = [piece for pieces in self._units(question).pieces for piece in pieces]
        most = int(self._room * MOST_OF_QUESTION)
        units = self._cached(context)
        room = self._room - min(len(asked), most)
        stride = min(self._stride or int(room * STRIDE), room)
        windows = []
        first = 0
        while True:
            end, size = first, 0
            while end < len(units.pieces) and size + len(units.pieces[end]) <= room:
                size += len(units.pieces[end])
                end += 1
            windows.append(self._template.window(asked[:most], units.pieces[first:end], first))
            if end >= len(units.pieces):
                return Windows(windows, units.places, len(asked) > most)
            passed = 0
            while first < end and passed < stride:
                passed += len(units.pieces[first])
                first += 1

    def _cached(self, context: str) -> _Units:
        if context not in self._cache:
            if len(self._cache) >= _MOST_CACHED:
                del self._cache[next(iter(self._cache))]
            self._cache[context] = self._units(context)
        return self._cache[context]

    def _units(self, text: str) -> _Units:
        if self._of_words:
            places = words_of(text)
            return _Units(self._words.pieces(text, places), places)
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return _Units([[piece] for piece in encoding.ids], encoding.offsets)


@dataclass(frozen=True, slots=True)
class _Template:
    """The special tokens before, between and behind two texts, and the types of these and of the texts."""

    specials: tuple[list[int], list[int], list[int]]
    types: tuple[list[int], list[int], list[int]]
    of_texts: tuple[int, int]

    @property
    def n_special(self) -> int:
        return sum(map(len, self.specials))

    @classmethod
    def of(cls, tokenizer: Any) -> _Template:
        encoding = tokenizer.encode("a", "a")
        sides = encoding.sequence_ids  # None | 0 | 1
        first, second = ([place for place, side in enumerate(sides) if side == which] for which in (0, 1))
        cuts = [(0, first[0]), (first[-1] + 1, second[0]), (second[-1] + 1, len(sides))]
        before, between, after = (encoding.ids[start:end] for start, end in cuts)
        types = tuple(encoding.type_ids[start:end] for start, end in cuts)
        of_texts = encoding.type_ids[first[0]], encoding.type_ids[second[0]]
        return cls((before, between, after), types, of_texts)

    def window(self, question: Sequence[int], units: Sequence[Sequence[int]], first_unit: int) -> Window:
        before, between, after = self.specials
        ids = [*before, *question, *between]
        types = [*self.types[0], *[self.of_texts[0]] * len(question), *self.types[1]]
        starts, ends = [], []
        for pieces in units:
            starts.append(len(ids))
            ids += pieces
            ends.append(len(ids) - 1)
        types += [self.of_texts[1]] * (len(ids) - len(types))
        return Window([*ids, *after], [*types, *self.types[2]], first_unit, starts, ends)
