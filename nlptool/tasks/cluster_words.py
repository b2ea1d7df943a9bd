"""The words that say what a cluster is about: those with the highest c-TF-IDF (``geometry.tfidf``) among the words of content,
in Japanese with their compounds, as `keywords` finds them, that are at least twice as frequent in it as in all others together.

That leaves out words that are everywhere, in languages too of which no stop words and no parts of speech are known.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from nlptool.geometry import tfidf
from nlptool.geometry.clusters import NONE, Clusters
from nlptool.geometry.ngram_counts import Rows
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.tasks.embedded_records import EmbeddedRecords
from nlptool.tasks.keyword_candidates import CandidateSettings
from nlptool.tasks.keywords import Candidates
from nlptool.tasks.ngrams import NgramCounter
from nlptool.tasks.npy_rows import NpyRows
from nlptool.tasks.token_arrays import Portions, Words
from nlptool.text.scripts import is_japanese

Weighted = tuple[str, float]
"""A word and its c-TF-IDF."""

_SINGLE = CandidateSettings()
_COMPOUNDS = CandidateSettings((1, 2), maximal=True)  # of Japanese: its parts of speech say what is one
_SAMPLE = 100  # texts that decide
_CHUNK = 1000  # records whose words are found together
_POSSESSIVE = re.compile("['’]s$")
_MORE_FREQUENT = 2.0  # times as frequent in the cluster as in all others together


def label_words(
    items: EmbeddedRecords | NpyRows, clusters: Clusters, n_words: int, pipe: Pipe, *, workers: int | None = 1
) -> list[list[Weighted]]:
    """Return the words of each cluster, those with the highest weight first.

    Args:
        n_words: of each cluster, at most.
        workers: processes that split texts; None: as many as there are processors.
    """
    names, count = Words(punctuation=True), NgramCounter([1], grouped=True)
    portions = Portions(names, count)
    spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    n_done = 0
    numbers = clusters.numbers
    for records, found in Candidates(_candidates(items), workers)(_members(items, clusters)):
        for record, candidates in found:
            keys: list[str] = []
            for each in candidates:
                key = _POSSESSIVE.sub("", each.key)
                keys += [key] * each.n
                spellings[key][_POSSESSIVE.sub("", each.word)] += each.n
            portions.add(keys, int(numbers[record.number]))
        n_done += len(records)
        pipe.bar.work("words of clusters", n_done, len(items), "records")
    portions.end()
    sizes = np.zeros(len(clusters.centres), np.int64)  # words of each cluster
    sizes[: len(count.totals[1])] = count.totals[1]
    best: list[list[tuple[float, int]]] = [[] for _ in sizes]
    for rows in count.runs[1].merged():
        _add_best(best, rows, sizes, n_words)
    of_best = iter(names.names([np.array([id for words in best for _, id in words], np.uint32)]))
    return [
        [(spellings[next(of_best)].most_common(1)[0][0], float(f"{weight:.6g}")) for weight, _ in words]
        for words in best
    ]


def _candidates(items: EmbeddedRecords | NpyRows) -> CandidateSettings:
    """Return which words can say what a cluster is about: compounds, too, if most texts are Japanese."""
    n_japanese = sum(is_japanese([items.text(item)]) for item in range(min(_SAMPLE, len(items))))
    return _COMPOUNDS if 2 * n_japanese > min(_SAMPLE, len(items)) else _SINGLE


def _members(items: EmbeddedRecords | NpyRows, clusters: Clusters) -> Iterator[list[Record]]:
    """Yield the records that are in a cluster, each with the number of its item."""
    inside = np.flatnonzero(clusters.numbers != NONE).tolist()
    for first in range(0, len(inside), _CHUNK):
        records = []
        for item in inside[first : first + _CHUNK]:
            record = items.record(item)
            record.number = item
            records.append(record)
        yield records


def _add_best(best: list[list[tuple[float, int]]], rows: Rows, sizes: np.ndarray, n_words: int) -> None:
    """Add to the best words of each cluster, (weight, id), those of a block of rows that are better.

    Args:
        rows: the ids of words, and clusters; all rows of a word.
        sizes: words of each cluster, (K,).
    """
    words, of = rows.columns[0], rows.columns[1].astype(np.int64)
    _, places = np.unique(words, return_inverse=True)
    totals = np.bincount(places, rows.counts)[places]
    others = sizes.sum() - sizes[of]
    elsewhere = totals - rows.counts
    is_special = rows.counts * np.maximum(others, 1) >= _MORE_FREQUENT * elsewhere * sizes[of]
    weights = tfidf.class_tf_idf(rows.counts, sizes[of], totals, sizes.sum() / np.count_nonzero(sizes))
    chosen = np.flatnonzero(is_special)
    chosen = chosen[np.lexsort((words[chosen], -weights[chosen], of[chosen]))]
    starts = np.searchsorted(of[chosen], np.arange(len(sizes) + 1))
    for cluster in range(len(sizes)):
        mine = chosen[starts[cluster] : min(starts[cluster + 1], starts[cluster] + n_words)]
        if len(mine):
            new = zip(weights[mine].tolist(), words[mine].tolist(), strict=True)
            best[cluster] = sorted([*best[cluster], *new], key=lambda pair: (-pair[0], pair[1]))[:n_words]
