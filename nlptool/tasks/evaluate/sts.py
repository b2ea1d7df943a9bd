"""Agreement of similarities with human scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nlptool.records.pairs import Pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nlptool.tasks.embedder import Embedder

_TOGETHER = 4096  # texts that are embedded before the bar moves


class Sentences:
    """The sentences of all pairs, each embedded once however many pairs it stands in.

    Args:
        report: is told how many sentences of how many are embedded.
    """

    def __init__(self, found: list[Pair], embedder: Embedder, measure: str, report: Callable[[int, int], None]) -> None:
        import numpy as np

        from nlptool.geometry import rsa

        texts = list(dict.fromkeys(text for pair in found for text in (pair.first, pair.second)))
        vectors, known = [], []
        self.n_truncated = 0
        for start in range(0, len(texts), _TOGETHER):
            embeddings = embedder.encode(texts[start : start + _TOGETHER])
            rows = embeddings.vectors
            there = np.asarray(embeddings.n_tokens) > 0
            known.append(there & np.isfinite(rows).all(axis=1) & rsa.has_direction(rows, measure))
            vectors.append(np.where(known[-1][:, None], rows, 0))
            self.n_truncated += sum(embeddings.truncated)
            report(start + len(rows), len(texts))
        self._places = {text: place for place, text in enumerate(texts)}
        self._vectors = np.concatenate(vectors)
        self._known = np.concatenate(known)
        self._measure = measure

    def similarities(self, found: list[Pair]) -> NDArray[np.float64]:
        """similarities[i] is that of the two sentences of found[i], (n,): larger is more alike. NaN where one has no vector."""
        import numpy as np

        from nlptool.geometry.similarity import of_rows

        first = np.asarray([self._places[pair.first] for pair in found])
        second = np.asarray([self._places[pair.second] for pair in found])
        values = of_rows(self._vectors[first], self._vectors[second], self._measure)
        return np.where(self._known[first] & self._known[second], values, np.nan)


def agreement(
    similarities: NDArray[np.float64], scores: NDArray[np.float64], *, resamples: int, seed: int
) -> dict[str, Any]:
    """The correlations of similarities with scores, (n,) each, and their intervals; pairs whose similarity is NaN are skipped."""
    import numpy as np

    from nlptool.geometry import correlation as geometry_correlation

    used = np.isfinite(similarities)
    ours, theirs = similarities[used], scores[used]
    intervals = geometry_correlation.bootstrap(ours, theirs, resamples=resamples, seed=seed)
    said: dict[str, Any] = {"pairs": len(used), "used": len(ours), "skipped": len(used) - len(ours)}
    for name, correlation, interval in zip(
        ("spearman", "pearson"), (geometry_correlation.spearman, geometry_correlation.pearson), intervals, strict=True
    ):
        said[name] = geometry_correlation.rounded(correlation(ours, theirs))
        said[f"{name}_interval"] = interval and [geometry_correlation.rounded(end) for end in interval]
    return said


def no_result_reason(similarities: NDArray[np.float64], scores: NDArray[np.float64]) -> str:
    """Why there is no correlation."""
    used = [score for similarity, score in zip(similarities, scores, strict=True) if not math.isnan(similarity)]
    if len(used) < 2:
        return f"it needs two pairs whose sentences have vectors, here {'is 1' if used else 'are none'}"
    return f"all {len(used):,} {'scores' if len(set(used)) == 1 else 'similarities'} are the same"


def result_row(record: dict[str, Any]) -> dict[str, Any]:
    """A record for a table: the correlations with their intervals, without the rules."""
    row = {name: record[name] for name in ("file", "pairs", "used", "skipped", "spearman", "pearson", "model")}
    for name in ("spearman", "pearson"):
        if record[f"{name}_interval"]:
            row[name] = "{} ({}–{})".format(record[name], *record[f"{name}_interval"])
    return row
