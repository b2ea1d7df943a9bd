"""``nlptool evaluate analogies``: is the nearest word the right one?"""

from __future__ import annotations

from typing import Any

import click

from nlptool import gold, options, results
from nlptool.errors import RecordError, RunError
from nlptool.pipe import Pipe
from nlptool.records import Record


@click.command()
@options.records("evaluate", writes=False)
@gold.vocabulary
@click.option("--method", type=click.Choice(["3cosadd", "3cosmul"]), default="3cosadd", show_default=True,
              help="How the answer is found: see `nlptool analogy`.")  # fmt: skip
@click.option("--oov", type=click.Choice(["skip", "wrong"]), default="skip", show_default=True,
              help="A question with an unknown word: skipped, or wrong. It is counted as skipped either way.")  # fmt: skip
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe, model: str, method: str, restrict: int, case: str, oov: str, format: str | None
) -> None:
    """Analogies of the kind of questions-words.txt: four words a line, `: name` begins a section.

    A question a b c d is right if d is the word nearest to b - a + c that is none of a, b, c. One record a section, and
    one for all: questions, correct, wrong, skipped (a word is not in the vocabulary), accuracy (correct / (correct + wrong)),
    the vocabulary's size and the rules.

    \b
    nlptool evaluate analogies questions-words.txt
    nlptool evaluate analogies -m my.vec --case exact --method 3cosmul questions.txt -f jsonl
    """
    from nlptool.models import word_evaluation

    vocabulary = gold.open_vocabulary(pipe, model, restrict, case)
    sections = gold.sections(pipe, _question)
    questions = [question for each in sections.values() for question in each]
    if not questions:
        raise RunError("there are no questions", hint="four words a line: Athens Greece Oslo Norway")
    with pipe.bar as bar:
        outcome = word_evaluation.analogies(vocabulary, questions, product=method == "3cosmul", report=bar.records)
    rules = {
        "model": vocabulary.vectors.name,
        "method": method,
        "vocabulary": vocabulary.size,
        "case": case,
        "oov": oov,
    }
    records = []
    start = 0
    for name, each in sections.items():
        records.append({"section": name, **_tally(outcome[start : start + len(each)], oov), **rules})
        start += len(each)
    records.append({"section": "total", **_tally(outcome, oov), **rules})
    results.show(records, format)


def _tally(outcome: Any, oov: str) -> dict[str, Any]:
    correct, wrong, skipped = (int((outcome == value).sum()) for value in (1, 0, -1))
    if oov == "wrong":
        wrong += skipped
    accuracy = round(correct / (correct + wrong), 4) if correct + wrong else None
    return {
        "questions": len(outcome), "correct": correct, "wrong": wrong, "skipped": skipped, "accuracy": accuracy,
    }  # fmt: skip


def _question(record: Record) -> tuple[str, str, str, str]:
    words = record.text.strip().split("\t") if "\t" in record.text.strip() else record.text.split()
    if len(words) != 4:
        raise RecordError("NotFourWords", f"a question has four words, this has {len(words)}")
    first, second, third, fourth = words
    return first, second, third, fourth
