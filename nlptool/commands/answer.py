"""``nlptool answer``: the answer to a question, found in a text or in a corpus."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.records.writing import write_records
from nlptool.specs import ReaderSpec

_OF_CORPUS = ("passages", "encoder", "memory")


@click.command(cls=Command)
@options.records("answer", instead=("context", "question", "data", "paragraphs", "qas"))
@click.option(
    "--question",
    metavar="TEXT",
    show_default="each record has its own",
    help="The question to ask each text, or the corpus.",
)
@click.option("--corpus", multiple=True, metavar="PATH",
              help="Look for the answers here: a folder of `nlptool index`, or a file of texts; repeatable. The records are "
              "questions then.")  # fmt: skip
@click.option("--passages", default=5, show_default=True, metavar="N", type=options.IntRange(1, 1000),
              help="Passages of the corpus that are read for each question.")  # fmt: skip
@click.option("--encoder", metavar="MODEL", show_default="that of the index, or the default of search",
              help="Encoder that finds the passages.")  # fmt: skip
@click.option("-k", "top_k", default=3, show_default=True, metavar="N", type=options.IntRange(1, 1000),
              help="Number of answers, which do not overlap.")  # fmt: skip
@click.option("--max-answer-tokens", default=30, show_default=True, metavar="N", type=options.IntRange(1, 1000),
              help="Tokens of an answer, at most.")  # fmt: skip
@click.option("--no-answer", type=options.FloatRange(0, 1), metavar="P", show_default="that of the model's training, if any",
              help="Give no answer where the probability that there is none is above this.")  # fmt: skip
@click.option("--min-score", type=options.FloatRange(0, 1), default=0.0, show_default=True, metavar="P",
              help="Least score of an answer.")  # fmt: skip
@options.reader()
@options.memory
@options.record_format(rows="an answer a row")
def command(  # noqa: PLR0917
    pipe: Pipe,
    question: str | None,
    corpus: tuple[str, ...],
    passages: int,
    encoder: str | None,
    top_k: int,
    max_answer_tokens: int,
    no_answer: float | None,
    min_score: float,
    memory: int,
    format: str,
    spec: ReaderSpec,
) -> None:
    """Answer questions by a part of a text (extractive question answering), with a model of `nlptool train reader` or of the hub.

    --question asks every record's text the same question; else a record has a `question` and a `context`, as in SQuAD's JSON,
    whose questions become a record each. Each record gets `answers`, a list of {text, start, end, score}, the best first, whose
    text is context[start:end] in characters; score is the probability of that part among all and none, from 0 to 1. Of a model
    that has learned questions without an answer it gets `no_answer`, the probability that there is none, rather than the best
    answer, and above --no-answer an empty list. Gold answers that a record had are kept as `gold`, so that `nlptool evaluate
    answers` can judge.

    \b
    nlptool answer -m ./reader --question '首都はどこ？' texts.txt
    nlptool answer -m ./reader dev.jsonl | nlptool evaluate answers
    nlptool answer -m ./reader --corpus corpus.index --question '誰が発見したか'
    nlptool answer -m ./reader --corpus notes.txt -k 1 < questions.txt

    With --corpus the input is questions, a line or a field `question` each, or --question alone. A search by meaning, as
    `nlptool search` does it, finds --passages passages, and the reader looks for the answer in these: each answer also has the
    `context`, the `file` and the `line` in which it was found. A context of any length is read, in windows that overlap.
    """
    from nlptool.geometry import similarity as similarities
    from nlptool.tasks.answer import (
        NOTES,
        AnswerRows,
        Choice,
        answer,
        layout,
        own_question,
        read_questions,
        with_question,
    )
    from nlptool.tasks.answer_passages import Corpus, answer_from_corpus
    from nlptool.tasks.languages import ModelScripts
    from nlptool.tasks.open_model import open_model

    if question is not None and not question.strip():
        raise click.UsageError("--question is empty")
    if corpus and question is None and "-" in corpus:
        raise click.UsageError("stdin cannot be the corpus and the questions at once: --question asks one")
    if corpus and question is not None and pipe.given:
        raise click.UsageError("--question asks the corpus alone, and FILE would hold questions: give one of them")
    if not corpus:
        options.refuse(_OF_CORPUS, "answers in the text of each record (without --corpus)")
    if not spec.model:
        raise click.UsageError("a model is needed: -m FOLDER of `nlptool train reader`, or -m org/name of the hub")
    choice = Choice(top_k, max_answer_tokens, no_answer, min_score)
    reader = open_model(spec, pipe)
    scripts = ModelScripts(reader.name)
    if corpus:
        click.get_current_context().with_resource(similarities.blas_threads(spec.threads))
        where = Corpus(corpus, passages, encoder or "", memory)
        found = answer_from_corpus(pipe, reader, choice, where, question=question, spec=spec)
    elif question is None:
        found = answer(windows(read_questions(pipe)), reader, own_question, choice)
    else:
        found = answer(windows(pipe.read()), reader, with_question(question), choice)
    write_records(
        pipe, scripts.noted(found), format, layout(reader, choice, with_question=bool(corpus or question)),
        table=AnswerRows("" if corpus else question or ""), notes=NOTES | scripts.notes,
    )  # fmt: skip
