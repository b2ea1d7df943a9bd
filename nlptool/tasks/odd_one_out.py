"""The word that does not fit among others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import orjson

from nlptool.errors import RecordError
from nlptool.geometry.top_k import normalize
from nlptool.models.words.lookup import match_info
from nlptool.records.record import Record
from nlptool.tasks.word_queries import WordModels, looked_up, query_result, words_of


def odd_one_out(lists: Iterable[list[Record]], models: WordModels) -> Iterator[list[Record]]:
    """Give each record the word whose cosine with the mean of all (of their unit vectors) is the smallest."""
    for records in lists:
        for lookup, queries in looked_up(records, models, _several_words):
            for query in queries:
                vectors = np.stack([match.vector for match in query.matches])
                similarities = vectors @ normalize(vectors.mean(axis=0))
                order = np.argsort(similarities, kind="stable")
                ranked = [{"word": query.words[index], "similarity": similarities[index]} for index in order]
                query.record.results = {
                    **query_result(query.record, query.words),
                    "odd": orjson.dumps(query.words[order[0]]),
                    "similarities": orjson.dumps(ranked, option=orjson.OPT_SERIALIZE_NUMPY),
                }
                query.record.entry = {"model": lookup.name, **match_info(query.words, query.matches)}
        yield records


def _several_words(record: Record) -> list[str]:
    words = words_of(record)
    if len(words) < 3:
        raise RecordError("TooFewWords", f"three words or more have one that is odd, here are {len(words)}")
    return words
