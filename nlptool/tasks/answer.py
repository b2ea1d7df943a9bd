"""The answers to the question of each record, in its context or in several texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from nlptool.errors import RecordError
from nlptool.models.readers.spans import best_of, probability_of_none
from nlptool.records import questions, squad
from nlptool.records.formats.record_rows import Layout
from nlptool.records.json_bytes import fields
from nlptool.records.notes import notes
from nlptool.records.pipe import Pipe
from nlptool.records.predicted_answers import NO_ANSWER
from nlptool.records.questions import GOLD
from nlptool.records.record import Record, lone_surrogate
from nlptool.tasks.classify import keep_gold
from nlptool.tasks.each_record import EachRecord, with_read
from nlptool.tasks.entries import model_entry
from nlptool.text.scripts import LONE_SURROGATE

if TYPE_CHECKING:
    from nlptool.models.readers.reader import ReadContext, Reader
    from nlptool.models.readers.spans import FoundSpan

NOTES = notes("n_windows", "cut_question")

GOOD = ("Who?", "It was me.")
"""A question and a context that every whole model can read."""

_DIGITS = 6  # of a probability

Asked = Sequence[tuple[str, str]]
"""A question with each of the texts in which its answer may stand."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be chosen of the answers that are given."""

    k: int = 3
    most_tokens: int = 30  # of an answer
    threshold: float | None = (
        None  # probability of there being no answer, above which none is given; None: the reader's
    )
    min_score: float = 0.0


def with_question(question: str) -> Callable[[Record], Asked]:
    """Return what asks the text of a record a question, or its context if it has no text."""

    as_json = orjson.dumps(question)

    def asked(record: Record) -> Asked:
        record.results = {**record.results, "question": as_json}
        context = record.text or fields(record.raw).get("context")
        return [checked(question, context if isinstance(context, str) else "")]

    return asked


def own_question(record: Record) -> Asked:
    """Return the question and the context of a record.

    Raises:
        RecordError: they are not there, or are empty.
    """
    if record.raw is None:
        raise RecordError(
            "NotAQuestion",
            "a line of text has no question",
            hint="--question asks it; or a record has `question` and `context`",
        )
    found = questions.question_of(fields(record.raw), gold=False)
    return [checked(found.question, found.context)]


def read_questions(pipe: Pipe) -> Iterator[list[Record]]:
    """Yield the records of a pipe's input, SQuAD's JSON as a record for each question."""
    pipe.form = questions.form(pipe.form)

    def on_more(n_more: int) -> None:
        pipe.tally.n_read += n_more

    return pipe.work_done.rest(squad.unfolded(pipe.read(), on_more=on_more))


def answer(
    lists: Iterable[list[Record]], reader: Reader, asked_of: Callable[[Record], Asked], choice: Choice
) -> Iterator[list[Record]]:
    """Give each record ``answers``, the best first.

    Args:
        lists: windows of records.
        asked_of: returns the question of a record with its context, or raises a RecordError.
    """
    run = Answers(reader, choice)
    for records in lists:
        run(with_read(records, asked_of))
        yield records


def checked(question: str, context: str) -> tuple[str, str]:
    """Return a question and a context.

    Raises:
        RecordError: one of them is empty or holds a lone surrogate.
    """
    for name, text in (("question", question), ("context", context)):
        if lone := LONE_SURROGATE.search(text):
            raise lone_surrogate(lone)
        if not text.strip():
            raise RecordError("EmptyText", f"the {name} is empty")
    return question, context


Passage = Mapping[str, Any]
"""One of several texts, as a search shows it: ``text`` and the other fields, which an answer gets too."""


