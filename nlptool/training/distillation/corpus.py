"""The corpus of a distillation: texts, translations, and pairs with similarity scores."""

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
    """The training data, and the dev pairs."""

    texts: list[str]
    translations: NDArray[np.int64]  # (P, 2), indices of texts that are translations of each other
    pairs: NDArray[np.int64]  # (S, 2), indices of texts with a score
    scores: NDArray[np.float32]  # (S,), from 0 to 1, higher is more similar
    dev: list[tuple[str, str, float]]


def collect(
    texts: Iterable[str],
    translations: Sequence[tuple[str, str]],
    scored: Sequence[tuple[str, str, float]],
    *,
    dev: float | Sequence[tuple[str, str, float]] = 0.0,
    seed: int = 1,
) -> Corpus:
    """Collect every different text once: the corpus, the translations and the scored pairs, without the held-out texts.

    Args:
        dev: the share of ``scored`` that is held out (``split_dev``), or the held-out pairs themselves.

    Raises:
        RunError: all scores are the same.
    """
    if isinstance(dev, float):
        is_dev = split_dev([(first, second) for first, second, _ in scored], dev, seed).tolist()
        dev = list(itertools.compress(scored, is_dev))
        scored = list(itertools.compress(scored, [not held_out for held_out in is_dev]))
    dev_texts = {text for first, second, _ in dev for text in (first, second)}
    scored = [pair for pair in scored if dev_texts.isdisjoint(pair[:2])]
    translations = [pair for pair in translations if dev_texts.isdisjoint(pair)]
    ids: dict[str, int] = {}
    for text in itertools.chain(texts, *translations, *(pair[:2] for pair in scored)):
        if text not in dev_texts:
            ids.setdefault(text, len(ids))
    scores = np.array([score for *_, score in scored], np.float64)
    if len(scores) and not np.ptp(scores):
        raise RunError(
            f"all {len(scores):,} scored pairs have the score {scores[0]:g}: there is nothing to learn from them"
        )
    return Corpus(
        list(ids),
        np.array([(ids[first], ids[second]) for first, second in translations], np.int64).reshape(-1, 2),
        np.array([(ids[first], ids[second]) for first, second, _ in scored], np.int64).reshape(-1, 2),
        ((scores - scores.min(initial=np.inf)) / max(1e-9, np.ptp(scores) if len(scores) else 1)).astype(np.float32),
        list(dev),
    )
