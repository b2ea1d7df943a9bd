"""Which tags may follow each other, as arrays, for a search that keeps to a scheme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptool.models.taggers.schemes import OUTSIDE, SCHEMES, follows, parts_of


@dataclass(frozen=True, slots=True)
class Transitions:
    """What a scheme allows of T tags.

    Attributes:
        first: whether each tag may begin a sentence, (T,) bool.
        pairs: pairs[i, j] says whether tag j may follow tag i, (T, T) bool.
        last: whether each tag may end a sentence, (T,) bool.
    """

    first: NDArray[np.bool_]
    pairs: NDArray[np.bool_]
    last: NDArray[np.bool_]


def transitions(tags: Sequence[str], scheme: str) -> Transitions:
    """Return what a scheme allows of these tags.

    Args:
        scheme: one of ``schemes.SCHEMES``; any other name, of plain tags, allows everything.
    """
    n_tags = len(tags)
    if scheme not in SCHEMES:
        anywhere = np.ones(n_tags, bool)
        return Transitions(anywhere, np.ones((n_tags, n_tags), bool), anywhere)
    parts = [parts_of(tag) for tag in tags]
    return Transitions(
        np.array([follows(OUTSIDE, part, scheme) for part in parts], bool),
        np.array([[follows(before, here, scheme) for here in parts] for before in parts], bool).reshape(n_tags, n_tags),
        np.array([follows(part, OUTSIDE, scheme) for part in parts], bool),
    )
