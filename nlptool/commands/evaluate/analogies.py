"""``nlptool evaluate analogies``: accuracy of word vectors on analogies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.errors import RunError
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe

if TYPE_CHECKING:
    from nlptool.specs import WordVectorsSpec


@click.command(cls=Command)
@options.records("evaluate", writes=False)
@options.vocabulary
@click.option("--method", type=click.Choice(["3cosadd", "3cosmul"]), default="3cosadd", show_default=True,
              help="Method of `nlptool analogy`.")  # fmt: skip
@click.option("--oov", type=click.Choice(["skip", "wrong"]), default="skip", show_default=True,
              help="Question with an unknown word: left out, or counted as wrong; `skipped` counts it either way.")  # fmt: skip
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe, method: str, restrict: int, case: str, oov: str, format: str | None, spec: WordVectorsSpec
) -> None:
    """Evaluate word vectors on analogies in the format of questions-words.txt.

    The input holds four words a line, separated by spaces, tabs or commas; a line `: name` begins a section. A question a b c d
    is correct if d is the word nearest to b - a + c other than a, b and c. The output is one record a section and one for all:
    questions, correct, wrong, skipped (a word is not in the vocabulary), accuracy (correct / (correct + wrong), 0 to 1), the
    size of the vocabulary and the rules.

    \b
    nlptool evaluate analogies questions-words.txt
    nlptool evaluate analogies -m my.vec --case exact --method 3cosmul questions.txt -f jsonl
    """
    from nlptool.tasks.evaluate import word_gold
    from nlptool.tasks.evaluate.analogies import analogies, form_of, parse_question

    vocabulary = word_gold.open_vocabulary(pipe, spec, restrict, case) if spec.model else None
    sections = word_gold.sections(pipe, form_of(pipe.form), parse_question)
    if not sections:
        raise RunError("there are no questions", hint="four words a line: Athens Greece Oslo Norway")
    questions = [question for section in sections.values() for question in section]
    if vocabulary is None:
        vocabulary = word_gold.open_vocabulary(pipe, word_gold.with_default(spec, questions[0]), restrict, case)
    with pipe.bar as bar:
        records = analogies(sections, vocabulary, method=method, case=case, oov=oov, report=bar.records)
    results.show(records, format)
    word_gold.say_skipped(pipe, vocabulary, questions, records[-1]["skipped"], "questions")
