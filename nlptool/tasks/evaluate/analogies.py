"""Analogy questions, answered by word vectors and counted (Mikolov et al. 2013, https://arxiv.org/abs/1301.3781)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nlptool.errors import RecordError
from nlptool.models.words import evaluation
from nlptool.records.cells import columns, without_quotes
from nlptool.records.gold import MARKS
from nlptool.records.record import InputFormat, Record, Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nlptool.models.words.evaluation import Vocabulary

Question = tuple[str, str, str, str]


def analogies(
    sections: Mapping[str, Sequence[Question]],
    vocabulary: Vocabulary,
    *,
    method: str,
    case: str,
    oov: str,
    report: Callable[[int], None] = lambda done: None,
) -> list[dict[str, Any]]:
    """Return a record for each section, and one for all: how many questions were answered correctly.

    Args:
        method: 3cosadd | 3cosmul.
        case: the rule for capital letters by which the vocabulary was made: fold | exact.
        oov: what a question with an unknown word counts as: skip | wrong.
        report: called with the number of questions done.
    """
    questions = [question for section in sections.values() for question in section]
    outcomes = evaluation.analogies(vocabulary, questions, product=method == "3cosmul", report=report)
    counts = []
    start = 0
    for name, section in sections.items():
        counts.append((name, _counts(outcomes[start : start + len(section)], oov)))
        start += len(section)
    counts.append(("total", _counts(outcomes, oov)))
    rules = {
        "model": vocabulary.vectors.name, "method": method, "vocabulary": vocabulary.size, "case": case, "oov": oov
    }  # fmt: skip
    return [{"section": name, **count, **rules} for name, count in counts]


def _counts(outcomes: NDArray[np.integer[Any]], oov: str) -> dict[str, Any]:
    """Count ``outcomes``, (N,): 1 correct, 0 wrong, -1 skipped."""
    correct, wrong, skipped = (int((outcomes == value).sum()) for value in (1, 0, -1))
    if oov == "wrong":
        wrong += skipped
    accuracy = round(correct / (correct + wrong), 4) if correct + wrong else None
    return {
        "questions": len(outcomes), "correct": correct, "wrong": wrong, "skipped": skipped, "accuracy": accuracy,
    }  # fmt: skip


def form_of(form: InputFormat) -> InputFormat:
    """Return ``form`` for questions: columns with tabs or commas between them, or blanks."""

    def kind_of(line: str) -> str:
        return "tsv" if "\t" in line else "csv" if line.count(",") == 3 else "text"

    return replace(form, table=Table(kind_of, lambda cells: None, MARKS))


def parse_question(record: Record) -> Question:
    """Parse the four words of a row."""
    words = [without_quotes(str(word)) for word in columns(record, blanks=True).values()]
    if len(words) != 4:
        raise RecordError("NotFourWords", f"a question has four words, this has {len(words)}")
    first, second, third, fourth = words
    return first, second, third, fourth