class Answers:
    """Gives records their answers."""

    def __init__(self, reader: Reader, choice: Choice) -> None:
        self._reader, self._choice = reader, choice
        self._threshold = reader.threshold if choice.threshold is None else choice.threshold
        self._entry = model_entry(reader)
        self._passages: Mapping[int, Sequence[Passage]] = {}
        good: Asked = [GOOD]
        self._each = EachRecord(self._work, good, model=reader)

    def __call__(
        self, items: Sequence[tuple[Record, Asked]], passages: Mapping[int, Sequence[Passage]] | None = None
    ) -> None:
        """Set the results of records.

        Args:
            passages: the texts of records that have several, by the ``id`` of the record.
        """
        self._passages = passages or {}
        self._each(items)

    def _work(self, items: Sequence[tuple[Record, Asked]]) -> None:
        read = self._reader.read(
            [each for _, asked in items for each in asked], k=self._choice.k, most_tokens=self._choice.most_tokens
        )
        first = 0
        for record, asked in items:
            self._give(record, asked, read[first : first + len(asked)])
            first += len(asked)

    def _give(self, record: Record, asked: Asked, read: Sequence[ReadContext]) -> None:
        """Set the results of a record by what was read in each of its texts."""
        found = [each.found for each in read if each.found is not None]
        if len(found) < len(read):
            record.fail(RecordError("NotFinite", "the outputs of the model hold NaN or infinity"))
            return
        no_answer = probability_of_none(found)
        answers: list[dict[str, Any]] = []
        if self._threshold is None or no_answer <= self._threshold:
            passages = self._passages.get(id(record))
            for number, span, score in best_of(found, self._choice.k):
                if score >= self._choice.min_score:
                    context = asked[number][1]
                    answers.append(_answer(context, span, score, passages[number] if passages else None))
        keep_gold(record, GOLD)
        record.results = {**record.results, GOLD: orjson.dumps(answers)}
        if self._threshold is not None:
            record.results = {**record.results, NO_ANSWER: orjson.dumps(round(no_answer, _DIGITS))}
        n_windows = sum(each.n_windows for each in read)
        record.entry = {**record.entry, **self._entry, "n_tokens": sum(each.n_tokens for each in read)}
        record.entry |= {"n_windows": n_windows} if n_windows > len(read) else {}
        record.entry |= {"cut_question": True} if read[0].is_cut else {}


def _answer(context: str, span: FoundSpan, score: float, passage: Passage | None) -> dict[str, Any]:
    """Return an answer as JSON; one of several texts with what is said of that, and the text."""
    found = {
        "text": context[span.start : span.end],
        "start": span.start,
        "end": span.end,
        "score": round(score, _DIGITS),
    }
    if passage is None:
        return found
    return {**found, **{name: value for name, value in passage.items() if name not in found}, "context": context}


def layout(reader: Reader, choice: Choice, *, with_question: bool) -> Layout:
    """Return the columns of the results: an answer a row.

    Args:
        with_question: the question is a result.
    """
    has_threshold = choice.threshold is not None or reader.threshold is not None
    columns = {
        "text": ("answer", str), "start": ("start", int), "end": ("end", int), "score": ("score", float)
    }  # fmt: skip
    results = {**({"question": str} if with_question else {}), **({NO_ANSWER: float} if has_threshold else {})}
    return Layout(results, answers=GOLD, answer_columns=columns, prefix="answer_")


class AnswerRows:
    """The rows of a table: an answer a row, with what it was asked.

    Args:
        question: that all records are asked; "": each has its own.
    """

    def __init__(self, question: str = "") -> None:
        self._question = question

    def columns(self) -> Sequence[tuple[str, type]]:
        asked = [] if self._question else [("question", str)]
        return [("answer", str), ("score", float), *asked, ("context", str)]

    def cells(self, record: Record) -> Iterator[list[Any]]:
        values = fields(record.raw)
        question = orjson.loads(record.results["question"]) if "question" in record.results else values.get("question")
        asked = [] if self._question else [question or values.get("query")]
        answers = orjson.loads(record.results.get(GOLD, b"[]"))
        context = record.text or values.get("context")
        for each in answers or [{}]:
            yield [each.get("text", ""), each.get("score"), *asked, each.get("context", context)]
