"""Questions to a corpus: a search finds the passages, and a reader finds the answers in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from nlptool.errors import RecordError
from nlptool.records.json_bytes import field_value, type_of
from nlptool.records.pipe import Pipe
from nlptool.records.questions import GOLD
from nlptool.records.record import Record
from nlptool.specs import EncoderSpec, ReaderSpec
from nlptool.tasks import word_queries
from nlptool.tasks.answer import Answers, Asked, Choice, checked
from nlptool.tasks.each_record import with_read
from nlptool.tasks.search import open_corpus, search

if TYPE_CHECKING:
    from nlptool.models.readers.reader import Reader

_QUESTION = "question"
_QUERY, _NEIGHBORS = "query", "neighbors"  # the results of ``tasks.search``


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where the answers are looked for.

    Attributes:
        paths: a folder of an index, or files.
        n_passages: that are read for a question.
        encoder: that finds them; "": that of the index, or the default.
        memory: bytes of scores that may be held.
    """

    paths: tuple[str, ...]
    n_passages: int
    encoder: str
    memory: int


def answer_from_corpus(
    pipe: Pipe, reader: Reader, choice: Choice, corpus: Corpus, *, question: str | None, spec: ReaderSpec
) -> Iterator[list[Record]]:
    """Yield questions, the one that is given or those of the input, with the best answers of a corpus.

    Args:
        question: None: those of the input.
        spec: of the reader; the encoder is run likewise.

    Raises:
        WrongUsage: there is an index among several paths.
        RunError: the corpus has no vectors.
    """
    of_encoder = EncoderSpec(
        corpus.encoder, device=spec.device, threads=spec.threads, offline=spec.offline, allow_pickle=spec.allow_pickle,
        deterministic=spec.deterministic,
    )  # fmt: skip
    items, embedder = open_corpus(pipe, corpus.paths, of_encoder)
    asked = word_queries.read(pipe, [question] if question is not None else [], field=_QUESTION)
    found = search(_with_questions(asked), items, embedder, k=corpus.n_passages, memory=corpus.memory)
    return answer_found(found, reader, choice)


def _with_questions(lists: Iterable[list[Record]]) -> Iterator[list[Record]]:
    """Take the field ``question`` of a record for its text."""
    for records in lists:
        for record in records:
            question = field_value(record.raw, _QUESTION) if record.pending else None
            if isinstance(question, str):
                record.text = question
            elif question is not None:
                record.fail(RecordError("NotText", f"`{_QUESTION}` holds {type_of(question)}, not a string"))
        yield records


def answer_found(lists: Iterable[list[Record]], reader: Reader, choice: Choice) -> Iterator[list[Record]]:
    """Give each record the best answers in the passages that a search found for it, each answer with its passage.

    Args:
        lists: records whose text is the question, with the result ``neighbors``.
    """
    answers = Answers(reader, choice)
    for records in lists:
        passages = {id(record): _taken(record) for record in records if record.pending}

        def asked_of(record: Record, passages: Mapping[int, Sequence[dict[str, Any]]] = passages) -> Asked:
            return _asked(record, passages[id(record)])

        answers([item for item in with_read(records, asked_of) if item[1]], passages)
        yield records


def _taken(record: Record) -> list[dict[str, Any]]:
    """Take the passages out of the results of a record; the query is its question from now on."""
    found: list[dict[str, Any]] = orjson.loads(record.results[_NEIGHBORS]) or []
    rest = {name: value for name, value in record.results.items() if name not in (_QUERY, _NEIGHBORS)}
    record.results = {**rest, GOLD: b"[]"}
    if field_value(record.raw, _QUESTION) != record.text:
        record.results = {_QUESTION: orjson.dumps(record.text), **record.results}
    return found


def _asked(record: Record, passages: Sequence[Mapping[str, Any]]) -> Asked:
    if any(not isinstance(passage.get("text"), str) for passage in passages):
        raise RecordError("NoText", "the corpus has vectors alone: there is no text to read")
    return [checked(record.text, passage["text"]) for passage in passages]
