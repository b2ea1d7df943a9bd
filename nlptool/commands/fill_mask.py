"""``nlptool fill-mask``: predict masked words."""

from __future__ import annotations

from collections.abc import Sequence

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats.record_rows import Layout
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.records.writing import write_records
from nlptool.specs import MaskedModelSpec


def _words(_: click.Context, __: click.Parameter, values: Sequence[str]) -> list[str]:
    """Words between commas, each once."""
    words = list(dict.fromkeys(word.strip() for value in values for word in value.split(",") if word.strip()))
    if values and not words:
        raise click.BadParameter("there is no word: --targets 寿司,ピザ")
    return words


DEFAULT_K = 5


@click.command(cls=Command)
@options.records("fill-mask")
@options.top_k(largest=1000, show_default=f"{DEFAULT_K}, or all targets",
               help="Number of candidates of each mask, and of fills of all masks together.")  # fmt: skip
@click.option(
    "--targets", multiple=True, metavar="WORDS", callback=_words,
    help="Words that are scored as candidates, with commas between them: 寿司,ピザ; repeatable.",
)  # fmt: skip
@click.option(
    "--joint", type=click.Choice(["beam", "greedy", "independent"]), default="beam", show_default=True,
    help="Search for joint fills of several masks; see above.",
)  # fmt: skip
@click.option(
    "--beams", default=5, show_default=True, metavar="N", type=options.IntRange(1, 1000),
    help="Beam size of --joint beam.",
)  # fmt: skip
@options.record_format("text", text="; text: the best fill alone")
@options.bert
def command(  # noqa: PLR0917
    pipe: Pipe,
    top_k: int | None,
    targets: list[str],
    joint: str,
    beams: int,
    format: str,
    spec: MaskedModelSpec,
) -> None:
    """Predict masked words with a masked language model (BERT, RoBERTa and similar models).

    Each record gets `masks`, for each mask of the text a list of candidates {token, probability}, and `fills`, a list of {text,
    tokens, log_probability} in which all masks are filled, the most probable first. [MASK], <mask> and the model's own mask
    token are accepted. A probability is relative to all tokens of the vocabulary (0 to 1); a log-probability is a natural
    logarithm (at most 0, higher is more probable).

    \b
    echo '吾輩は[MASK]である。名前はまだ無い。' | nlptool fill-mask
    echo '昼は[MASK]、夜は[MASK]を食べた。' | nlptool fill-mask --targets 魚,肉,豆腐
    nlptool fill-mask -k 1 -f text < masked.txt > filled.txt
    echo 'The man went to the [MASK] to buy a [MASK] of milk.' | nlptool fill-mask
    echo '東京は[MASK]の首都である。' | nlptool fill-mask -m bert-base-japanese-v3

    The candidates of a mask are predicted independently of the other masks; the fills are joint predictions, and --joint
    chooses the search. beam: beam search from left to right; each token is conditioned on the text, the tokens filled so far
    and the remaining masks. greedy: the same, but the mask with the most certain prediction is filled first, and each of its
    best candidates leads to one fill. independent: the product of the probabilities in `masks`. With one mask the three are
    the same. The network runs --beams times for each mask with beam, -k times with greedy, and once with independent.

    A word of --targets with n subwords is scored with n masks in place of the one: the probability of the first subword, times
    that of the second given the first, and so on. Its candidate also has its log_probability, and its subwords if there are
    several. A word that the vocabulary cannot represent is refused.

    If a text is longer than --max-length, the network reads a window around the masks, or several windows if the masks are far
    apart; the record then says `truncated` and the number of `windows`. A text without a mask fails.

    With different batches a number may change by less than 1e-5; --deterministic makes the output byte-identical.
    """
    from nlptool.tasks.fill_mask import NOTES, WINDOW, as_table, as_text, fill_mask
    from nlptool.tasks.languages import MASKED, ModelScripts, chosen, masked_text
    from nlptool.tasks.open_model import open_model

    if joint != "beam" and "beams" in options.typed(["beams"]):
        raise click.UsageError(f"--beams belongs to --joint beam, not to --joint {joint}")

    model = open_model(chosen(spec, pipe), pipe)
    scripts = ModelScripts(model.name, MASKED)
    notes = NOTES | scripts.notes
    lists = windows(pipe.read(), largest=WINDOW)
    k = top_k or len(targets) or DEFAULT_K
    filled = scripts.noted(fill_mask(lists, model, k=k, joint=joint, beams=beams, words=targets), masked_text)
    if format == "text":
        pipe.write(filled, as_text, notes=notes)
    elif format == "table":
        pipe.write(filled, as_table, notes=notes)
    else:
        write_records(pipe, filled, format, Layout({"masks": dict, "fills": dict}), notes=notes)
