"""Questions with gold answers and what a reader answers, for an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nlptool.errors import RecordError
from nlptool.models.runtime.one_by_one import OneByOne
from nlptool.records import questions
from nlptool.records.answered import Answered
from nlptool.records.pipe import Pipe
from nlptool.records.questions import Question
from nlptool.records.record import STDIN
from nlptool.tasks.answer import GOOD

if TYPE_CHECKING:
    from nlptool.models.readers.reader import ReadContext, Reader

_CHUNK = 1024  # questions that are answered before the bar moves


def answered(pipe: Pipe, reader: Reader) -> list[Answered]:
    """Return the questions of each file of the input that has some, with the answers of a reader, and the probability that there
    is none if the reader has learned such questions."""
    files = [_answered(pipe, path, reader) for path in pipe.files or ("-",)]
    return [file for file in files if file.gold]


def _answered(pipe: Pipe, path: str, reader: Reader) -> Answered:
    found = Answered(STDIN if path == "-" else path, models={reader.name})
    with pipe.beside(path) as beside:
        asked = questions.read(beside, placed=False)
        beside.refuse_failed(f"{found.name}: most of its records are no questions with answers")
        found.n_read = beside.tally.n_read
    runner: OneByOne[tuple[str, str], list[ReadContext]] = OneByOne(
        lambda items: reader.read(items, k=1), GOOD, name=reader.name, engine=reader.engine
    )
    with pipe.bar:
        for first in range(0, len(asked), _CHUNK):
            chunk = asked[first : first + _CHUNK]
            for start, outcome in runner.parts([(each.question, each.context) for each in chunk]):
                _add(found, chunk[start:], reader, outcome)
            pipe.bar.work("answer", first + len(chunk), len(asked), "questions")
    return found


def _add(found: Answered, asked: Sequence[Question], reader: Reader, outcome: list[ReadContext] | RecordError) -> None:
    """Add the answers to the first of some questions; one at which the reader fails is wrong."""
    read: Sequence[ReadContext | None] = [None] if isinstance(outcome, RecordError) else outcome
    for question, of_question in zip(asked, read, strict=False):
        spans = None if of_question is None else of_question.found
        best = spans.spans[0] if spans is not None and spans.spans else None
        found.ids.append(question.id)
        found.questions.append(question.question)
        found.gold.append(tuple(answer.text for answer in question.answers))
        found.predicted.append(None if spans is None else question.context[best.start : best.end] if best else "")
        known = spans is not None and reader.threshold is not None
        found.no_answer.append(spans.no_answer if known and spans is not None else None)
