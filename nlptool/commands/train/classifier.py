"""``nlptool train classifier``: classes, labels or numbers for texts and pairs of texts, learned from examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.cli.options import labelled, training
from nlptool.cli.options.finetuning import finetuning
from nlptool.records.pipe import Pipe
from nlptool.specs import BaseSpec

if TYPE_CHECKING:
    from nlptool.tasks.train.classifier_corpus import TaskFile
    from nlptool.tasks.train.run import ModelOutput

_OF_RECORDS = ("unit", "field", "id_field")
_OF_LINEAR = {"balance", "max_length", "seed"}  # the only settings of --method linear
_MAX_LENGTH = training.integer(
    "Model", "--max-length", None, "Tokens of a text or of a pair; longer ones are truncated.", 8, 8192,
    shown="128; for linear the model's own",
)  # fmt: skip
_METRICS = ("accuracy", "f1", "macro_f1", "matthews", "micro_f1", "pearson", "spearman")


@click.command(cls=Command)
@options.records("train", writes=False)
@click.option("--task", "tasks", envvar="NLPTOOL_TRAIN_CLASSIFIER_TASK", metavar="NAME=FILE", multiple=True,
              help="A task and its examples; repeated: one encoder learns several tasks, with a head for each.")  # fmt: skip
@click.option("--method", type=click.Choice(["auto", "finetune", "linear"]), default="auto", show_default=True,
              help="finetune: train the whole network; linear: logistic or ridge regression on its frozen embeddings; auto: "
              "linear below 1,000 examples.")  # fmt: skip
@click.option("--base", metavar="MODEL", show_default="bert-mini-ja; for linear sbert-mini-ja-en",
              help="The model to begin with: BERT or its kin, for linear any model of `nlptool embed`: a name, a folder, or "
              "org/name of the hub.")  # fmt: skip
@click.option("--kind", metavar="KIND", multiple=True, show_default="found from the labels",
              help="classification (one class), multilabel (any number of labels) or regression (a number); TASK=KIND for one "
              "task.")  # fmt: skip
@click.option("--dev", metavar="SHARE|FILE", multiple=True, show_default="0.1",
              help="Examples to hold out: a share of each label, the same ones for all --seed, or a file; TASK=… for one "
              "task.")  # fmt: skip
@click.option("--metric", metavar="NAME", multiple=True, show_default="accuracy, micro_f1, spearman, or that of --columns",
              help="Score on dev by which the best weights are kept: accuracy, f1, macro_f1, matthews, micro_f1, pearson, "
              "spearman; TASK=… for one task.")  # fmt: skip
@click.option("--balance", is_flag=True, help="Weigh the labels as if each had the same number of examples.")
@click.option("--task-sampling", type=click.Choice(["proportional", "sqrt", "equal"]), default="sqrt", show_default=True,
              help="How often each --task has its turn: by its number of examples, the square root of that, or "
              "equally.")  # fmt: skip
@click.option("--pooling", type=click.Choice(["cls", "sentence"]), show_default="as the base model was made",
              help="What the heads read: cls: the first token, as transformers' classes do; sentence: the vector of a sentence "
              "encoder, of each text of a pair by itself.")  # fmt: skip
@click.option("--heads", type=click.Choice(["linear", "random"]), show_default="linear; for --pooling cls random",
              help="What the heads begin as: linear: what --method linear makes of 10,000 examples at most; random.")  # fmt: skip
@labelled.columns
@finetuning(
    evaluations=20, max_length=_MAX_LENGTH, epochs=4, batch_size=training.batch_size(32, "Examples in a batch.")
)
@training.number("Training", "--label-smoothing", 0.0, "P", "Label smoothing of the cross-entropy.", 0.9)
def command(
    pipe: Pipe,
    *,
    output: ModelOutput,
    tasks: tuple[str, ...],
    spec: BaseSpec,
    method: str,
    **settings: Any,
) -> None:
    """A classifier of your own, from labelled examples, for `nlptool classify`.

    The examples are JSONL, CSV or TSV: a text, or two (first and second, sentence1 and sentence2, premise and hypothesis,
    question and sentence ...), and a label. Names that are not given are found among the usual ones, and said. A list of
    labels makes a classification with several labels, numbers with decimals a regression.

    \b
    nlptool train classifier -o my-model reviews.csv
    nlptool train classifier --method finetune --epochs 10 --plot curves.png -o my-model train.jsonl
    nlptool train classifier --columns glue:cola --dev dev.tsv -o cola train.tsv
    nlptool train classifier --task nli=nli.jsonl --task topic=topics.jsonl --label topic=category -o both
    nlptool classify -m ./my-model texts.txt

    finetune trains the whole network with a new head (AdamW, warm-up, then linear decay). The folder is what transformers'
    AutoModelForSequenceClassification loads; with several tasks it is the encoder with all heads, and such a folder for each
    task below it. A sentence encoder reads the two texts of a pair by themselves, and the folder is one of
    sentence-transformers with the heads beside it.

    linear computes the embeddings of an encoder once and fits logistic regression (or ridge regression to numbers), whose
    strength of regularisation is chosen by cross-validation: it takes seconds, and suits few examples.

    Examples that share a text are never divided between training and dev. The folder's classifier.json holds the tasks, every
    option, the counts, the scores on dev and the versions, its curves.jsonl the losses and scores during the training.

    Ctrl-C leaves a checkpoint, from which --resume goes on. The same seed and number of threads give the same model on the
    same machine; with --max-minutes the speed has a part in it.
    """
    from nlptool.tasks.train.classifier import train_classifier

    options.refuse(_OF_RECORDS, "train classifier reads labelled examples, and")
    files = _files(
        pipe,
        tasks,
        {name: settings.pop(name) for name in ("text", "first", "second", "label", "columns", "kind", "dev", "metric")},
    )
    if method == "linear":
        options.refuse(settings.keys() - _OF_LINEAR, "--method linear")
    if len(files) == 1:
        options.refuse(["task_sampling"], "a training on one task")
    if all(file.dev == 0 for file in files):
        training.refuse_of_dev("metric")
    train_classifier(pipe, output, files, spec, method=method, **settings)


def _files(pipe: Pipe, tasks: tuple[str, ...], values: dict[str, tuple[str, ...]]) -> list[TaskFile]:
    """Return what the options say of each task."""
    from nlptool.models.heads.task import KINDS
    from nlptool.records import known_columns
    from nlptool.records.labelled import Columns
    from nlptool.tasks.train.classifier_corpus import TaskFile

    paths = labelled.paths_of_tasks(tasks, pipe.given, "examples")
    of_task = {option: labelled.by_task(option, given, list(paths)) for option, given in values.items()}
    found = []
    for name, path in paths.items():
        said: dict[str, str | None] = {option: by_task[name] or None for option, by_task in of_task.items()}
        if said["kind"] not in (None, *KINDS):
            raise click.UsageError(f"--kind is one of {', '.join(KINDS)}, not {said['kind']!r}")
        if said["metric"] not in (None, *_METRICS):
            raise click.UsageError(f"--metric is one of {', '.join(_METRICS)}, not {said['metric']!r}")
        preset = known_columns.preset(said["columns"]) if said["columns"] else None
        columns = Columns(said["text"], said["first"], said["second"], said["label"], preset=preset)
        dev = training.share_or_file_of(said["dev"] or "0.1")
        found.append(TaskFile(name, path, columns, said["kind"], dev, said["metric"]))
    return found
