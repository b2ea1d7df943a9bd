"""``nlptool evaluate analogies``: is the nearest word the right one?"""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.errors import RunError
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe


@click.command(cls=Command)
@options.records("evaluate", writes=False)
@options.vocabulary
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
    from nlptool.models.words import evaluation as word_evaluation
    from nlptool.tasks.evaluate import word_gold
    from nlptool.tasks.evaluate.analogies import parse_question, tally

    vocabulary = word_gold.open_vocabulary(pipe, model, restrict, case)
    sections = word_gold.sections(pipe, parse_question)
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
        records.append({"section": name, **tally(outcome[start : start + len(each)], oov), **rules})
        start += len(each)
    records.append({"section": "total", **tally(outcome, oov), **rules})
    results.show(records, format)
