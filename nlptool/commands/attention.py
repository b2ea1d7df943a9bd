"""``nlptool attention``: attention weights of a BERT."""

from __future__ import annotations

import re
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from nlptool.cli import options, pictures
from nlptool.cli.help import Command
from nlptool.records import pairs
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.specs import AttentionSpec

if TYPE_CHECKING:
    from nlptool.tasks.attention import Picture, Selection

_NUMBERS = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")


class _Numbers(click.ParamType[list[range]]):
    """A number or a range, or several with commas between them, counted from 1."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[range]:
        found = []
        for part in str(value).split(","):
            match = _NUMBERS.fullmatch(part.strip())
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
            if not 1 <= first <= last:
                self.fail(f"{value!r} is neither a number from 1 nor a range: 3, 1-4 or 1,3", param, ctx)
            found.append(range(first, last + 1))
        return found


@click.command(cls=Command)
@options.records("attention")
@click.option("--pair", is_flag=True, help="Read two texts a record, together.")
@options.pair_fields
@click.option("--layer", metavar="N", type=_Numbers(), multiple=True, show_default="all",
              help="Layers to use, counted from 1: 4, 1-3 or 1,4; repeatable.")  # fmt: skip
@click.option("--head", metavar="N", type=_Numbers(), multiple=True, show_default="all",
              help="Heads of each layer to use, counted from 1; repeatable.")  # fmt: skip
@click.option("--all", "each", envvar="NLPTOOL_ATTENTION_ALL", is_flag=True,
              help="Write the weights of each head in addition to the mean.")  # fmt: skip
@click.option("--plot", metavar="FILE", help="Heat map of the weights of the first text: .png, .svg or .pdf.")
@options.bert_model
@options.max_length("the model's own, at most 512")
@options.device
@options.batch_tokens(512)
@options.threads_alone
@options.deterministic()
@options.offline
@options.allow_pickle
@options.spec("AttentionSpec")
def command(  # noqa: PLR0917
    pipe: Pipe,
    pair: bool,
    first: str | None,
    second: str | None,
    layer: tuple[list[range], ...],
    head: tuple[list[range], ...],
    each: bool,
    plot: str | None,
    spec: AttentionSpec,
) -> None:
    """Extract and draw the attention weights of a BERT, a similar model, or a sentence encoder.

    Each record gets `attention`: {tokens, mean}, the T tokens with special tokens, and a T x T matrix of weights: mean[i][j],
    from 0 to 1, is how much token i attends to token j; each row sums to 1. It is the mean over all heads of all layers, or
    over those chosen with --layer and --head. With --all there is also heads[layer][head], the T x T weights of each head: 4 MB
    for a text of 50 tokens and a model of the size of BERT base.

    \b
    echo 猫が魚を食べる。 | nlptool attention | jq -c .attention.tokens
    echo 猫が魚を食べる。 | nlptool attention --plot mean.png > mean.jsonl
    echo 猫が魚を食べる。 | nlptool attention --layer 2 --head 3 --plot head.png > head.jsonl
    echo 猫が魚を食べる。 | nlptool attention --all --plot heads.svg > heads.jsonl
    printf '雨が降ってきた。\\t彼は傘をさした。\\n' | nlptool attention --pair --layer 1-2,4 > pair.jsonl
    echo The cat sat on the mat. | nlptool attention -m all-MiniLM-L6-v2 > english.jsonl

    --plot draws the mean, or with --all a matrix for each layer (row) and head (column): rows are the attending tokens, columns
    those attended to; black is 0 and white is 1, or in a mean its greatest weight, as the colour bar says. With --pair the two
    texts of a record are given as for nsp: separated by a tab or by [SEP], or in the fields first and second, or those that
    --first and --second name.

    Attention weights show which vectors a head has combined; they do not explain a decision of the model. Often much of the
    weight goes to [CLS], [SEP] and punctuation. For text-to-text models see `nlptool generate --attention`.

    The network runs in torch. An empty line gets null and the reason. A text longer than --max-length is truncated at its end,
    a pair at both outer ends; the entry says `truncated`. With different batches a weight may change by less than 1e-5;
    --deterministic makes the output byte-identical.
    """
    from nlptool.tasks.attention import NOTES, WINDOW, WINDOW_OF_HEADS, Selection, attention, texts_of
    from nlptool.tasks.entries import model_entry
    from nlptool.tasks.languages import MASKED, ModelScripts, chosen, masked_texts
    from nlptool.tasks.open_model import open_model

    names = options.pair_names(first, second)
    if names and not pair:
        raise click.UsageError("--first and --second go with --pair alone")
    if pair and pipe.form.field is not None:
        raise click.UsageError("--pair reads two texts: --first NAME and --second NAME")
    if pair:
        pipe.form = pairs.accept_pairs(pipe.form, [names] if names else pairs.PAIR_FIELDS)
    if plot is not None:
        pictures.check(plot, pipe)
    text_of = partial(masked_texts, texts_of=partial(texts_of, names=names, paired=pair))
    loaded = open_model(chosen(spec, pipe, text_of), pipe)
    scripts = ModelScripts(loaded.name, MASKED)
    selection = Selection.of(loaded, chain.from_iterable(layer), chain.from_iterable(head), each=each)
    layers, heads = (selection.layers if layer or each else ()), (selection.heads if head or each else ())
    entry = model_entry(loaded, layers=layers, heads=heads)
    picture: list[Picture] | None = None if plot is None else []
    records = pairs.without_text(pipe.read()) if pair else pipe.read()
    lists = windows(records, largest=WINDOW_OF_HEADS if each else WINDOW)
    shown = attention(lists, loaded, selection, entry=entry, paired=pair, names=names, picture=picture)
    pipe.write(scripts.noted(shown, text_of), notes=NOTES | scripts.notes)
    if plot is not None:
        pictures.draw_first(pipe, picture or [], plot, lambda drawn: _draw(pipe, drawn, selection, plot))


def _draw(pipe: Pipe, drawn: Picture, selection: Selection, path: str) -> None:
    from nlptool import plots

    tokens, weights = drawn.tokens, drawn.weights
    if selection.each and weights.shape[:2] != (1, 1):
        rows, columns = (
            [f"{noun} {number}" for number in numbers]
            for noun, numbers in (("layer", selection.layers), ("head", selection.heads))
        )
        plots.grid(tokens, tokens, weights, path, rows=rows, columns=columns, note=pipe.note)
    else:
        mean = weights.mean((0, 1))
        white = (
            float(mean.max()) if weights.shape[:2] != (1, 1) else 1.0
        )  # no weight of the mean of many heads is near 1
        plots.alignment(tokens, tokens, mean, path, title=str(selection), white=white, note=pipe.note)
