"""BERTs small enough to check by hand: pieces are letters, words stand between blanks."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nlptool.models.masked.tokenizer import ModelInput, TokenizedText

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [*SPECIAL, *string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase)]
UNK, CLS, SEP, MASK = 1, 2, 3, 4
NUMBERS = {piece: number for number, piece in enumerate(PIECES)}


class Letters:
    """``cat`` is c ##a ##t; a word with anything but small letters in it is [UNK]."""

    mask_token = "[MASK]"
    mask_id = MASK
    unknown_id = UNK
    size = len(PIECES)
    special_ids = frozenset(range(len(SPECIAL)))
    words = None

    def __init__(self, max_length: int = 32) -> None:
        self._max_length = max_length

    def tokenize(self, texts: Sequence[str]) -> list[TokenizedText]:
        found = []
        for text in texts:
            ids, words = [], []
            for number, word in enumerate(re.findall(r"\[[A-Z]+\]|[^\s\[]+", text)):
                pieces = [word] if word in SPECIAL else [("##" if i else "") + letter for i, letter in enumerate(word)]
                those = [NUMBERS[piece] for piece in pieces] if all(piece in NUMBERS for piece in pieces) else [UNK]
                ids += those
                words += [number] * len(those)
            found.append(TokenizedText(ids, words, ids.count(UNK)))
        return found

    def max_pieces(self, *, pair: bool = False) -> int:
        return self._max_length - 2 - pair

    def model_input(
        self, first: Sequence[int], second: Sequence[int] | None = None, *, positions: Sequence[int] = ()
    ) -> ModelInput:
        assert second is None
        assert len(first) <= self.max_pieces()
        return ModelInput([CLS, *first, SEP], [0] * (len(first) + 2), [place + 1 for place in positions])

    def piece(self, id: int) -> str:
        return PIECES[id]


def by_chance(ids: Sequence[int], place: int) -> NDArray[np.float32]:
    """Logits (V,) that depend on all of a row and the place, and on nothing else."""
    return (3 * np.random.default_rng([*ids, place]).standard_normal(len(PIECES))).astype(np.float32)


class LetterModel:
    """Answers the shortest rows first, as a model that sorts them may, and remembers what it was asked.

    Args:
        opinion: the logits of a place in a row.
    """

    name = "letters"
    engine = "fake"
    device = "cpu"
    heads = frozenset({"mlm"})

    def __init__(
        self, opinion: Callable[[Sequence[int], int], NDArray[np.float32]] = by_chance, *, max_length: int = 32
    ) -> None:
        self.texts = Letters(max_length)
        self.asked: list[ModelInput] = []
        self.most_tokens = 0  # in the rows of one call
        self._opinion = opinion

    def logits(self, rows: Sequence[ModelInput]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        self.asked += rows
        self.most_tokens = max(self.most_tokens, sum(len(row.ids) for row in rows))
        for number in sorted(range(len(rows)), key=lambda number: len(rows[number].ids)):
            ids, positions = rows[number].ids, rows[number].positions
            assert positions
            yield number, np.stack([self._opinion(ids, place) for place in positions])


class FakeTexts:
    """Words between blanks; each letter is a piece, the first one of a word as it is and the others with ``##``. Z is unknown."""

    mask_token, mask_id = "[MASK]", 4

    def __init__(self, room: int = 20) -> None:
        letters = "abcdefghijklmnopqrstuvwxyz0123456789"
        self._pieces = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters)]
        self._room = room
        self.size = len(self._pieces)
        self.special_ids = frozenset(range(5))

    def tokenize(self, texts: Sequence[str]) -> list[TokenizedText]:
        return [self._cut(text) for text in texts]

    def _cut(self, text: str) -> TokenizedText:
        ids, words = [], []
        for number, word in enumerate(text.split()):
            parts = [word] if word == self.mask_token else [word[0], *(f"##{letter}" for letter in word[1:])]
            ids += [self._pieces.index(part) if part in self._pieces else 1 for part in parts]
            words += [number] * len(parts)
        return TokenizedText(ids, words, ids.count(1))

    def max_pieces(self, *, pair: bool = False) -> int:
        return self._room

    def model_input(
        self, first: Sequence[int], second: Sequence[int] | None = None, *, positions: Sequence[int] = ()
    ) -> ModelInput:
        second = list(second or [])
        return ModelInput([2, *first, 3, *second, 3], [0] * (len(first) + 2) + [1] * (len(second) + 1), list(positions))

    def piece(self, id: int) -> str:
        return self._pieces[id]

    def text(self, ids: Sequence[int]) -> str:
        return " ".join(map(self.piece, ids)).replace(" ##", "")


def parts(row: ModelInput) -> tuple[list[int], list[int]]:
    """The two texts of a row."""
    middle = row.types.index(1)
    return row.ids[1 : middle - 1], row.ids[middle:-1]


class FakeModel:
    """``margin(first, second)``, of two lists of ids, is the logit of is next; that of not next is 0."""

    name, device, engine, heads = "fake", "cpu", "fake", frozenset({"mlm", "nsp"})

    def __init__(self, margin: Callable[[list[int], list[int]], float], room: int = 20) -> None:
        self.texts = FakeTexts(room)
        self.asked: list[ModelInput] = []
        self._margin = margin

    def next_sentence(self, rows: Sequence[ModelInput]) -> np.ndarray:
        self.asked += rows
        return np.array([[self._margin(*parts(row)), 0.0] for row in rows], np.float32).reshape(-1, 2)
