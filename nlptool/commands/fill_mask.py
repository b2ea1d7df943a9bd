"""``nlptool fill-mask``: the words that a BERT expects behind the masks of a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats.results import wants_table
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.windows import windows
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
    help="Only these words are candidates: 寿司,ピザ; of any number of pieces. Can be given several times.",
)  # fmt: skip
@click.option(
    "--joint", type=click.Choice(["beam", "greedy", "independent"]), default="beam", show_default=True,
    help="How several masks are filled together; see below.",
)  # fmt: skip
@click.option(
    "--beams", default=5, show_default=True, metavar="N", type=click.IntRange(1, 1000),
    help="Fills that --joint beam keeps between one mask and the next.",
)  # fmt: skip
@options.table_choice("text", text="; text: the best fill alone")
@options.bert
def command(  # noqa: PLR0917
    pipe: Pipe,
    top_k: int | None,
    targets: list[str],
    joint: str,
    beams: int,
    format: str | None,
    spec: MaskedModelSpec,
) -> None:
    """Which words stand behind [MASK]: the guesses of a masked language model (BERT and its kin).

    Each record gets `masks`, for each mask of the text a list of candidates {token, probability}, and `fills`, a list of {text,
    tokens, log_probability} in which all masks are filled; the best come first. [MASK], <mask> and the model's own mask token
    are all understood. A probability is between 0 and 1, of all tokens of the vocabulary; a log-probability is a natural
    logarithm, nearer to 0 is likelier.

    \b
    echo '吾輩は[MASK]である。名前はまだ無い。' | nlptool fill-mask
    echo '昼は[MASK]、夜は[MASK]を食べた。' | nlptool fill-mask --targets 魚,肉,豆腐
    nlptool fill-mask -k 1 -f text < masked.txt > filled.txt
    echo 'The man went to the [MASK] to buy a [MASK] of milk.' | nlptool fill-mask -m google-bert/bert-base-uncased

    The candidates of a mask know nothing of the other masks. The fills of several do, and --joint says how their
    log-probability is made: beam: from left to right, each token given the text, the tokens before it, and the later masks as
    masks; greedy: in the same way, but the mask of which the model is surest comes first, and each of its best candidates leads
    to one fill; independent: the product of the probabilities in `masks`, and exactly the best. With one mask the three are
    the same. beam reads a text --beams times for each mask, greedy -k times, independent once in all.

    A word of --targets with n pieces is scored with n masks in the place of the one: the probability of its first piece,
    times that of the second given the first, and so on. Its candidate has its log_probability too, and its pieces if they
    are several. A word that the vocabulary cannot spell is refused.

    Of a text that is longer than the model takes, the network sees a window around the masks, or several if they are far apart;
    the record says `truncated` and how many `windows`, whose masks know nothing of each other. A text without a mask fails.

    With another batch composition a float may move by less than 1e-5; --deterministic makes all output byte-identical.
    """
    from nlptool.tasks.fill_mask import NOTES, WINDOW, as_table, as_text, fill_mask
    from nlptool.tasks.open_model import open_model

    if joint != "beam" and "beams" in options.typed(["beams"]):
        raise click.UsageError(f"--beams belongs to --joint beam, not to --joint {joint}")

    model = open_model(spec, pipe)
    lists = windows(pipe.read(), largest=WINDOW)
    k = top_k or len(targets) or DEFAULT_K
    filled = fill_mask(lists, model, k=k, joint=joint, beams=beams, words=targets)
    table = wants_table(format, pipe.output)
    to_bytes: Callable[[Record], bytes] | None = as_text if format == "text" else as_table if table else None
    pipe.write(filled, to_bytes, notes=NOTES, terminator=None if table else b"\n")
