"""Analogies: A is to B as the answer is to C (Mikolov et al. 2013; 3CosMul: Levy and Goldberg 2014)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from nlptool.errors import RecordError
from nlptool.geometry.top_k import normalize
from nlptool.models.words.lookup import match_info
from nlptool.records.record import Record
from nlptool.tasks.word_queries import (
    WordModels,
    answers_json,
    looked_up,
    query_result,
    settings,
    words_of,
    zero_vector,
)


def analogy(
    lists: Iterable[list[Record]],
    models: WordModels,
    *,
    method: str,
    k: int,
    include_query: bool,
    restrict: int | None,
) -> Iterator[list[Record]]:
    """Give each record its answers: the words x with the largest cos(x, a - b + c), or by 3CosMul.

    Args:
        method: 3cosadd | 3cosmul.
        include_query: the words of the query can be answers.
        restrict: search the first so many words of the vocabulary.
    """
    entry = settings(method=method, restrict=restrict, include_query=include_query)
    for records in lists:
        for lookup, queries in looked_up(records, models, _three_words):
            vectors = np.stack([[match.vector for match in query.matches] for query in queries])  # (Q, 3, D)
            rules: dict[str, Any] = {
                "exclude": [] if include_query else [query.indices for query in queries], "restrict": restrict
            }  # fmt: skip
            sums = vectors[:, 0] - vectors[:, 1] + vectors[:, 2]
            if method == "3cosmul":
                best = lookup.vectors.nearest_by_product(vectors[:, [0, 2]], vectors[:, [1]], k, **rules)
            else:
                best = lookup.vectors.nearest(normalize(sums), k, **rules)
            score = "score" if method == "3cosmul" else "similarity"
            for query, total, indices, scores in zip(queries, sums, *best, strict=True):
                if not total.any():
                    query.record.fail(zero_vector())
                    continue
                query.record.results = {
                    **query_result(query.record, query.words),
                    "answers": answers_json(lookup, indices, scores, score),
                }
                query.record.entry = {"model": lookup.name, **entry, **match_info(query.words, query.matches)}
        yield records


def _three_words(record: Record) -> list[str]:
    words = words_of(record)
    if len(words) != 3:
        raise RecordError(
            "NotThreeWords",
            f"an analogy has three words, this has {len(words)}: A B C asks for A - B + C",
            hint="a word with a blank in it: separate the three with tabs",
        )
    return words
