"""Words of a text hidden behind masks, for a model to guess: what BERT is trained on, as text.

Which words are hidden, and what stands at their positions, is the choice of ``masking``. The text itself stays as it
was around them: a tokenizer may change letters and blanks on its way to the pieces (NFKC, lower case), so each word is found
again in the text, both folded until such changes make no difference.
"""

from __future__ import annotations

import functools
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptool.models.masked import masking
from nlptool.models.masked.templates import masks_of
from nlptool.models.masked.tokenizer import BLANKS, CONTINUES, continues

if TYPE_CHECKING:
    from nlptool.models.masked.tokenizer import MaskedLmTokenizer, TokenizedText

_MASKED, _SAME, _SEEN = -1, -2, -3  # what stands in the place of a word, where it is no other one
_BROKEN = "\N{REPLACEMENT CHARACTER}"  # some bytes of a letter, as a piece of byte-level BPE can be


@dataclass(frozen=True, slots=True)
class ClozeSettings:
    """What is hidden, and behind what."""

    share: float = masking.SHARE  # of the pieces
    unit: str = "words"  # or pieces
    always: bool = False  # [MASK] everywhere; else 80 % [MASK], 10 % another word, 10 % as they were
    seed: int = 1


@dataclass(frozen=True, slots=True)
class MaskedWord:
    """A word, or a piece, that is to be guessed."""

    text: str  # what stood there
    pieces: list[str]  # as the vocabulary spells them; each has a mask
    start: int  # offsets in the text, in characters
    end: int
    shown: str  # mask | other | same: what stands there now
    index: int | None  # of its first mask among those of the masked text, <mask> and the like too, from 0; or None


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with masks in it."""

    text: str
    hidden: list[MaskedWord]
    n_unknown: int  # pieces that the vocabulary lacks; they are never hidden
    rebuilt: str | None  # the text as its pieces make it, which is masked instead, since they were not found in it


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is hidden as a whole."""

    ids: list[int]
    surface: str | None  # None: nothing that could be found in a text


class ClozeMasker:
    """Hides words. What it does depends on the text, its number and the seed alone.

    Args:
        texts: the tokenizer of a masked language model.
    """

    def __init__(self, texts: MaskedLmTokenizer, settings: ClozeSettings) -> None:
        self._texts = texts
        self._settings = settings
        self._others = _beginnings(texts)
        self._masks = masks_of(texts)

    def __call__(self, texts: Sequence[tuple[int, str]]) -> list[Masked]:
        """Mask each text, which comes with its number."""
        tokenized_texts = self._texts.tokenize([text for _, text in texts])
        return [
            self._masked(number, text, tokenized)
            for (number, text), tokenized in zip(texts, tokenized_texts, strict=True)
        ]

    def _masked(self, number: int, text: str, tokenized: TokenizedText) -> Masked:
        units = list(self._units(tokenized))
        surfaces = [unit.surface for unit in units]
        spans = align(text, surfaces)
        rebuilt = spans is None
        if spans is None:
            text = self._texts.text(tokenized.ids)
            spans = align(text, surfaces) or [None] * len(units)
        can = [span is not None and unit.ids != [self._texts.mask_id] for span, unit in zip(spans, units, strict=True)]
        shown = self._shown(units, can, np.random.default_rng([self._settings.seed, number]))
        parts: list[str] = []
        hidden: list[MaskedWord] = []
        end = length = 0  # of what has been read of the text, and of what stands for it
        found: list[tuple[int, int]] = []  # masked words: where in hidden, and where in the masked text
        for unit, span, how in zip(units, spans, shown, strict=True):
            if how != _SEEN and span is not None:
                start, until = span
                stood = text[start:until]
                stands = stood if how == _SAME else self._standing(unit, how)
                kind = "mask" if how == _MASKED else "same" if stands == stood else "other"
                length += start - end
                if how == _MASKED:
                    found.append((len(hidden), length))
                pieces = list(map(self._texts.piece, unit.ids))
                hidden.append(MaskedWord(stood, pieces, start, until, kind, None))
                parts += [text[end:start], stands]
                length += len(stands)
                end = until
        masked = "".join([*parts, text[end:]])
        starts = [match.start() for match in self._masks.finditer(masked)]
        for which, start in found:
            hidden[which] = replace(hidden[which], index=bisect_left(starts, start))
        return Masked(masked, hidden, tokenized.n_unknown, rebuilt=text if rebuilt else None)

    def _standing(self, unit: _Unit, how: int) -> str:
        """Return what is written for masks, or for another piece."""
        return self._texts.mask_token * len(unit.ids) if how == _MASKED else self._texts.text([how]).strip()

    def _units(self, tokenized: TokenizedText) -> Iterator[_Unit]:
        """Yield the words, or the pieces, in order."""
        numbers = tokenized.words if self._settings.unit == "words" else range(len(tokenized.ids))
        for _, pairs in groupby(zip(numbers, tokenized.ids, strict=True), key=lambda pair: pair[0]):
            ids = [id for _, id in pairs]
            yield _Unit(ids, self._surface(ids))

    def _surface(self, ids: list[int]) -> str | None:
        if ids == [self._texts.mask_id]:
            return self._texts.mask_token
        if not self._texts.special_ids.isdisjoint(ids):
            return None
        first = self._texts.piece(ids[0])
        if continues(first):
            return "".join(self._texts.piece(id).removeprefix(CONTINUES) for id in ids)
        decoded = self._texts.text(ids)
        return None if _BROKEN in decoded else decoded

    def _shown(self, units: list[_Unit], can: list[bool], rng: np.random.Generator) -> list[int]:
        """Return what stands in the place of each unit: of those that are to be guessed the id of another piece, ``_MASKED``
        or ``_SAME``; of the rest ``_SEEN``."""
        lengths = np.array([len(unit.ids) for unit in units], np.int64)
        starts = np.cumsum(lengths) - lengths
        allowed = np.repeat(np.array(can, bool), lengths)[None, :]  # (1, T)
        continues = np.ones_like(allowed)
        continues[0, starts] = False
        chosen = np.zeros_like(allowed)
        while allowed.any() and not chosen.any():  # a word may be left out for its length, but one is to be guessed
            chosen = masking.choose(allowed, continues, rng, share=self._settings.share)
        found = masking.corrupt(
            np.full((1, len(units)), _SAME), chosen[:, starts], rng, mask=_MASKED, pieces=self._others,
            replacement=masking.ALWAYS_MASKED if self._settings.always else masking.USUAL,
        )  # fmt: skip
        return [int(how) for how in np.where(chosen[0, starts], found[0], _SEEN)]


