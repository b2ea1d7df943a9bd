"""Search a corpus for the records whose binary codes are within a Hamming distance of each record's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.errors import RecordError, RunError, WrongUsage
from nlptool.geometry import binary_codes
from nlptool.geometry.index_folder import is_index
from nlptool.geometry.measures import prepare
from nlptool.records.formats.record_rows import Layout
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.tasks.coded_records import CodedRecords, CodeReader, has_embedding
from nlptool.tasks.embedded_records import refuse_binary
from nlptool.tasks.embedder import Embedder
from nlptool.tasks.hash import Hasher
from nlptool.tasks.hash_models import hasher_of
from nlptool.tasks.word_queries import query_result, take_query

if TYPE_CHECKING:
    from nlptool.specs import EncoderSpec

_BLOCK = 8192  # vectors that are compared together

LAYOUT = Layout(
    {"query": str},
    answers="neighbors",
    answer_columns={
        "index": ("neighbor_index", int), "text": ("neighbor", str), "distance": ("distance", int),
        "similarity": ("similarity", float),
    },
    prefix="neighbor_",
)  # fmt: skip


def open_corpus(pipe: Pipe, paths: tuple[str, ...], radius: int, spec: EncoderSpec) -> CodedRecords:
    """Read the records of a corpus that have codes.

    Raises:
        RunError: none has, or it is an index.
        WrongUsage: the radius is larger than a code.
    """
    pipe.id_is_optional = True  # queries may be text
    for path in paths:
        if is_index(Path(path)):
            raise RunError(
                f"{path} is an index of vectors, and has no codes",
                hint="--corpus takes records with codes here: nlptool embed FILE | nlptool hash > codes.jsonl",
            )
    corpus = CodedRecords()
    with pipe.beside(*paths) as beside:
        documents = Embedder(beside, replace(spec, model=""))
        beside.consume(corpus.add(refuse_binary(beside.read()), documents, id_field=beside.id_field))
    if not len(corpus):
        raise RunError(
            f"there is nothing to search in: no record of {', '.join(paths)} has a code",
            hint="nlptool hash gives them one: nlptool hash corpus.txt > codes.jsonl",
        )
    if corpus.n_without:
        pipe.note(f"corpus: records without a code, which were left out: {corpus.n_without:,}")
    n_bits = corpus.reader.n_bits
    if radius > n_bits:
        raise WrongUsage(f"--hamming {radius} is more than the {n_bits:,} bits of a code: all records are that near")
    return corpus


class _Query(NamedTuple):
    """A record with its code, and the embedding if there is one."""

    record: Record
    code: bytes
    vector: NDArray[np.float32] | None  # (D,)


class CodeSearch:
    """Finds the records of a corpus whose codes differ from that of a query in at most ``radius`` bits.

    Where the query and all records of the corpus have embeddings, the answers are in the order of the cosine, else in that of the
    distance; equal ones in the order of the corpus.
    """

    def __init__(self, pipe: Pipe, corpus: CodedRecords, spec: EncoderSpec, radius: int) -> None:
        self._pipe, self._spec = pipe, spec
        self._corpus, self._radius = corpus, radius
        self._hasher: Hasher | None = None
        self._reader = CodeReader(corpus.reader.made_by, corpus.reader.n_digits)
        self._given = Embedder(pipe, replace(spec, model=""))  # of queries that bring a code and an embedding

    def search(self, lists: Iterator[list[Record]], k: int) -> Iterator[list[Record]]:
        """Give each record the ``k`` best of its answers."""
        made_by = self._corpus.reader.made_by
        entry = {"model": made_by.get("model"), "method": made_by.get("method"), "bits": self._corpus.reader.n_bits}
        entry["hamming"] = self._radius
        for records in lists:
            queries, reasons = self._queries(records)
            for record in records:
                if record.pending:
                    record.results = {**query_result(record, record.text), "neighbors": b"null"}
                    reason = reasons.get(id(record))
                    record.entry = {**entry, **record.entry, **({"reason": reason} if reason else {})}
            words = binary_codes.as_words([query.code for query in queries])
            for query, code in zip(queries, words, strict=True):
                answers, n_within = self._answers(code, query.vector, k)
                query.record.results = {**query.record.results, "neighbors": orjson.dumps(answers)}
                query.record.entry = {**query.record.entry, "n_within": n_within}
            yield records

    def say(self) -> None:
        """Say on stderr what was noted of the queries."""
        if self._hasher is not None:
            self._hasher.say()

    def _answers(
        self, code: NDArray[np.uint64], vector: NDArray[np.float32] | None, k: int
    ) -> tuple[list[dict[str, Any]], int]:
        """Return the answers of a query, and how many records are within the radius.

        Args:
            vector: (D,), the embedding of the query.
        """
        corpus = self._corpus
        items, distances = corpus.codes.within(code, self._radius)
        cosines = None
        if vector is not None and vector.any() and corpus.vectors is not None:
            cosines = _cosines(corpus.vectors, items, prepare(vector[None], "cosine")[0])
        order = np.argsort(distances if cosines is None else -cosines, kind="stable")[:k]
        answers = []
        for place in order.tolist():
            answer = {**corpus.shown(int(items[place])), "distance": int(distances[place])}
            if cosines is not None:
                answer["similarity"] = round(float(cosines[place]), 7)
            answers.append(answer)
        return answers, len(items)

    def _queries(self, records: list[Record]) -> tuple[list[_Query], dict[int, str]]:
        """Return the records that have a code, their own or one that is made of their text or embedding, and the reasons of
        others."""
        own: list[tuple[Record, bytes]] = []
        others: list[Record] = []
        for record in records:
            if not record.pending:
                continue
            try:
                take_query(record)
                code = self._reader(record)
            except RecordError as error:
                record.fail(error)
                continue
            if code is None:
                others.append(record)
            else:
                own.append((record, code))
        with_vector, vectors = self._given(record for record, _ in own if has_embedding(record))
        vector_of = dict(zip(map(id, with_vector), vectors, strict=True))
        queries = [_Query(record, code, vector_of.get(id(record))) for record, code in own if record.pending]
        if not others:
            return queries, {}
        if self._hasher is None:
            self._hasher = hasher_of(self._corpus.reader, self._pipe, self._spec)
        hashed = self._hasher(others)
        for row, record in enumerate(hashed.records):
            vector = hashed.vectors[row] if hashed.vectors is not None else None
            queries.append(_Query(record, hashed.codes[row].tobytes(), vector))
        return queries, hashed.reasons


def _cosines(vectors: NDArray[np.float32], items: NDArray[np.int64], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the products of some unit vectors with one, (n,)."""
    found = np.empty(len(items), np.float32)
    for first in range(0, len(items), _BLOCK):
        part = slice(first, first + _BLOCK)
        found[part] = vectors[items[part]] @ query
    return found
