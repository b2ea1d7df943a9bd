"""Semantic textual similarity: how well similarities of sentence vectors agree with human scores (STS-B, JSTS)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptool.errors import RecordError, RunError
from nlptool.geometry import correlation as geometry_correlation
from nlptool.geometry import rsa
from nlptool.geometry.measures import pairwise
from nlptool.records import gold
from nlptool.records.gold import Layout, Pair
from nlptool.records.pipe import Pipe
from nlptool.records.record import STDIN
from nlptool.tasks.languages import UNSEEN_SCRIPT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nlptool.tasks.embedder import Embedder

_CHUNK = 4096  # texts that are embedded before the bar moves


def sts(pipe: Pipe, embedder: Embedder, layout: Layout, *, resamples: int, seed: int) -> list[dict[str, Any]]:
    """Return a record for each file of the input that has pairs.

    Args:
        layout: where a row of the input holds its texts and its score.
        resamples: of the bootstrap, for the intervals; 0: none.

    Raises:
        RunError: a file has no pairs, or none can be read.
    """
    files = [
        (STDIN if path == "-" else path, gold.read(pipe, path, layout, pipe.form)) for path in pipe.files or ("-",)
    ]
    all_pairs = [pair for _, scored_pairs in files for pair in scored_pairs]
    if not all_pairs:
        raise RunError("there are no pairs", hint="two sentences and a number a line, with tabs or commas between them")
    with pipe.bar as bar:
        sentences = Sentences(all_pairs, embedder, lambda done, total: bar.work("embed", done, total, "sentences"))
    for text, error in itertools.islice(sentences.errors.items(), 1):
        pipe.note(
            f"sentences at which the model fails: {len(sentences.errors):,}; the first, {text!r:.60}: {error.message}"
        )
    pipe.tally.n_failed += len(sentences.errors)
    embedder.say()
    rules = {"model": embedder.model, "measure": embedder.measure, "bootstrap": resamples, "seed": seed}
    records = []
    for name, scored_pairs in files:
        if not scored_pairs:  # the file is not there, which has been said
            continue
        similarities = sentences.similarities(scored_pairs)
        scores = np.asarray([pair.score for pair in scored_pairs], np.float64)
        agreement = _agreement(similarities, scores, resamples=resamples, seed=seed)
        records.append({"file": name, **agreement, **sentences.unknown(scored_pairs), **rules})
        if records[-1]["spearman"] is None:
            pipe.note(f"{name}: there is no correlation: {_no_result_reason(similarities, scores)}")
        if n_skipped := records[-1]["skipped"] - sentences.n_failed(scored_pairs):
            pipe.note(f"{name}: pairs left out, with a sentence of which {embedder.model} knows no word: {n_skipped:,}")
        if not records[-1]["used"]:
            pipe.tally.fail_input(f"{name}: none of its {len(scored_pairs):,} pairs can be used", "")
    return records


class Sentences:
    """The vectors of the sentences of all pairs, each embedded once however many pairs it stands in.

    Args:
        report: called with the number of sentences embedded, and of all.

    Attributes:
        errors: of sentences at which the model fails.
    """

    def __init__(self, all_pairs: Sequence[Pair], embedder: Embedder, report: Callable[[int, int], None]) -> None:
        texts = list(dict.fromkeys(text for pair in all_pairs for text in (pair.first, pair.second)))
        chunks, usable = [], []
        self._entries: list[dict[str, Any]] = []
        self.errors: dict[str, RecordError] = {}
        for start in range(0, len(texts), _CHUNK):
            embeddings = embedder.encode(texts[start : start + _CHUNK])
            vectors = embeddings.vectors
            self.errors |= {texts[start + row]: error for row, error in embeddings.errors.items()}
            has_tokens = np.asarray(embeddings.n_tokens) > 0
            has_tokens[list(embeddings.no_vector)] = False
            usable.append(has_tokens & np.isfinite(vectors).all(axis=1) & rsa.has_direction(vectors, embedder.measure))
            chunks.append(np.where(usable[-1][:, None], vectors, 0))
            self._entries += embedder.entries(embeddings, texts[start : start + _CHUNK])
            report(start + len(vectors), len(texts))
        self._rows = {text: row for row, text in enumerate(texts)}
        self._vectors = np.concatenate(chunks)
        self._usable = np.concatenate(usable)
        self._measure = embedder.measure

    def n_failed(self, scored_pairs: Sequence[Pair]) -> int:
        """Return how many pairs have a sentence at which the model fails."""
        return sum(pair.first in self.errors or pair.second in self.errors for pair in scored_pairs)

    def similarities(self, scored_pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """Return similarities[i], that of the two sentences of pair i, (N,): larger is more alike. NaN: one has no vector."""
        first = np.asarray([self._rows[pair.first] for pair in scored_pairs])
        second = np.asarray([self._rows[pair.second] for pair in scored_pairs])
        values = pairwise(self._vectors[first], self._vectors[second], self._measure)
        return np.where(self._usable[first] & self._usable[second], values, np.nan)

    def unknown(self, scored_pairs: Sequence[Pair]) -> dict[str, int]:
        """Count what the model does not know of the sentences of pairs: pieces or words, and sentences in another script."""
        entries = [
            self._entries[self._rows[text]]
            for text in {text for pair in scored_pairs for text in (pair.first, pair.second)}
        ]
        return {
            "n_unknown": sum(entry.get("n_unknown", 0) for entry in entries),
            f"n_{UNSEEN_SCRIPT}": sum(UNSEEN_SCRIPT in entry for entry in entries),
        }


def _agreement(
    similarities: NDArray[np.float64], scores: NDArray[np.float64], *, resamples: int, seed: int
) -> dict[str, Any]:
    """Correlate similarities with scores, (N,) each, with intervals; pairs whose similarity is NaN are skipped."""
    used = np.isfinite(similarities)
    similarities, scores = similarities[used], scores[used]
    intervals = geometry_correlation.bootstrap(similarities, scores, resamples=resamples, seed=seed)
    result: dict[str, Any] = {"pairs": len(used), "used": len(scores), "skipped": len(used) - len(scores)}
    for name, correlation, interval in zip(
        ("spearman", "pearson"), (geometry_correlation.spearman, geometry_correlation.pearson), intervals, strict=True
    ):
        result[name] = geometry_correlation.round_score(correlation(similarities, scores))
        result[f"{name}_interval"] = interval and [geometry_correlation.round_score(end) for end in interval]
    return result


def _no_result_reason(similarities: NDArray[np.float64], scores: NDArray[np.float64]) -> str:
    """Return why there is no correlation."""
    used = [score for similarity, score in zip(similarities, scores, strict=True) if not math.isnan(similarity)]
    if len(used) < 2:
        return f"it needs two pairs whose sentences have vectors, here {'is 1' if used else 'are none'}"
    return f"all {len(used):,} {'scores' if len(set(used)) == 1 else 'similarities'} are the same"


def table_rows(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each record: the correlations with their intervals, without the rules."""
    rows = []
    for record in records:
        row = {name: record[name] for name in ("file", "pairs", "used", "skipped", "spearman", "pearson", "model")}
        for name in ("spearman", "pearson"):
            if record[f"{name}_interval"]:
                row[name] = "{} ({}–{})".format(record[name], *record[f"{name}_interval"])
        rows.append(row)
    return rows
