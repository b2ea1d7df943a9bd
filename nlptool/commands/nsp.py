"""``nlptool nsp``: whether one sentence follows another."""

from __future__ import annotations

from functools import partial

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records import pairs
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.records.writing import write_records
from nlptool.specs import MaskedModelSpec


@click.command(cls=Command)
@options.records("nsp")
@click.option("--consecutive", is_flag=True, help="Pair each line of a document with the next line.")
@options.pair_fields
@options.bert
@options.record_format()
def command(  # noqa: PLR0917
    pipe: Pipe, consecutive: bool, first: str | None, second: str | None, format: str, spec: MaskedModelSpec
) -> None:
    """Predict with BERT whether one sentence follows another (next-sentence prediction).

    A line holds two sentences with a tab between them (further columns are kept) or, if it has no tab, with [SEP] between them.
    A JSON object holds them in the fields first and second, sentence1 and sentence2, or text1 and text2, or in those that
    --first and --second name. Each record gets `is_next` and `not_next`, two probabilities that add up to 1; `label`, IsNext
    or NotNext, the more probable one; and `logit_margin`, the logit of IsNext minus that of NotNext: it still differs where
    both probabilities are close to 0 and 1.

    \b
    printf '雨が降ってきた。\\t彼は傘をさした。\\n' | nlptool nsp
    echo '雨が降ってきた。[SEP]微分とは変化の割合のことである。' | nlptool nsp -f table
    nlptool nsp --consecutive novel.txt | jq -c 'select(.is_next < 0.5)'
    nlptool nsp --first question --second answer faq.jsonl > judged.jsonl
    printf 'the man went to the store\\tpenguins are flightless birds\\n' | nlptool nsp

    --consecutive pairs each line of a document with the next one: {document, first_line, second_line, first, second, is_next,
    ...}; a small `is_next` is a hint of a new topic. An empty line or the end of a file ends a document; --field names the
    sentence of a JSON object.

    The model needs a next-sentence head: BERT has one; RoBERTa and other models that were trained without one are refused. A
    pair longer than --max-length is truncated at the beginning of the first sentence and at the end of the second
    (transformers truncates the end of both), and the entry says `truncated`. BERT was trained on segments of several
    sentences, so very short sentences are harder for it.
    """
    from nlptool.tasks.languages import MASKED, ModelScripts, chosen, masked_text, masked_texts
    from nlptool.tasks.nsp import MARK, NOTES, WINDOW, NspRows, consecutive_pairs, layout, nsp, texts_of_neighbors
    from nlptool.tasks.open_model import open_model

    fields = options.pair_names(first, second)
    if consecutive and fields is not None:
        raise click.UsageError(
            "--first and --second name the two texts of a record; --consecutive reads one: --field NAME"
        )
    if not consecutive and pipe.form.field is not None:
        raise click.UsageError("a pair has two texts: --first NAME and --second NAME")
    names = [fields] if fields else list(pairs.PAIR_FIELDS)
    if not consecutive:
        pipe.form = pairs.accept_pairs(pipe.form, names)
    texts_of = texts_of_neighbors if consecutive else partial(pairs.two_texts, names=fields, mark=MARK)
    both = partial(masked_texts, texts_of=texts_of)
    model = open_model(chosen(spec, pipe, masked_text if consecutive else both), pipe, head="nsp")
    scripts = ModelScripts(model.name, MASKED)
    lists = consecutive_pairs(pipe) if consecutive else windows(pairs.without_text(pipe.read()), largest=WINDOW)
    judged = scripts.noted(nsp(lists, model, texts_of), both)
    table = NspRows([*names, *pairs.PAIR_FIELDS], consecutive=consecutive)
    write_records(pipe, judged, format, layout(consecutive=consecutive), table=table, notes=NOTES | scripts.notes)
