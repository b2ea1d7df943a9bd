"""The keywords of each record: by tf-idf, or by the cosine of their vectors with that of the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from nlptool.errors import RunError
from nlptool.geometry.document_frequencies import DocumentFrequencies
from nlptool.geometry.rounding import as_json
from nlptool.geometry.tfidf import tf_idf
from nlptool.records.formats.cells import Answers
from nlptool.records.formats.record_rows import Layout
from nlptool.records.given_or_made import given_or_made
from nlptool.records.notes import Note
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.windows import joined
from nlptool.records.workers import Workers
from nlptool.tasks.kept_records import KeptRecords
from nlptool.tasks.keyword_candidates import Candidate, CandidateFinder, CandidateSettings

if TYPE_CHECKING:
    from nlptool.tasks.keyword_vectors import KeywordVectors

TF_IDF, EMBEDDING = METHODS = ("tf-idf", "embedding")

LAYOUT = Layout(
    {},
    answers="keywords",
    answer_columns={"word": ("word", str), "score": ("score", float), "count": ("count", int)},
)
TABLE = Answers("keywords", {"word": ("word", str), "score": ("score", float), "count": ("count", int)})
NOTES: dict[str, Note] = {"reason": lambda counts: f"texts without a keyword: {counts.total():,}"}

_NONE = "no word of content"
_CHUNK = 1000  # records that are written together


class Candidates:
    """Finds the candidates of records: among the ``tokens`` that they bring along, else among the words of their texts.

    Args:
        workers: processes; None: as many as pay.
    """

    def __init__(self, settings: CandidateSettings, workers: int | None) -> None:
        self._finder = CandidateFinder(settings)
        self._workers: Workers[list[Candidate]] = Workers(workers, CandidateFinder, settings)

    def __call__(
        self, lists: Iterator[list[Record]]
    ) -> Iterator[tuple[list[Record], list[tuple[Record, list[Candidate]]]]]:
        """Yield each list of records, and those of them that did not fail with their candidates."""
        return given_or_made(lists, self._finder.given, self._workers)


@dataclass(slots=True)
class Keywords:
    """Gives records their keywords.

    Attributes:
        k: the number of keywords of a record.
        entry: of each record.
    """

    candidates: Candidates
    k: int
    entry: dict[str, Any]

    def by_reference(self, pipe: Pipe, reference: Sequence[str]) -> Iterator[list[Record]]:
        """Yield the records of ``pipe``, scored by tf-idf with the document frequencies of other files.

        Raises:
            RunError: these have no texts.
        """
        with pipe.beside(*reference) as beside:
            frequencies = self._frequencies(beside)
        if not frequencies.n_texts:
            raise RunError(f"{', '.join(reference)}: there are no texts to count the document frequencies in")
        self.entry["n_texts"] = frequencies.n_texts
        for records, with_candidates in self.candidates(joined(pipe.read())):
            for record, candidates in with_candidates:
                self._set(record, *self._by_tf_idf(candidates, frequencies))
            yield records

    def by_input(self, pipe: Pipe) -> Iterator[list[Record]]:
        """Yield the records of ``pipe``, scored by tf-idf with their own document frequencies, when all have been read; they wait
        in a temporary file."""
        frequencies, kept, others = DocumentFrequencies(), KeptRecords(), dict[int, Record]()
        for records, with_candidates in self.candidates(joined(pipe.read())):
            found = {id(record): candidates for record, candidates in with_candidates}
            for record in records:
                candidates = found.get(id(record), [])
                if record.pending:
                    frequencies.add(candidate.key for candidate in candidates)
                else:
                    others[len(kept)] = record
                kept.keep(record, orjson.dumps(list(map(list, candidates))))
            pipe.bar.records(pipe.tally.n_read)
            if not records:
                yield []
        kept.close()
        self.entry["n_texts"] = frequencies.n_texts
        if frequencies.n_texts == 1:
            pipe.note(
                "there is one text alone, whose words are ranked by their counts; --reference FILE says how rare they are"
            )
        for start in range(0, len(kept), _CHUNK):
            chunk = []
            for index in range(start, min(start + _CHUNK, len(kept))):
                record = others.get(index) or kept.record(index)
                record.number = index
                if record.pending:
                    candidates = [Candidate(*each) for each in orjson.loads(kept.part(index))]
                    self._set(record, *self._by_tf_idf(candidates, frequencies))
                chunk.append(record)
            yield chunk

    def by_vectors(self, windows: Iterable[list[Record]], vectors: KeywordVectors) -> Iterator[list[Record]]:
        """Yield the records of ``windows``, scored by their vectors."""
        for records, with_candidates in self.candidates(iter(windows)):
            for record, chosen, scores in vectors(with_candidates, self.k):
                self.entry["model"] = vectors.model or None
                self._set(record, chosen, scores)
            yield records

    def _frequencies(self, pipe: Pipe) -> DocumentFrequencies:
        """Return the document frequencies of the records of ``pipe``."""
        frequencies = DocumentFrequencies()

        def counted() -> Iterator[list[Record]]:
            for records, with_candidates in self.candidates(joined(pipe.read())):
                for _, candidates in with_candidates:
                    frequencies.add(candidate.key for candidate in candidates)
                yield records

        pipe.on_error = "fail" if pipe.on_error == "fail" else "skip"
        pipe.consume(counted())
        return frequencies

    def _by_tf_idf(
        self, candidates: Sequence[Candidate], frequencies: DocumentFrequencies
    ) -> tuple[list[Candidate], list[float | None]]:
        """Return the candidates with the highest tf-idf, of equal ones the first in the text, and their scores."""
        counts = np.array([candidate.n for candidate in candidates], np.float64)
        n_with = frequencies.of([candidate.key for candidate in candidates])
        scores = tf_idf(counts, n_with, frequencies.n_texts)
        scores /= np.linalg.norm(scores) or 1.0
        best = np.argsort(-scores, kind="stable")[: self.k]
        return [candidates[index] for index in best.tolist()], as_json(scores[best])

    def _set(self, record: Record, chosen: Sequence[Candidate], scores: Sequence[float | None]) -> None:
        """Set the results of a record."""
        record.entry = {**self.entry, **record.entry, **({} if chosen else {"reason": _NONE})}
        record.results = {
            "keywords": orjson.dumps(
                [
                    {"word": candidate.word, "score": score, "count": candidate.n}
                    for candidate, score in zip(chosen, scores, strict=True)
                ]
            )
        }
