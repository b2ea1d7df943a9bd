"""``nlptool nsp``: whether one sentence follows another."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from nlptool import specs
from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records import pairs
from nlptool.records.formats import results, tabular
from nlptool.records.json_bytes import path_of
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows

if TYPE_CHECKING:
    from nlptool.tasks.nsp import Names


def _fields(_: click.Context, __: click.Parameter, value: str | None) -> Names | None:
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")]
    if len(names) != 2 or not all(names):
        raise click.BadParameter(f"{value!r} does not name two fields: --fields question,answer")
    return names[0], names[1]


@click.command(cls=Command)
@options.records("nsp")
@click.option("--consecutive", is_flag=True, help="Each line of a document against its next line.")
@click.option("--fields", metavar="FIRST,SECOND", callback=_fields, help="Fields, JSON Pointers or columns of the two.")
@options.bert
@options.table_choice()
def command(pipe: Pipe, consecutive: bool, fields: Names | None, format: str | None, **choice: Any) -> None:
    """Whether one sentence follows another: BERT's next-sentence prediction.

    The two sentences of a line stand beside its only tab or, in a line without tabs, beside its only [SEP]; those of a JSON
    object are first and second, or sentence1 and sentence2, or text1 and text2, or what --fields names. Each record gets
    `is_next` and `not_next`, probabilities that make 1; `label`, IsNext or NotNext, the likelier one; and `logit_margin`, the
    logit of is next less that of not next: larger means rather next, and it still tells where both probabilities are near
    their ends.

    \b
    printf '雨が降ってきた。\\t彼は傘をさした。\\n' | nlptool nsp
    echo '雨が降ってきた。[SEP]微分とは変化の割合のことである。' | nlptool nsp -f table
    nlptool nsp --consecutive novel.txt | jq -c 'select(.is_next < 0.5)'
    nlptool nsp --fields question,answer faq.jsonl > judged.jsonl
    printf 'the man went to the store\\tpenguins are flightless birds\\n' | nlptool nsp -m google-bert/bert-base-uncased

    --consecutive gives a record for each line of a document with the one after it: {document, first_line, second_line, first,
    second, is_next, ...}, where a small `is_next` hints at a new topic. An empty line, or the end of a file, ends a document;
    --field names the sentence of a JSON object.

    The model must have the head for it: BERT has, RoBERTa and others were trained without and are refused. A pair that is
    longer than the model takes is cut where it matters least: the end of the first sentence and the beginning of the second
    stay (transformers cuts both at their ends), and the entry says `truncated`. BERT learned from runs of sentences, so that
    very short ones are harder for it.
    """
    from nlptool.tasks import open_masked
    from nlptool.tasks.nsp import MARK, NOTES, WINDOW, NspRows, consecutive_pairs, nsp, nsp_both_ways

    if consecutive and fields is not None:
        raise click.UsageError("--fields names two sentences of a record; --consecutive reads one: --field NAME")
    if not consecutive and pipe.form.field is not None:
        raise click.UsageError("two sentences a record have two fields: --fields FIRST,SECOND")
    names = [fields] if fields else list(pairs.PAIR_FIELDS)
    if not consecutive:
        pipe.form = replace(pipe.form, instead=tuple(path_of(name)[0] for name in chain.from_iterable(names)))
    model = open_masked.load(pipe, specs.MaskedModelSpec(**choice), head="nsp")
    if consecutive:
        lists = nsp(consecutive_pairs(pipe), model, nsp_both_ways)
    else:
        lists = nsp(
            windows(pairs.without_text(pipe.read()), largest=WINDOW),
            model,
            partial(pairs.two_texts, names=fields, mark=MARK),
        )
    if results.wants_table(format, pipe.output):
        tabular.write(pipe, lists, "table", NspRows([*names, *pairs.PAIR_FIELDS], consecutive=consecutive))
    else:
        pipe.write(lists, tell=NOTES)
