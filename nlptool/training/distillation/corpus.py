"""What a sentence encoder learns from: texts, translations, and pairs that people have scored."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.training.splits import split_dev


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is learned from, and the pairs that nothing is learned from."""

    texts: list[str]
    translations: NDArray[np.int64]  # (P, 2), indices of texts that mean the same
    pairs: NDArray[np.int64]  # (S, 2), indices of texts that people compared
    scores: NDArray[np.float32]  # (S,), from 0 to 1, higher is more alike
    dev: list[tuple[str, str, float]]


def collect(
    texts: Iterable[str],
    translations: Sequence[tuple[str, str]],
    scored: Sequence[tuple[str, str, float]],
    *,
    dev: float | Sequence[tuple[str, str, float]] = 0.0,
    seed: int = 1,
) -> Corpus:
    """Every different text once: the corpus, the translations and the scored pairs, without those that are held out.

    Args:
        dev: the share of ``scored`` that is held out (``held_out``), or the pairs themselves.

    Raises:
        RunError: all scores are the same.
    """
    if isinstance(dev, float):
        out = split_dev([(first, second) for first, second, _ in scored], dev, seed).tolist()
        dev = list(itertools.compress(scored, out))
        scored = list(itertools.compress(scored, [not each for each in out]))
    kept_out = {text for first, second, _ in dev for text in (first, second)}
    scored = [pair for pair in scored if kept_out.isdisjoint(pair[:2])]
    translations = [pair for pair in translations if kept_out.isdisjoint(pair)]
    places: dict[str, int] = {}
    for text in itertools.chain(texts, *translations, *(pair[:2] for pair in scored)):
        if text not in kept_out:
            places.setdefault(text, len(places))
    scores = np.array([score for *_, score in scored], np.float64)
    if len(scores) and not np.ptp(scores):
        raise RunError(
            f"all {len(scores):,} scored pairs have the score {scores[0]:g}: there is nothing to learn from them"
        )
    return Corpus(
        list(places),
        np.array([(places[first], places[second]) for first, second in translations], np.int64).reshape(-1, 2),
        np.array([(places[first], places[second]) for first, second, _ in scored], np.int64).reshape(-1, 2),
        ((scores - scores.min(initial=np.inf)) / max(1e-9, np.ptp(scores) if len(scores) else 1)).astype(np.float32),
        list(dev),
    )
