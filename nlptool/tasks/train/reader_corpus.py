"""The data of ``train reader``: questions with answers are read, a part is held out, and they become windows of token ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptool.errors import RunError
from nlptool.models.heads.task import SPAN, Task
from nlptool.models.readers import metrics
from nlptool.records import questions
from nlptool.records.pipe import Pipe
from nlptool.records.questions import Question
from nlptool.tasks.train.held_out import divided

if TYPE_CHECKING:
    from nlptool.models.readers.windows import QuestionWindows, Windows
    from nlptool.training.finetuning.examples import Rows, TaskData
    from nlptool.training.reader.judge import ReaderJudge

_NO_ANSWER = (0, 0)  # the first token stands for it
_WITHOUT = (
    3  # of the windows of a question that miss its answer, one in so many is learned from: what they teach is all alike
)


@dataclass(frozen=True, slots=True)
class ReaderQuestions:
    """The questions of a training.

    Attributes:
        metric: by whose rules the answers of dev are judged.
    """

    train: list[Question]
    dev: list[Question]  # [] where none is held out
    metric: str

    @property
    def task(self) -> Task:
        return Task("", SPAN, 2, (), "f1")

    def counts(self) -> dict[str, Any]:
        """Return the part of a manifest that counts the questions."""
        found: dict[str, Any] = {"n_examples": len(self.train), "n_dev_examples": len(self.dev)}
        n_impossible = sum(question.is_impossible for question in self.train)
        return found | ({"n_without_answer": n_impossible} if n_impossible else {})

    def as_ids(self, windows: QuestionWindows, pipe: Pipe) -> TaskData:
        """Return the questions as token ids, each window of them as an example."""
        from nlptool.training.finetuning.examples import TaskData

        train = _train_rows(self.train, windows, pipe)
        dev, of_dev = _dev_rows(self.dev, windows)
        return TaskData(self.task, train, dev, _judge(self.dev, of_dev, self.metric))


def read(pipe: Pipe, dev: float | str, metric: str | None) -> ReaderQuestions:
    """Read the questions of a pipe's input, and hold out a part of them.

    Args:
        dev: a share of the questions, those of one article together, or, of a few large articles none of which can be held out,
            those about one context; or a file.
        metric: one of ``metrics.METRICS``; None: that of the data set that the questions look like, which is said.

    Raises:
        RunError: there are no questions, or most records failed.
    """
    train = questions.read(pipe)
    pipe.refuse_failed("most records failed: these are no questions with answers, and nothing is trained")
    held_out: list[Question] = []
    if isinstance(dev, str):
        with pipe.beside(dev) as beside:
            held_out = questions.read(beside)
            beside.refuse_failed(f"{dev}: most of its records are no questions with answers")
        if not held_out:
            raise RunError(f"{dev}: there are no questions")
    elif dev:
        train, held_out = divided(
            train, dev, _article, lambda question: question.context, stratum_of=lambda question: question.is_impossible,
            what="questions", note=pipe.note,
        )  # fmt: skip
    if not any(question.answers for question in train):
        raise RunError(
            "no question has an answer: there is nothing to learn" if train else "there are no questions to learn from"
        )
    if metric is None:
        metric, reason = _metric_for(train + held_out)
        pipe.note(f"--metric {metric}: {reason}")
    if metric == "squad" and any(question.is_impossible for question in held_out):
        raise RunError(
            "SQuAD 1.1 knows no questions without an answer, and dev has some", hint="--metric squad2, or jsquad"
        )
    pipe.note(f"questions: {len(train):,}, to judge by: {len(held_out):,}")
    return ReaderQuestions(train, held_out, metric)


def _article(question: Question) -> str:
    return question.title or question.context


def _metric_for(found: Sequence[Question]) -> tuple[str, str]:
    texts = [text for each in found[:1000] for text in (each.question, *(answer.text for answer in each.answers))]
    return metrics.metric_for(texts, all_have_answers=not any(each.is_impossible for each in found))


def _train_rows(found: Sequence[Question], windows: QuestionWindows, pipe: Pipe) -> Rows:
    """Return the windows of questions as examples: all that hold the answer, or are of a question without one, and some of the
    others."""
    from nlptool.models.heads.tokenizer import ModelInput
    from nlptool.training.finetuning.examples import Rows

    inputs, targets = [], []
    n_cut = n_nowhere = n_without = n_widened = 0
    for question in found:
        of_question = windows.of(question.question, question.context)
        n_cut += of_question.is_cut
        places = _answer_tokens(question, of_question)
        n_widened += _is_widened(question, of_question)
        n_nowhere += not question.is_impossible and all(place == _NO_ANSWER for place in places)
        for window, place in zip(of_question.windows, places, strict=True):
            is_without = place == _NO_ANSWER and not question.is_impossible
            n_without += is_without
            if not is_without or n_without % _WITHOUT == 1:
                inputs.append((ModelInput(window.ids, window.types),))
                targets.append(place)
    for n, what in ((n_widened, "answers that begin or end within a word, learned as whole words"),
                    (n_cut, "questions that are too long, whose beginning is read"),
                    (n_nowhere, "questions whose answer no window holds as a whole")):  # fmt: skip
        if n:
            pipe.note(f"{what}: {n:,}")
    return Rows(inputs, np.array(targets, np.int64).reshape(-1, 2))


def _dev_rows(found: Sequence[Question], windows: QuestionWindows) -> tuple[Rows, list[Windows]]:
    """Return all windows of questions as examples, and in the order of the questions."""
    from nlptool.models.heads.tokenizer import ModelInput
    from nlptool.training.finetuning.examples import Rows

    of_questions = [windows.of(each.question, each.context) for each in found]
    targets = [place for each, read in zip(found, of_questions, strict=True) for place in _answer_tokens(each, read)]
    inputs = [(ModelInput(window.ids, window.types),) for read in of_questions for window in read.windows]
    return Rows(inputs, np.array(targets, np.int64).reshape(-1, 2)), of_questions


def _answer_tokens(question: Question, windows: Windows) -> list[tuple[int, int]]:
    """Return the first and the last token of the first answer in each window, ``_NO_ANSWER`` where it does not hold it."""
    answer = question.answers[0] if question.answers else None
    if answer is None or answer.start is None or answer.end is None:
        return [_NO_ANSWER] * len(windows.windows)
    units = windows.units_of(answer.start, answer.end)
    return [(units and window.tokens_of(*units)) or _NO_ANSWER for window in windows.windows]


def _is_widened(question: Question, windows: Windows) -> bool:
    """Return whether the first answer is learned with more characters than it has, as it cuts a word or a piece."""
    answer = question.answers[0] if question.answers else None
    if answer is None or answer.start is None or answer.end is None:
        return False
    units = windows.units_of(answer.start, answer.end)
    return units is not None and (
        windows.places[units[0]][0] < answer.start or windows.places[units[1]][1] > answer.end
    )


def _judge(found: Sequence[Question], windows: Sequence[Windows], metric: str) -> ReaderJudge | None:
    """Return what judges the answers to the dev questions; None where there are none."""
    if not found:
        return None
    from nlptool.training.reader.judge import DevQuestion, ReaderJudge

    return ReaderJudge(
        [
            DevQuestion(of_question, question.context, tuple(answer.text for answer in question.answers))
            for question, of_question in zip(found, windows, strict=True)
        ],
        metric,
    )
