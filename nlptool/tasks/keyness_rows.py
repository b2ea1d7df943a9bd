"""The special n-grams of corpora as rows: their measures, their order, their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry import association
from nlptool.geometry.keyness import Keys
from nlptool.geometry.rounding import as_json
from nlptool.records.formats.columns import Columns
from nlptool.tasks.counted_tokens import Counted
from nlptool.tasks.token_arrays import Names

MEASURES = ("log-likelihood", "chi2", "percent-diff", "log-ratio")

_CHUNK = 1 << 16  # rows that are made at once


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The special n-grams of one length.

    Attributes:
        sizes: n-grams of each corpus, (C,).
    """

    keys: Keys
    sizes: NDArray[np.int64]

    def measures(self) -> dict[str, NDArray[np.float64]]:
        """Return the values of each measure, (K,)."""
        here, there = self.keys.counts, self.keys.others
        size, others = self.sizes[self.keys.corpora], self.sizes.sum() - self.sizes[self.keys.corpora]
        return {
            "log-likelihood": association.log_likelihood(here, here + there, size, size + others),
            "chi2": association.chi_squared(here, here + there, size, size + others),
            "percent-diff": association.percent_difference(here, size, there, others),
            "log-ratio": association.log_ratio(here, size, there, others),
        }

    def order(self, names: Names, measure: str) -> NDArray[np.int64]:
        """Return the numbers of the n-grams in the order in which they are written, by corpora."""
        measures = self.measures()
        ranks = [names.ranks(column) for column in self.keys.columns]
        by = (-measures["log-likelihood"], -measures[measure], self.keys.corpora)
        order: NDArray[np.int64] = np.lexsort([*reversed(ranks), *by])
        return order


def columns_of(named: str, lengths: Sequence[int], format: str, *, by: str | None, measure: str) -> list[str]:
    """Return the names of the columns; a table has those that most people read."""
    first = ["group"] if by else []
    first += [named, *(["n"] if len(lengths) > 1 else [])]
    counts = ["count", "reference_count", *([] if format == "table" else ["per_million", "reference_per_million"])]
    measures = [name for name in MEASURES if format != "table" or name in ("log-likelihood", "log-ratio", measure)]
    dispersions = ["dispersion", "reference_dispersion"]
    return [
        *first,
        *counts,
        *(name.replace("-", "_") for name in measures),
        *dispersions[: 1 if format == "table" else 2],
    ]


def named_as(counted: Counted, lengths: Sequence[int]) -> str:
    """Return the name of the field that holds what is counted."""
    one = {"words": "word", "lemmas": "lemma", "chars": "char"}[counted.of]
    return one if tuple(lengths) == (1,) else "ngram"


def blocks(
    found: Mapping[int, Found], groups: Sequence[str], names: Names, named: str, *, measure: str, most: int | None
) -> Iterator[Columns]:
    """Yield what is written, group by group.

    Args:
        groups: names of the corpora; none: only those of the first are written.
        named: the field that holds an n-gram.
        measure: sorts the n-grams.
        most: n-grams of each length and group.
    """
    ordered = {n: of_length.order(names, measure) for n, of_length in found.items()}
    for group in range(max(1, len(groups))):
        for n, order in ordered.items():
            of_corpora = found[n].keys.corpora[order]
            start, end = np.searchsorted(of_corpora, [group, group + 1]).tolist()
            mine = order[start:end][:most]
            for begin in range(0, len(mine), _CHUNK):
                part = Found(found[n].keys.at(mine[begin : begin + _CHUNK]), found[n].sizes)
                block = _block(part, n, names, named)
                yield {"group": [groups[group]] * len(part.keys.counts), **block} if groups else block


def _block(found: Found, n: int, names: Names, named: str) -> dict[str, Sequence[object]]:
    keys_found = found.keys
    size = found.sizes[keys_found.corpora]
    return {
        named: names.names(keys_found.columns),
        "n": [n] * len(keys_found.counts),
        "count": keys_found.counts.tolist(),
        "reference_count": keys_found.others.tolist(),
        "per_million": as_json(1e6 * keys_found.counts / size),
        "reference_per_million": as_json(1e6 * keys_found.others / (found.sizes.sum() - size)),
        **{name.replace("-", "_"): as_json(values) for name, values in found.measures().items()},
        "dispersion": as_json(keys_found.dispersion),
        "reference_dispersion": as_json(keys_found.other_dispersion),
    }
