"""``nlptool tag``: the entities in a text, or a tag for each word."""

from __future__ import annotations

from dataclasses import replace

import click

from nlptool.catalog import DEFAULT_TAGGER
from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.records.writing import write_records
from nlptool.specs import TaggerSpec


@click.command(cls=Command)
@options.records("tag")
@click.option(
    "--task", "task_name", envvar="NLPTOOL_TAG_TASK", metavar="NAME", help="Task of a model that has several."
)
@click.option("--min-score", type=options.FloatRange(0, 1), default=0.0, show_default=True, metavar="P",
              help="Least score of an entity.")  # fmt: skip
@click.option("--tags", "with_tags", envvar="NLPTOOL_TAG_TAGS", is_flag=True,
              help="Write the words and the tag of each beside the entities.")  # fmt: skip
@options.tagger(DEFAULT_TAGGER)
@options.record_format()
def command(  # noqa: PLR0917
    pipe: Pipe, task_name: str | None, min_score: float, with_tags: bool, format: str, spec: TaggerSpec
) -> None:
    """Find the entities in each text, or give each word a tag, by the built-in model for Japanese, one of `nlptool train tagger`,
    or of the hub.

    Each record gets `entities`: a list of {start, end, text, label, score}, in the order of the text, whose text is
    text[start:end] in characters; score is the mean probability of the tags of its words, from 0 to 1. A model of plain tags, as
    parts of speech, gives `tokens`, `tags` and `scores`, three lists of the same length; --tags adds them to entities. What a
    record had under these names is kept as `gold`, so that `nlptool evaluate tagging` can judge.

    \b
    echo 大谷翔平はドジャースの選手だ。 | nlptool tag
    nlptool tag -m ./ner texts.txt
    nlptool tag -m ./ner dev.jsonl | nlptool evaluate tagging
    nlptool tokenize texts.txt | nlptool tag -m ./pos

    The words are those of the field `tokens`, as `nlptool tokenize` writes them, or a list of strings; else MeCab's for Japanese,
    and runs of letters for other languages. Any length of text is read, in windows that overlap.
    """
    from nlptool.tasks.classify import task_of
    from nlptool.tasks.languages import ModelScripts
    from nlptool.tasks.open_model import open_model
    from nlptool.tasks.tag import NOTES, TagRows, accept_words, layout, tag

    tagger = open_model(spec if spec.model else replace(spec, model=DEFAULT_TAGGER), pipe)
    task = task_of(tagger, task_name)
    pipe.form, texts_of = accept_words(pipe.form)
    scripts = ModelScripts(tagger.name)
    found = scripts.noted(tag(windows(pipe.read()), tagger, task, texts_of, min_score=min_score, with_tags=with_tags))
    write_records(
        pipe, found, format, layout(task, with_tags=with_tags), table=TagRows(task), notes=NOTES | scripts.notes
    )
