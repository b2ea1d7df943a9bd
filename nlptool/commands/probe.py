"""``nlptool probe``: the tree of a sentence, read out of a BERT's vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from nlptool.catalog import DEFAULT_PROBE
from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.records.writing import write_records
from nlptool.specs import ProbeSpec

if TYPE_CHECKING:
    from nlptool.tasks.probe import Picture


@click.command(cls=Command)
@options.records("probe", instead=("tokens",))
@click.option("--conllu", is_flag=True, show_default="by the ending .conllu",
              help="The input is CoNLL-U, whose trees are compared with those that are found.")  # fmt: skip
@click.option("--distances", is_flag=True, help="Write the matrix of distances, too.")
@click.option("--plot", metavar="FILE", type=click.Path(readable=False),
              help="Draw the tree of the first sentence, below the one of CoNLL-U: .png, .svg or .pdf.")  # fmt: skip
@options.probe(DEFAULT_PROBE)
@options.record_format()
def command(  # noqa: PLR0917
    pipe: Pipe, conllu: bool, distances: bool, plot: str | None, format: str, spec: ProbeSpec
) -> None:
    """Read the tree of each sentence out of the vectors of a BERT, with a structural probe (Hewitt and Manning 2019).

    Each record gets `words`, a list of {text, start, end}; `heads`, the number of the head of each word from 1, and 0 of the
    root; `root`, its number; and `depths`, the squared length of each word's vector after the probe's map for depths. The tree is
    the minimum spanning tree of the distances of the words, and hangs at the word with the least depth; --distances writes these,
    too. It is a picture of what the network knows, and no parser: see the scores in the probe's card.

    \b
    echo 猫が庭で魚を食べた。 | nlptool probe -f table
    echo 猫が庭で魚を食べた。 | nlptool probe --plot tree.svg > tree.jsonl
    nlptool probe -m ./my-probe --plot trees.png dev.conllu > found.jsonl

    The words are a record's `tokens` if it has them, else MeCab's words of a text with kana or kanji, or what stands between
    blanks. A record is a line of text, or a sentence of CoNLL-U, which gets `gold_heads` and `uuas`, the share of its edges that
    were found, without punctuation; stderr says that of all. The built-in probe reads bert-mini-ja; `nlptool train probe` makes
    others.
    """
    from nlptool.records.tagged_names import Layout
    from nlptool.tasks.languages import ModelScripts
    from nlptool.tasks.open_model import open_model
    from nlptool.tasks.probe import NOTES, WINDOW, Compared, TreeRows, layout, probe, said

    if plot is not None:
        from nlptool import plots

        plots.check(plot)
    conllu = conllu or any(".conllu" in name.lower() for name in pipe.files)
    if conllu:
        options.refuse(("field", "unit", "header"), "CoNLL-U")
        pipe.form = Layout().form(pipe.form)
    model = open_model(spec if spec.model else replace(spec, model=DEFAULT_PROBE), pipe)
    scripts = ModelScripts(model.base.name)
    compared = Compared()
    pictures: list[Picture] = []
    lists = windows(pipe.read(), largest=WINDOW)
    found = probe(lists, model, conllu=conllu, with_distances=distances, compared=compared, picture=pictures)
    write_records(pipe, scripts.noted(found), format, layout(), table=TreeRows(), notes=NOTES | scripts.notes)
    for message in said(compared):
        pipe.note(message)
    if plot is not None:
        _draw(pipe, pictures, plot)


def _draw(pipe: Pipe, pictures: list[Picture], path: str) -> None:
    if not pictures:
        pipe.note(f"there is nothing to draw: {path} is not written")
        return
    from nlptool import plots
    from nlptool.models.probes.trees import edges_of

    first = pictures[0]
    gold = None if first.gold is None else edges_of(first.gold)
    plots.arcs(first.words, edges_of(first.found), path, gold=gold, root=first.found.index(-1), note=pipe.note)
    if pipe.tally.n_read > 1:
        pipe.note(f"{path} shows the first sentence alone")
