"""Nearest neighbors of words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from nlptool.errors import RecordError
from nlptool.geometry.top_k import normalize
from nlptool.models.words.lookup import match_info
from nlptool.records.json_bytes import field_value
from nlptool.records.record import Record
from nlptool.tasks.word_queries import WordModels, answers_json, looked_up, query_result, settings, zero_vector


def neighbors(
    lists: Iterable[list[Record]],
    models: WordModels,
    *,
    plus: tuple[str, ...] = (),
    minus: tuple[str, ...] = (),
    k: int,
    include_query: bool = False,
    restrict: int | None = None,
) -> Iterator[list[Record]]:
    """Give each record the words nearest to its own.

    Args:
        plus, minus: words whose unit vectors are added to that of the record's word, or subtracted from it.
        include_query: these words can be answers.
        restrict: search the first so many words of the vocabulary.
    """
    signs = np.asarray([1.0] * (1 + len(plus)) + [-1.0] * len(minus), np.float32)
    entry = settings(plus=plus, minus=minus, restrict=restrict, include_query=include_query)

    def all_words(record: Record) -> list[str]:
        return [_word(record), *plus, *minus]

    for records in lists:
        for lookup, queries in looked_up(records, models, all_words):
            vectors = np.stack([signs @ np.stack([match.vector for match in query.matches]) for query in queries])
            exclude = [] if include_query else [query.indices for query in queries]
            best = lookup.vectors.nearest(normalize(vectors), k, exclude=exclude, restrict=restrict)
            for query, vector, indices, scores in zip(queries, vectors, *best, strict=True):
                if not vector.any():
                    query.record.fail(zero_vector())
                    continue
                query.record.results = {
                    **query_result(query.record, query.words[0]),
                    "neighbors": answers_json(lookup, indices, scores),
                }
                query.record.entry = {"model": lookup.name, **entry, **match_info(query.words, query.matches)}
        yield records


def _word(record: Record) -> str:
    value = field_value(record.raw, "query")
    word = record.text.strip() if value is None else value
    if not isinstance(word, str):
        raise RecordError("BadQuery", "`query` is not a string")
    if not word:
        raise RecordError("BadQuery", "there is no word")
    return word
