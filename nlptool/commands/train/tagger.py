"""``nlptool train tagger``: entities in a text, or a tag for each word, learned from tagged sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.cli.options import labelled, training
from nlptool.cli.options.finetuning import base, finetuning
from nlptool.records.pipe import Pipe
from nlptool.specs import BaseSpec

if TYPE_CHECKING:
    from nlptool.tasks.train.run import ModelOutput
    from nlptool.tasks.train.tagger_corpus import TagFile

_OF_RECORDS = ("unit", "field", "id_field", "header", "null")
_MAX_LENGTH = training.integer(
    "Model", "--max-length", None, "Tokens of a sentence; longer ones are split between words.", 16, 8192, shown="128"
)
_SOURCE_SCHEMES = ("iob2", "iob1", "bioes", "bilou", "io", "plain")


@click.command(cls=Command)
@options.records("train", writes=False)
@click.option("--task", "tasks", envvar="NLPTOOL_TRAIN_TAGGER_TASK", metavar="NAME=FILE", multiple=True,
              help="A task and its sentences; repeated: one encoder learns several tasks, with a head for each.")  # fmt: skip
@base
@click.option("--column", metavar="NAME", multiple=True, show_default="the last column, upos, or a usual name",
              help="Tags: number of a column, name of a column or attribute of CoNLL-U, or field; TASK=… for one "
              "task.")  # fmt: skip
@click.option("--words", metavar="NAME", multiple=True, show_default="the first column, form, or tokens, words, forms",
              help="Words: column or field; TASK=… for one task.")  # fmt: skip
@click.option("--source-scheme", metavar="SCHEME", multiple=True, show_default="found out",
              help="Scheme of the tags as they are: iob2, iob1, bioes, bilou, io, or plain, no entities; TASK=… for one "
              "task.")  # fmt: skip
@click.option("--scheme", type=click.Choice(["iob2", "bioes"]), default="iob2", show_default=True,
              help="Scheme of the tags that are learned. bioes tells borders apart better; the pipeline of transformers knows "
              "iob2 alone.")  # fmt: skip
@click.option("--dev", metavar="SHARE|FILE", multiple=True, show_default="0.1",
              help="Sentences to hold out: a share, the same ones for all --seed, or a file; TASK=… for one "
              "task.")  # fmt: skip
@click.option("--task-sampling", type=click.Choice(["proportional", "sqrt", "equal"]), default="sqrt", show_default=True,
              help="How often each --task has its turn: by its number of sentences, the square root of that, or "
              "equally.")  # fmt: skip
@finetuning(
    evaluations=20, max_length=_MAX_LENGTH, epochs=6, batch_size=training.batch_size(32, "Sentences in a batch.")
)
def command(pipe: Pipe, *, output: ModelOutput, spec: BaseSpec, tasks: tuple[str, ...], **settings: Any) -> None:
    """A tagger of your own, from tagged sentences, for `nlptool tag`.

    The sentences are a word and its tag a line, with an empty line behind each sentence (CoNLL-2003), CoNLL-U (--column names
    the tags: upos, or an attribute of MISC), or JSON objects with `tokens` and `tags`, or with a `text` and `entities`, spans of
    characters. The format is recognised and said. Tags that mark entities (B-PER, I-PER, O ...) are brought into one scheme;
    others, as parts of speech, are learned as they are.

    \b
    nlptool train tagger -o ner train.conll
    nlptool train tagger --base multilingual-e5-small --dev dev.jsonl -o ner train.jsonl
    nlptool train tagger --column upos --dev dev.conllu -o pos train.conllu
    nlptool train tagger --task ner=ner.jsonl --task pos=train.conllu --column pos=upos -o both
    nlptool tag -m ./ner texts.txt

    The network reads a sentence, and a head says the tag of each word at its first piece (AdamW, warm-up, then linear decay).
    In a text whose words are not given they are MeCab's, for Japanese, or else runs of letters. A span that cuts a word is
    widened, and of overlapping spans the longest is learned; both are counted. The folder is what transformers'
    AutoModelForTokenClassification loads; with several tasks it is the encoder with all heads, and such a folder for each task
    below it.

    The best weights are those with the best F1 of the entities of dev, or the best accuracy of plain tags. The folder's
    tagger.json holds the tasks, every option, the counts, the scores on dev and the versions, its curves.jsonl the losses and
    scores during the training.

    Ctrl-C leaves a checkpoint, from which --resume goes on. The same seed and number of threads give the same model on the
    same machine; with --max-minutes the speed has a part in it.
    """
    from nlptool.tasks.train.tagger import train_tagger

    options.refuse(_OF_RECORDS, "train tagger reads tagged sentences, and")
    files = _files(pipe, tasks, {name: settings.pop(name) for name in ("column", "words", "source_scheme", "dev")})
    if len(files) == 1:
        options.refuse(["task_sampling"], "a training on one task")
    if all(file.dev == 0 for file in files):
        training.refuse_of_dev()
    train_tagger(pipe, output, files, spec, **settings)


def _files(pipe: Pipe, tasks: tuple[str, ...], values: dict[str, tuple[str, ...]]) -> list[TagFile]:
    """Return what the options say of each task."""
    from nlptool.tasks.train.tagger_corpus import TagFile

    paths = labelled.paths_of_tasks(tasks, pipe.given, "sentences")
    of_task = {option: labelled.by_task(option, given, list(paths)) for option, given in values.items()}
    found = []
    for name, path in paths.items():
        said = {option: by_task[name] or None for option, by_task in of_task.items()}
        if said["source_scheme"] not in (None, *_SOURCE_SCHEMES):
            raise click.UsageError(
                f"--source-scheme is one of {', '.join(_SOURCE_SCHEMES)}, not {said['source_scheme']!r}"
            )
        dev = training.share_or_file_of(said["dev"] or "0.1")
        found.append(TagFile(name, path, said["column"], said["words"], said["source_scheme"], dev))
    return found
