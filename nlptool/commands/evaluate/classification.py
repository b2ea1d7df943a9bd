"""``nlptool evaluate classification``: predicted classes, labels or numbers against gold labels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.cli.options import labelled
from nlptool.errors import RunError
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe
from nlptool.specs import ClassifierSpec

if TYPE_CHECKING:
    from nlptool.records.labelled import Columns
    from nlptool.records.predictions import Predictions
    from nlptool.tasks.evaluate.judgements import Judgement

_OF_RECORDS = ("unit", "field", "id_field", "null")  # options that have no effect on predictions
_OF_MODEL = ("task_name", "text", "first", "second", "columns", "max_length", "batch_tokens", "deterministic")


@click.command(cls=Command)
@options.records("evaluate", writes=False)
@click.option("--label", metavar="NAME", help="Field, JSON Pointer or column of the gold label.",
              show_default="gold, or another usual name: label, class, category, score ...")  # fmt: skip
@click.option("--predicted", metavar="NAME", help="Field, JSON Pointer or column of the prediction.",
              show_default="prediction, predicted or predicted_label, or what nlptool classify calls it")  # fmt: skip
@click.option("--task", "task_name", envvar="NLPTOOL_EVALUATE_CLASSIFICATION_TASK", metavar="NAME",
              help="Task of a model that has several.")  # fmt: skip
@click.option("--kind", type=click.Choice(["classification", "multilabel", "regression"]), show_default="as the labels say",
              help="Predictions are one class for each record, several labels (lists), or numbers.")  # fmt: skip
@click.option("--positive", metavar="LABEL", show_default="of two classes 1, true, yes or positive, else the second",
              help="The class of which F1 is that.")  # fmt: skip
@click.option("--bootstrap", default=1000, show_default=True, metavar="N", type=options.IntRange(0, 100_000),
              help="Number of bootstrap resamples for the confidence intervals; 0: no intervals.")  # fmt: skip
@click.option("--plot", metavar="FILE", type=click.Path(readable=False),
              help="Draw the confusion matrix: .png, .svg or .pdf.")  # fmt: skip
@labelled.texts
@options.classifier()
@options.seed
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe,
    label: str | None,
    predicted: str | None,
    task_name: str | None,
    kind: str | None,
    positive: str | None,
    bootstrap: int,
    plot: str | None,
    seed: int,
    format: str | None,
    text: str | None,
    first: str | None,
    second: str | None,
    columns: str | None,
    spec: ClassifierSpec,
) -> None:
    """Evaluate predictions of classes, of several labels, or of numbers against gold labels.

    With -m MODEL the records are labelled examples, read as by `nlptool train classifier`, and the model classifies them.
    Otherwise they hold predictions, too: the output of `nlptool classify`, which keeps a label that a record had as `gold`;
    JSON objects, CSV or TSV with other names (--label, --predicted), which are said; or lines of a gold label, a tab and a
    prediction. Numbers and text that spell the same class are the same: 1 and "1". Records without one of the two are left
    out and counted.

    \b
    nlptool evaluate classification -m ./my-model dev.jsonl
    nlptool classify -m ./my-model dev.jsonl | nlptool evaluate classification -f table
    nlptool evaluate classification --label topic --predicted guess predictions.csv --plot confusion.png
    paste gold.txt predicted.txt | nlptool evaluate classification -f jsonl
    nlptool evaluate classification --positive spam --bootstrap 0 predictions.jsonl

    The output is one record a file: records, used, skipped (without_gold, without_prediction, or with an error), and the scores
    with their 95 % bootstrap confidence intervals. Higher is better but for log_loss, ece, mae and rmse.

    \b
    classification  accuracy; majority, the accuracy of always saying the most frequent class; macro_f1; f1 of the
                    positive class; matthews, Matthews' correlation (-1 to 1); from probabilities log_loss (natural
                    logarithm) and ece, the expected calibration error in 15 bins (0 to 1); confusion, a matrix whose
                    rows are gold, for up to 100 classes; confusions, the 20 most frequent ones
    multilabel      accuracy, the share of records all of whose labels are right; micro_f1; macro_f1
    regression      pearson and spearman (-1 to 1); mae and rmse, the mean absolute and root mean squared error

    per_class has precision, recall, f1, n (gold) and predicted (how often). Scores are those of scikit-learn: macro_f1 is the
    mean over the classes that are gold or predicted, and a quotient without a denominator is 0. A plot shows the 40 most
    frequent classes.
    """
    from nlptool.records import known_columns
    from nlptool.records.labelled import Columns
    from nlptool.records.prediction_names import Search
    from nlptool.tasks.evaluate.classification import evaluate, read

    options.refuse(_OF_RECORDS, "evaluate classification reads labels, and")
    if plot is not None:
        from nlptool import plots

        if len(pipe.files) > 1:
            raise click.UsageError("--plot draws the confusion matrix of one file: one FILE")
        plots.check(plot)
    if spec.model:
        options.refuse(["predicted", "kind"], "-m MODEL")
        preset = known_columns.preset(columns) if columns else None
        files = _by_model(pipe, spec, task_name, Columns(text, first, second, label, preset=preset))
    else:
        options.refuse(_OF_MODEL, "an evaluation of predictions without -m MODEL")
        files = read(pipe, Search(label, predicted))
    judgements = evaluate(pipe, files, kind=kind, positive=positive, resamples=bootstrap, seed=seed)
    if results.wants_table(format):
        from nlptool.tasks.evaluate import judgement_tables

        results.print_text("\n".join(map(judgement_tables.drawn, judgements)))
    else:
        results.show([judgement.record for judgement in judgements], format)
    for judgement in judgements if plot is not None else ():
        _draw(pipe, judgement, str(plot))


def _by_model(pipe: Pipe, spec: ClassifierSpec, task_name: str | None, columns: Columns) -> list[Predictions]:
    """Read labelled examples, and let a classifier predict them."""
    from nlptool.tasks.classify import task_of
    from nlptool.tasks.evaluate.classified import classified
    from nlptool.tasks.open_model import open_model

    classifier = open_model(spec, pipe)
    task = task_of(classifier, task_name)
    return classified(pipe, classifier, task, replace(columns, n_texts=task.n_texts or None))


def _draw(pipe: Pipe, judgement: Judgement, path: str) -> None:
    """Draw the confusion matrix."""
    from nlptool import plots

    if judgement.confused is None:
        what = {"multilabel": "several labels at once", "regression": "numbers"}[judgement.record["kind"]]
        raise RunError(f"there is no confusion matrix of {what}: {path} is not written")
    labels, counts = judgement.confused.matrix(plots.MOST_CLASSES)
    plots.confusion(counts, path, labels=labels, title=judgement.record["file"], note=pipe.note)
