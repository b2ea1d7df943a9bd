"""``nlptool classify``: a class, labels or a number for each text or pair of texts."""

from __future__ import annotations

from dataclasses import replace

import click

from nlptool.catalog import DEFAULT_CLASSIFIER, DEFAULT_ENCODER
from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.cli.options import labelled
from nlptool.records import known_columns, pairs
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.records.writing import write_records
from nlptool.specs import ClassifierSpec


@click.command(cls=Command)
@options.records("classify")
@click.option("--task", "task_name", envvar="NLPTOOL_CLASSIFY_TASK", metavar="NAME",
              help="Task of a model that has several.")  # fmt: skip
@click.option(
    "--labels", metavar="A,B,...", help="Without training: the label whose name is nearest in meaning to the text."
)
@click.option("--labels-file", metavar="FILE", type=click.Path(readable=False),
              help="The same with labels of a file, a label a line, or a label, a tab and a description.")  # fmt: skip
@click.option("-k", type=options.IntRange(min=1), metavar="N", show_default="all",
              help="Number of probabilities that are written, the highest ones.")  # fmt: skip
@click.option("--threshold", type=options.FloatRange(0, 1), default=0.5, show_default=True, metavar="P",
              help="Least probability of a label, where several may apply.")  # fmt: skip
@click.option("--on-long", type=click.Choice(["truncate", "chunk"]), default="truncate", show_default=True,
              help="A text longer than the model takes: read its beginning, or the mean over chunks of all of it.")  # fmt: skip
@options.pair_fields
@labelled.known_columns
@options.classifier(DEFAULT_CLASSIFIER)
@options.record_format()
def command(  # noqa: PLR0917
    pipe: Pipe,
    task_name: str | None,
    labels: str | None,
    labels_file: str | None,
    k: int | None,
    threshold: float,
    on_long: str,
    first: str | None,
    second: str | None,
    columns: str | None,
    format: str,
    spec: ClassifierSpec,
) -> None:
    """Classify texts, or pairs of texts, with a model of `nlptool train classifier` or one of the hub.

    Each record gets `label`, the most probable class, and `probabilities`, {label: probability} from the highest down, which
    add up to 1. Of a model with several labels it gets `labels`, those whose probability is at least --threshold, and
    `probabilities`, each by itself; of a regression `value`, a number. A `label` that the record had is kept as `gold`, so that
    `nlptool evaluate classification` can judge.

    \b
    nlptool classify -m ./my-model reviews.txt
    printf '女性が料理をしている\\t女の人が料理している\\n' | nlptool classify --task inference
    echo 夕食の時間を変更できますか | nlptool classify --task topic
    nlptool classify -m ./my-model test.jsonl | nlptool evaluate classification
    nlptool classify -m ./cola --columns glue:cola test.tsv
    echo 新しい首相が決まった。 | nlptool classify --labels スポーツ,政治,経済

    The text is a line, or the field text, sentence, review, content or body, or that of --field. The two texts of a pair are
    the columns of a line with a tab, or fields with the usual names (first and second, sentence1 and sentence2, premise and
    hypothesis, question and sentence ...), or those that --first and --second name. A pair longer than the
    model takes is truncated, the longer text first. --columns reads a file of GLUE or JGLUE as it is distributed, with labels
    or without, and keeps a label as `gold`, whatever it was called.

    --labels needs no training (zero-shot): -m is then an encoder of `nlptool embed`, and the record gets `label` and
    `similarities`, {label: cosine} from -1 to 1, which are no probabilities. A description says more than a name.
    """
    from nlptool.tasks.classify import NOTES, PAIR_NAMES, ClassRows, classify, layout, reader, task_of
    from nlptool.tasks.languages import ModelScripts
    from nlptool.tasks.open_model import open_model

    spec = replace(spec, chunk=on_long == "chunk")
    if labels is not None or labels_file is not None:
        options.refuse(("task_name", "threshold", "first", "second", "columns"), "--labels")
        if labels is not None and labels_file is not None:
            raise click.UsageError("--labels and --labels-file are two ways to give the labels: one of them")
        _zero_shot(pipe, spec, labels, labels_file, k, format)
        return
    if not spec.model:
        spec = replace(spec, model=DEFAULT_CLASSIFIER)
    classifier = open_model(spec, pipe)
    task = task_of(classifier, task_name)
    fields = options.pair_names(first, second)
    preset = known_columns.preset(columns) if columns else None
    if preset is not None:
        options.refuse(("first", "second", "field"), "--columns")
    pipe.form, texts_of = reader(pipe.form, task, fields, preset)
    lists = windows(pairs.without_text(pipe.read()) if task.n_texts == 2 else pipe.read())
    scripts = ModelScripts(classifier.name)
    found = scripts.noted(
        classify(lists, classifier, task, texts_of, k=k, threshold=threshold), lambda record: " ".join(texts_of(record))
    )
    rows = ClassRows(task, [*([fields] if fields else []), *PAIR_NAMES])
    write_records(pipe, found, format, layout(task), table=rows, notes=NOTES | scripts.notes)


def _zero_shot(  # noqa: PLR0917
    pipe: Pipe, spec: ClassifierSpec, labels: str | None, labels_file: str | None, k: int | None, format: str
) -> None:
    """Compare each text with the names or the descriptions of labels."""
    from nlptool.models.classifiers import zero_shot as zero_shot_labels
    from nlptool.models.classifiers.linear_classifier import encoder_spec
    from nlptool.tasks.classify import NOTES, accept_texts
    from nlptool.tasks.languages import ModelScripts
    from nlptool.tasks.open_model import locate_model
    from nlptool.tasks.zero_shot import LAYOUT, ZeroShotRows, zero_shot

    described = (
        zero_shot_labels.read_labels_file(labels_file) if labels_file else zero_shot_labels.read_labels(labels or "")
    )
    located = locate_model(encoder_spec(spec.model or DEFAULT_ENCODER, spec), pipe)
    scripts = ModelScripts(located.name)
    pipe.form, texts_of = accept_texts(pipe.form)
    found = scripts.noted(zero_shot(windows(pipe.read()), located, described, texts_of, k=k))
    pipe.note(
        f"zero-shot: the label whose {'description' if labels_file else 'name'} is nearest by {located.name}; nothing was learned"
    )
    write_records(pipe, found, format, LAYOUT, table=ZeroShotRows(), notes=NOTES | scripts.notes)
