"""Similarities of words against human scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptool.geometry import correlation
from nlptool.models.words import evaluation
from nlptool.records.gold import Pair

if TYPE_CHECKING:
    from nlptool.models.words.evaluation import Vocabulary


def word_similarity(
    sections: Mapping[str, Sequence[Pair]], vocabulary: Vocabulary, *, case: str, oov: str
) -> list[dict[str, Any]]:
    """Return a record for each section if there are several, and one for all: correlations of cosines with scores.

    Args:
        case: the rule for capital letters by which the vocabulary was made: fold | exact.
        oov: what a pair with an unknown word counts as: skip | zero (a similarity of 0).
    """
    named = [*(sections.items() if len(sections) > 1 else ())]
    named.append(("total", [pair for pairs in sections.values() for pair in pairs]))
    rules = {"model": vocabulary.vectors.name, "vocabulary": vocabulary.size, "case": case, "oov": oov}
    return [{"section": name, **_agreement(pairs, vocabulary, oov), **rules} for name, pairs in named]


def _agreement(pairs: Sequence[Pair], vocabulary: Vocabulary, oov: str) -> dict[str, Any]:
    cosines = list(evaluation.similarities(vocabulary, [(pair.first, pair.second) for pair in pairs]))
    used = [
        (cosine or 0.0, pair.score)
        for cosine, pair in zip(cosines, pairs, strict=True)
        if cosine is not None or oov == "zero"
    ]
    similarities, scores = np.asarray(used, np.float64).reshape(-1, 2).T
    return {
        "pairs": len(pairs),
        "used": len(used),
        "skipped": cosines.count(None),
        "spearman": correlation.round_score(correlation.spearman(similarities, scores)),
        "pearson": correlation.round_score(correlation.pearson(similarities, scores)),
    }
