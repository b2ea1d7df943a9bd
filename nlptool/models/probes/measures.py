"""How well the trees of sentences are found, and how sure that is.

The measures are those of J. Hewitt, C. Manning (NAACL 2019), section 3. UUAS: of the edges of all gold trees, the share that is
in the found ones; punctuation is left out of both. Spearman's rho of distances is that between the rows of the two matrices of a
sentence, of depths that between the two lists; it is averaged over the sentences of each length, then over the lengths of 5 to
50 words. Root accuracy: the share of sentences whose root has the least depth of all words but punctuation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from nlptool.geometry.resampling import bootstrap
from nlptool.models.probes.trees import depths_of, distances_of, edges_of, spanning_tree

MEASURES = ("uuas", "distance_spearman", "root_accuracy", "depth_spearman")
_LENGTHS = range(5, 51)  # words of the sentences whose correlations count


@dataclass(frozen=True, slots=True)
class Judged:
    """The parts of the measures of each of N sentences, (N, 4) float64 each, in the order of ``MEASURES``.

    Attributes:
        values: correct edges, a correlation, 1 for the right root, a correlation.
        weights: gold edges, and 1 or 0 for what counts.
        lengths: (N,), the words of each sentence.
    """

    values: NDArray[np.float64]
    weights: NDArray[np.float64]
    lengths: NDArray[np.int64]

    def measured(self, times: NDArray[np.int64] | None = None) -> dict[str, float]:
        """Return the measures, of sentences that count so many times, (N,); None: once each."""
        counted = np.ones(len(self.lengths)) if times is None else times
        all_weights = self.weights * counted[:, None]
        found: dict[str, float] = {}
        for column, name in enumerate(MEASURES):
            values, weight = self.values[:, column], all_weights[:, column]
            if name.endswith("spearman"):
                sums = np.bincount(self.lengths, values * weight, minlength=1)
                counts = np.bincount(self.lengths, weight, minlength=1)
                found[name] = float(np.mean(sums[counts > 0] / counts[counts > 0])) if (counts > 0).any() else 0.0
            else:
                found[name] = float((values * counted).sum() / weight.sum()) if weight.sum() else 0.0
        return found


def judge(
    heads: Sequence[Sequence[int]],
    punctuation: Sequence[Sequence[bool]],
    distances: Sequence[NDArray[np.floating]],
    depths: Sequence[NDArray[np.floating]],
) -> Judged:
    """Compare predicted distances (n, n) and depths (n,) of sentences with their gold trees."""
    values, weights = np.zeros((len(heads), 4)), np.zeros((len(heads), 4))
    for number, (of_sentence, marks, distance, depth) in enumerate(
        zip(heads, punctuation, distances, depths, strict=True)
    ):
        kept = np.flatnonzero(~np.asarray(marks, bool))
        gold = {(first, second) for first, second in edges_of(of_sentence) if not (marks[first] or marks[second])}
        found = {(int(kept[first]), int(kept[second])) for first, second in spanning_tree(distance[np.ix_(kept, kept)])}
        values[number, 0], weights[number, 0] = len(gold & found), len(gold)
        root = of_sentence.index(-1)
        if len(kept) > 1 and not marks[root]:
            values[number, 2], weights[number, 2] = kept[np.argmin(depth[kept])] == root, 1
        if len(of_sentence) in _LENGTHS:
            values[number, 1] = _spearman(distances_of(of_sentence), distance).mean()
            values[number, 3] = _spearman(depths_of(of_sentence)[None], depth[None])[0]
            weights[number, [1, 3]] = 1
    return Judged(values, weights, np.array([len(of_sentence) for of_sentence in heads], np.int64))


def chain(heads: Sequence[Sequence[int]], *, root_is_last: bool) -> tuple[list[NDArray[np.float64]], ...]:
    """Return the distances and the depths of the baseline of the paper: each word hangs at its neighbour.

    Args:
        root_is_last: the last word has the depth 0, not the first.
    """
    places = [np.arange(len(of_sentence), dtype=np.float64) for of_sentence in heads]
    distances = [np.abs(place[:, None] - place) for place in places]
    return distances, [place[::-1] if root_is_last else place for place in places]


def intervals(judged: Judged, *, resamples: int, seed: int) -> dict[str, tuple[float, float]]:
    """Return the 95 % bootstrap intervals of the measures over sentences."""
    return bootstrap(judged.measured, len(judged.lengths), resamples=resamples, seed=seed)


def margins(judged: Judged, other: Judged, *, resamples: int, seed: int) -> dict[str, tuple[float, float]]:
    """Return the intervals of the differences to other predictions for the same sentences, drawn together."""

    def differences(times: NDArray[np.int64]) -> Mapping[str, float]:
        ours, theirs = judged.measured(times), other.measured(times)
        return {name: ours[name] - theirs[name] for name in MEASURES}

    return bootstrap(differences, len(judged.lengths), resamples=resamples, seed=seed)


def _spearman(gold: NDArray[np.generic], predicted: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return Spearman's rho of each row of two matrices (R, n); 0 where all numbers of a row are equal."""
    first, second = (rankdata(matrix, axis=1) for matrix in (gold, predicted))
    first, second = first - first.mean(axis=1, keepdims=True), second - second.mean(axis=1, keepdims=True)
    norms = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    found: NDArray[np.float64] = np.divide(
        (first * second).sum(axis=1), norms, out=np.zeros(len(norms)), where=norms > 0
    )
    return found
