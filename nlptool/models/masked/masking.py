"""Masked language modelling: which tokens are to be guessed, and what stands in their places.

J. Devlin et al.: BERT (NAACL 2019): 15 % of the tokens; of these 80 % become [MASK], 10 % any other piece, 10 % stay. With whole
words all pieces of a word are chosen together, as in Google's later models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Replacement:
    """What stands in the places of the tokens that are to be predicted, in shares of them; the others of them stay."""

    masked: float = 0.8  # [MASK]
    replaced: float = 0.1  # another piece

    @classmethod
    def parse(cls, text: str) -> Replacement:
        """Read three percentages that add up to 100, such as 80/10/10: [MASK], another piece, unchanged.

        Raises:
            ValueError: they are something else.
        """
        parts = text.split("/")
        if len(parts) != 3 or not all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", part) for part in parts):
            raise ValueError(f"{text!r} is not three percentages, such as 80/10/10")
        percentages = [float(part) for part in parts]
        if abs(sum(percentages) - 100) > 1e-6:
            raise ValueError(f"the percentages {text} add up to {sum(percentages):g}, not to 100")
        return cls(percentages[0] / 100, percentages[1] / 100)


USUAL = Replacement()
ALWAYS_MASKED = Replacement(1.0, 0.0)
"""[MASK] everywhere, as one evaluates."""


def choose(
    allowed: NDArray[np.bool_], continues: NDArray[np.bool_], rng: np.random.Generator, *, share: float = SHARE
) -> NDArray[np.bool_]:
    """Draw the tokens that are to be predicted, (B, T) bool: on average ``share`` of those allowed in each row, at least one.

    Words are drawn in a random order. The one that would go beyond the share is in or out at random, so that the share is
    exact in the mean, whatever the lengths of the words are; a short row of one long word can have none.

    Args:
        allowed: (B, T), tokens that can be chosen.
        continues: (B, T), tokens that belong to the same word as the token before; all False: each token is a word.
    """
    begins = allowed.copy()
    begins[:, 1:] &= ~(continues[:, 1:] & allowed[:, :-1])
    word = np.cumsum(begins).reshape(allowed.shape) - 1  # of each token that is allowed
    rows = np.nonzero(begins)[0]
    if not len(rows):
        return allowed.copy()
    lengths = np.bincount(word[allowed], minlength=len(rows))
    order = np.lexsort((rng.random(len(rows)), rows))
    before = np.cumsum(lengths[order]) - lengths[order]
    first = np.searchsorted(rows, rows, side="left")  # of each word, the first one of its row
    before -= before[first]
    budget = np.maximum(1.0, share * allowed.sum(axis=1))
    taken = np.zeros(len(rows), bool)
    taken[order] = before + rng.random(len(allowed))[rows] * lengths[order] < budget[rows]
    return np.asarray(allowed & taken[word])


def corrupt(
    ids: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    mask: int,
    pieces: NDArray[np.int64],
    replacement: Replacement = USUAL,
) -> NDArray[np.int64]:
    """Return ``ids`` (B, T) with [MASK], another piece, or the same piece at the positions that were chosen.

    Args:
        mask: the id of [MASK].
        pieces: ids of which a random one may replace a token.
    """
    found = ids.copy()
    draws = rng.random(int(chosen.sum()))
    others = pieces[rng.integers(0, len(pieces), len(draws))]
    changed = replacement.masked + replacement.replaced
    found[chosen] = np.where(draws < replacement.masked, mask, np.where(draws < changed, others, ids[chosen]))
    return found
