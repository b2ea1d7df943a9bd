"""``nlptool evaluate answers``: predicted answers to questions against gold answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.errors import RunError
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe
from nlptool.specs import ReaderSpec

if TYPE_CHECKING:
    from nlptool.records.answered import Answered

_OF_MODEL = ("max_length", "stride", "batch_tokens", "deterministic")
_OF_RECORDS = ("unit", "field", "id_field", "null")  # options that have no effect on answers


@click.command(cls=Command)
@options.records("evaluate", writes=False)
@click.option("--predicted", metavar="FILE", type=click.Path(readable=False),
              help="Predictions by id: JSON of SQuAD's form, {id: answer}, or records with an id and an answer.",
              show_default="the records hold them")  # fmt: skip
@click.option("--na-prob", metavar="FILE", type=click.Path(readable=False),
              help="Probabilities that there is no answer, by id: {id: number}.",
              show_default="no_answer of the records")  # fmt: skip
@click.option("--na-threshold", metavar="X", type=options.Number(), show_default="1; with -m that of the model's training",
              help="Probability of there being no answer, above which an answer does not count.")  # fmt: skip
@click.option("--metric", type=click.Choice(["squad", "squad2", "jsquad"]), show_default="as the file and its script say",
              help="The official script whose rules are used.")  # fmt: skip
@click.option("--bootstrap", default=1000, show_default=True, metavar="N", type=options.IntRange(0, 100_000),
              help="Number of bootstrap resamples for the confidence intervals; 0: no intervals.")  # fmt: skip
@options.details("question")
@options.reader()
@options.seed
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe,
    predicted: str | None,
    na_prob: str | None,
    na_threshold: float | None,
    metric: str | None,
    bootstrap: int,
    details_file: str | None,
    seed: int,
    format: str | None,
    spec: ReaderSpec,
) -> None:
    """Evaluate predicted answers to questions about texts: exact match and F1.

    FILE holds questions with gold answers: JSON of SQuAD 1.1, SQuAD 2.0 or JSQuAD as it is distributed, or a question a record
    with `answers` ({"text": [...], "answer_start": [...]}, a list of {"text": ...}, a text) and `is_impossible`. Predictions
    are those of --predicted, or they are in the records: in `answers`, the best first, with the gold answers in `gold`; or in
    `prediction`. With -m MODEL a reader answers them. The best prediction alone is judged. An empty one says that there is no
    answer.

    \b
    nlptool evaluate answers dev-v2.0.json --predicted predictions.json --na-prob na_prob.json
    nlptool evaluate answers valid-v1.3.json --predicted predictions.json --metric jsquad -f table
    nlptool evaluate answers -m ./reader dev.jsonl
    nlptool evaluate answers predicted.jsonl -f jsonl --details questions.jsonl

    The rules are those of the official scripts, whose percentages are 0 to 1 here. Of several gold answers the best counts.

    \b
    squad   words, without case, ASCII punctuation and articles; a question without an answer is refused
    squad2  the same with questions without an answer, to which an empty answer is right
    jsquad  characters, without case and full stops at the end; else as squad2

    The output is one record a file: records, questions, skipped (records that are no question), without_prediction (which count
    as wrong); exact and f1, and where there are questions without an answer the same of each part, has_answer_exact and so on,
    with 95 % bootstrap confidence intervals over questions. With probabilities that there is no answer: best_exact and best_f1,
    the best that a threshold could give, and best_exact_threshold and best_f1_threshold.
    """
    from nlptool.models.readers.metrics import THRESHOLD
    from nlptool.records.predicted_answers import read_predictions, read_probabilities
    from nlptool.tasks.evaluate.answers import Rules, details, evaluate, read

    options.refuse(_OF_RECORDS, "evaluate answers reads questions, and")
    if spec.model:
        options.refuse(("predicted", "na_prob"), "-m MODEL")
        files, threshold = _by_model(pipe, spec)
        no_answer = None
    else:
        options.refuse(_OF_MODEL, "an evaluation of predictions without -m MODEL")
        if [*(pipe.files or ("-",)), predicted, na_prob].count("-") > 1:
            raise click.UsageError("stdin holds one of them: FILE, --predicted or --na-prob")
        given = read_predictions(pipe, predicted) if predicted is not None else None
        no_answer = read_probabilities(pipe, na_prob) if na_prob is not None else None
        files, threshold = read(pipe, given, no_answer), THRESHOLD
    threshold = threshold if na_threshold is None else na_threshold
    found = evaluate(pipe, files, Rules(metric, threshold, bootstrap, seed, order=tuple(no_answer or ())))
    if results.wants_table(format):
        from nlptool.tasks.evaluate import answer_tables

        results.print_text("\n".join(answer_tables.drawn(each.record) for each in found))
    else:
        results.show([each.record for each in found], format)
    if details_file is not None:
        each_question = (detail for judged in found for detail in details(judged))
        results.write_details(details_file, each_question, inputs=pipe.files or ("-",))


def _by_model(pipe: Pipe, spec: ReaderSpec) -> tuple[list[Answered], float]:
    """Let a reader answer the questions; return them with its threshold, above any probability if it has none."""
    from nlptool.models.readers.metrics import THRESHOLD
    from nlptool.tasks.evaluate.read_answers import answered
    from nlptool.tasks.open_model import open_model

    reader = open_model(spec, pipe)
    files = answered(pipe, reader)
    if not files and not pipe.tally.input_failed:
        raise RunError("there are no questions to evaluate", hint="SQuAD's JSON, or records with gold answers")
    return files, THRESHOLD if reader.threshold is None else reader.threshold
