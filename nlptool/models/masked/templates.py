"""Texts with masks: where the masks are, what a word is made of that stands there, and the text with its masks filled in.

What is filled in stands in the user's own text, of which nothing else changes: no normalisation of the tokenizer, no small
letters, the blanks as they came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from nlptool.models.masked.fill import Candidate, Targets
from nlptool.models.masked.tokenizer import BLANKS, CONTINUES, continues

if TYPE_CHECKING:
    from nlptool.models.masked.tokenizer import MaskedLmTokenizer

MASKS = ("[MASK]", "<mask>")  # are understood, whatever the model's own is


def masks_of(texts: MaskedLmTokenizer) -> re.Pattern[str]:
    """Return the pattern that finds the masks of a text, in all their spellings."""
    return re.compile("|".join(map(re.escape, sorted({*MASKS, texts.mask_token}))))


class FillTexts:
    """How the pieces of a model become text again."""

    def __init__(self, texts: MaskedLmTokenizer) -> None:
        self._texts = texts
        self._masks = masks_of(texts)
        (two,) = texts.tokenize(["a a"])
        self._blank = next((mark for mark in BLANKS for id in two.ids[1:] if texts.piece(id).startswith(mark)), "")

    def split(self, text: str) -> list[str]:
        """Split a text at its masks: one part more than there are masks."""
        return self._masks.split(text)

    def join(self, parts: Sequence[str]) -> str:
        """Return the text as the model's tokenizer takes it."""
        return self._texts.mask_token.join(parts)

    def targets(self, words: Sequence[str]) -> dict[str, Targets]:
        """Return words as the only candidates, by where the mask stands (``context``).

        A word is cut as the tokenizer cuts it alone. Where pieces carry the blank before them, it has one unless the mask goes
        on with a word.

        Raises:
            ValueError: a word has no pieces, or is no word; the message says which.
        """
        own = self._texts.mask_token
        tokenized_texts = self._texts.tokenize(words)
        for word, tokenized in zip(words, tokenized_texts, strict=True):
            if tokenized.n_unknown or not tokenized.ids:
                raise ValueError(f"the model's vocabulary has no pieces for {word!r}")
            if not self._texts.special_ids.isdisjoint(tokenized.ids):
                raise ValueError(f"{word!r} is no word: it holds a special token of the model")
        start = [tokenized.ids for tokenized in tokenized_texts]
        if not self._blank:
            return dict.fromkeys(("start", "blank", "inside"), self._targets(words, start))
        behind = [
            self._behind_mask(tokenized.ids) for tokenized in self._texts.tokenize([f"{own} {word}" for word in words])
        ]
        inside = [
            self._behind_mask(tokenized.ids) for tokenized in self._texts.tokenize([f"{own}{word}" for word in words])
        ]
        return {
            "start": self._targets(words, start),
            "blank": self._targets(words, behind),
            "inside": self._targets(words, [self._without_blank(ids) for ids in inside]),
        }

    def context(self, parts: Sequence[str], mask: int) -> str:
        """Return where a mask stands: at the ``start`` of the text, behind a ``blank``, or ``inside`` a word or behind a
        mark.

        Where the blank before a mask is a piece of its own, what stands behind it needs none.
        """
        before = parts[mask]
        if not before.strip() and mask == 0:
            return "start"
        return "blank" if before[-1:].isspace() and self._takes_blank else "inside"

    def token(self, choice: Candidate) -> str:
        """Return a target as it was given, or a piece as ``decode`` of transformers writes it: `` sushi``, ``##ing``."""
        return choice.word or self._texts.text(choice.ids)

    def pieces(self, choice: Candidate) -> list[str]:
        """Return the pieces of a candidate as the vocabulary spells them."""
        return [self._texts.piece(id) for id in choice.ids]

    def filled(self, parts: Sequence[str], choices: Sequence[Candidate]) -> str:
        """Return the text with its masks filled in.

        A piece that goes on with a word stands right behind what is before it; one that brings a blank does not double it.
        """
        begun = text = parts[0]
        run: tuple[int, ...] = ()  # pieces decoded together: a character may be spread over several of them
        for number, choice in enumerate(choices):
            if run and self._goes_on(choice) and (not parts[number] or (self._takes_blank and parts[number].isspace())):
                run += choice.ids
            else:
                begun, run = text, choice.ids
            text = (begun + choice.word if choice.word else self._with(begun, run)) + parts[number + 1]
            run = () if choice.word else run
        return text

    def _goes_on(self, choice: Candidate) -> bool:
        """Return whether it belongs to the word before it."""
        first = self._texts.piece(choice.ids[0])
        if self._blank:
            return not first.startswith(self._blank)
        return continues(first)

    def _with(self, text: str, ids: tuple[int, ...]) -> str:
        """Return the text with pieces behind it."""
        written = self._texts.text(ids)
        if self._goes_on(Candidate(ids)):
            before = (self._takes_blank and text.rstrip()) or text  # blanks at the start of a line stay
            return before + (written if self._blank else written.removeprefix(CONTINUES))
        if self._blank:
            written = written.removeprefix(" ")
            return f"{text} {written}" if text and not text[-1].isspace() else text + written
        return text + written

    @cached_property
    def _takes_blank(self) -> bool:
        """Return whether the tokenizer drops the blank before a mask, so that what stands there brings its own."""
        with_blank, without = self._texts.tokenize([f"a {self._texts.mask_token}", f"a{self._texts.mask_token}"])
        return with_blank.ids == without.ids

    def _targets(self, words: Sequence[str], pieces: Sequence[Sequence[int]]) -> Targets:
        for word, ids in zip(words, pieces, strict=True):
            if len(ids) > self._texts.max_pieces():
                raise ValueError(f"{word[:20]!r}... has {len(ids):,} pieces, more than the model takes")
        return Targets([Candidate(tuple(ids), word) for word, ids in zip(words, pieces, strict=True)])

    def _behind_mask(self, ids: Sequence[int]) -> Sequence[int]:
        return ids[ids.index(self._texts.mask_id) + 1 :]

    def _without_blank(self, ids: Sequence[int]) -> Sequence[int]:
        """Return the pieces of a word that goes on with another, where the tokenizer puts a blank before every word."""
        rest = self._texts.piece(ids[0])
        if not rest.startswith(self._blank):
            return ids
        rest = rest.removeprefix(self._blank)
        if not rest:
            return ids[1:] or ids
        return [self._numbers[rest], *ids[1:]] if rest in self._numbers else ids

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {self._texts.piece(id): id for id in range(self._texts.size)}