def _beginnings(texts: MaskedLmTokenizer) -> Any:
    """Return (n,) pieces that a word begins with, of which one can stand for a word."""
    pieces = {id: texts.piece(id) for id in range(texts.size) if id not in texts.special_ids}
    blank = [id for id, piece in pieces.items() if piece.startswith(BLANKS) and len(piece) > 1]
    whole = [id for id, piece in pieces.items() if piece and not piece.startswith(CONTINUES) and piece[-1:] != "]"]
    return np.array(blank or whole, np.int64)


def align(text: str, surfaces: Sequence[str | None]) -> list[tuple[int, int] | None] | None:
    """Find where each of the surfaces stands in ``text``, in characters: one behind the other, with nothing between but blanks
    and what tokenizers drop, and anything where None stands.

    Returns:
        (start, end) of each; None for None, for a surface that is nothing but what tokenizers drop, and for those that come
        from the same character, as ㍿ may. None for all if they do not stand there like that.
    """
    folded = [(letter, position) for position, character in enumerate(text) for letter in _folded(character)]
    whole = "".join(letter for letter, _ in folded)
    runs = [(known, list(some)) for known, some in groupby(surfaces, key=lambda surface: surface is not None)]
    found: list[tuple[int, int] | None] = []
    end = 0
    for number, (known, some) in enumerate(runs):
        if not known:
            found += [None] * len(some)
            continue
        parts = [_folded(surface or "") for surface in some]
        run = "".join(parts)
        # The first run begins with the text, and the last one ends with it. Elsewhere the first place will do.
        last = number == len(runs) - 1
        start = 0 if number == 0 else len(whole) - len(run) if last else whole.find(run, end)
        if start < end or not whole.startswith(run, start) or (last and start + len(run) < len(whole)):
            return None
        for part in parts:
            end = start + len(part)
            found.append((folded[start][1], folded[end - 1][1] + 1) if part else None)
            start = end
    return _apart(text, found)


def _apart(text: str, found: list[tuple[int, int] | None]) -> list[tuple[int, int] | None]:
    """Drop spans that share a character, and extend each by the combining marks behind it."""
    there = [(number, *span) for number, span in enumerate(found) if span is not None]
    for (number, _, end), (following, start, _) in pairwise(there):
        if start < end:
            found[number] = found[following] = None
    for number, span in enumerate(found):
        if span is not None:
            start, end = span
            while end < len(text) and _is_mark(text[end]):
                end += 1
            found[number] = start, end
    return found


def _is_mark(character: str) -> bool:
    """Return whether it is an accent, a voice mark or the like of the letter before it."""
    return unicodedata.category(unicodedata.normalize("NFKD", character)[0]) in ("Mn", "Me")


@functools.lru_cache(1 << 16)
def _folded(text: str) -> str:
    """Remove what a tokenizer may change: case, widths, accents, blanks, control characters and pictures of them."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in decomposed if not _is_dropped(letter))


def _is_dropped(letter: str) -> bool:
    category = unicodedata.category(letter)
    return category[0] in "ZC" or category in ("Mn", "Me") or "\u2400" <= letter <= "\u2421"
