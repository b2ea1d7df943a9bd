"""``nlptool choose``: which of several choices goes with a text."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.records.writing import write_records
from nlptool.specs import ChooserSpec


@click.command(cls=Command)
@options.records("choose")
@options.chooser()
@options.record_format()
def command(pipe: Pipe, format: str, spec: ChooserSpec) -> None:
    """Choose the ending or the answer that goes with a text (multiple choice), with a model of `nlptool train chooser` or of the
    hub.

    A record has a context or a question, and choices: a list `choices`, `endings` or `options`, or a field for each, choice0,
    choice1 ..., ending0 ..., sol1 .... The columns of SWAG, JCommonsenseQA, COPA, ARC and PIQA are known. Each record gets
    `label`, the number of the most probable choice from 0, `choice`, its text, and `probabilities`, {number: probability} from
    the highest down, which add up to 1. There may be more or fewer choices than in the training. The right choice, if the
    record names it, is kept as `gold`, a number too; how many were right is said at the end, and `nlptool evaluate
    classification` gives intervals.

    \b
    nlptool choose -m ./chooser questions.jsonl
    nlptool choose -m ./chooser dev.jsonl | nlptool evaluate classification
    """
    from nlptool.records import choices
    from nlptool.tasks.choose import LAYOUT, NOTES, Accuracy, ChoiceRows, choose
    from nlptool.tasks.languages import ModelScripts
    from nlptool.tasks.open_model import open_model

    if not spec.model:
        raise click.UsageError("a model is needed: -m FOLDER of `nlptool train chooser`, or -m org/name of the hub")
    pipe.form = choices.form(pipe.form)
    chooser = open_model(spec, pipe)
    scripts = ModelScripts(chooser.name)
    accuracy = Accuracy()
    found = scripts.noted(choose(windows(pipe.read()), chooser, accuracy))
    write_records(pipe, found, format, LAYOUT, table=ChoiceRows(), notes=NOTES | scripts.notes)
    for said in accuracy.said():
        pipe.note(said)
