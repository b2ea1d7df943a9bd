"""Similarities of words against human scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptool.errors import RecordError
from nlptool.geometry import correlation
from nlptool.models.words import evaluation
from nlptool.records.record import Record

if TYPE_CHECKING:
    from nlptool.models.words.evaluation import Vocabulary

ScoredPair = tuple[str, str, float]


def word_similarity(
    sections: Mapping[str, Sequence[ScoredPair]], vocabulary: Vocabulary, *, case: str, oov: str
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


def _agreement(pairs: Sequence[ScoredPair], vocabulary: Vocabulary, oov: str) -> dict[str, Any]:
    cosines = list(evaluation.similarities(vocabulary, [(first, second) for first, second, _ in pairs]))
    used = [
        (cosine or 0.0, score)
        for cosine, (_, _, score) in zip(cosines, pairs, strict=True)
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


def parse_pair(record: Record) -> ScoredPair | None:
    """Parse two words and the first number behind them; None for a header.

    Raises:
        RecordError: the line is neither.
    """
    line = record.text.strip()
    separator = next((mark for mark in "\t," if mark in line), None)  # the words may hold blanks then
    cells = [cell.strip() for cell in line.split(separator)]
    numbers = [number for cell in cells[2:] if (number := _number(cell)) is not None]
    if numbers and math.isfinite(numbers[0]):
        return cells[0], cells[1], numbers[0]
    if record.line == 1 and all(_number(cell) is None for cell in cells):
        return None
    raise RecordError("NotAPair", "a pair is two words and a number, with tabs, commas or blanks between them")


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
