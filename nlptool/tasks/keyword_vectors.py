"""Keywords by the cosine of their vectors with that of the text (M. Grootendorst: KeyBERT, Minimal keyword extraction with BERT,
2020, https://doi.org/10.5281/zenodo.4461265), not too near to one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RecordError, RunError
from nlptool.geometry.measures import prepare
from nlptool.geometry.mmr import maximal_marginal_relevance
from nlptool.geometry.rounding import as_json
from nlptool.records.record import Record
from nlptool.tasks.embedder import Embedder
from nlptool.tasks.keyword_candidates import Candidate

_MOST_KEPT = 100_000  # vectors of words that are not embedded again
_BATCH = 4096  # words that are embedded at once

Scored = tuple[Record, list[Candidate], list[float | None]]


class KeywordVectors:
    """Chooses the keywords of records by vectors.

    Args:
        diversity: from 0 to 1, as of ``maximal_marginal_relevance``.
    """

    def __init__(self, embedder: Embedder, *, diversity: float) -> None:
        self._embedder = embedder
        self._diversity = diversity
        self._vectors: dict[str, NDArray[np.float32] | None] = {}  # of words, of length 1; None: it has none

    @property
    def model(self) -> str:
        return self._embedder.model

    def __call__(self, with_candidates: Sequence[tuple[Record, list[Candidate]]], k: int) -> Iterator[Scored]:
        """Yield each record that did not fail, its keywords, and their cosines with its text, the highest first."""
        with_vector, vectors = self._embedder([record for record, _ in with_candidates])
        rows = {id(record): row for row, record in enumerate(with_vector)}
        texts = prepare(vectors, "cosine")
        found = {id(record): candidates for record, candidates in with_candidates if id(record) in rows}
        self._embed(list(dict.fromkeys(candidate.word for each in found.values() for candidate in each)))
        for record, _ in with_candidates:
            if not record.pending:
                continue
            candidates = [each for each in found.get(id(record), ()) if self._vectors[each.word] is not None]
            if not candidates:
                yield record, [], []
                continue
            words = np.stack([vector for each in candidates if (vector := self._vectors[each.word]) is not None])
            text = texts[rows[id(record)]]
            if words.shape[1] != len(text):
                record.fail(
                    RecordError(
                        "OtherDimension", f"the vector has {len(text):,} components, those of words {words.shape[1]:,}"
                    )
                )
                continue
            cosines = np.clip(words @ text, -1, 1)
            chosen = maximal_marginal_relevance(cosines, words, k, diversity=self._diversity)
            chosen.sort(key=lambda index: -cosines[index])
            yield record, [candidates[index] for index in chosen], as_json(cosines[chosen].astype(np.float64))

    def _embed(self, words: Sequence[str]) -> None:
        """Embed the words that have not been."""
        if len(self._vectors) > _MOST_KEPT:
            self._vectors.clear()
        new = [word for word in words if word not in self._vectors]
        if new and self._embedder.dimension and not self._embedder.model:
            raise RunError(
                "the records' embeddings do not say which model made them, and words are to be embedded too",
                hint="-m names it",
            )
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            embeddings = self._embedder.encode(batch)
            vectors = prepare(embeddings.vectors, "cosine")
            for row, word in enumerate(batch):
                has_one = row not in embeddings.no_vector and row not in embeddings.errors
                self._vectors[word] = vectors[row] if has_one else None
