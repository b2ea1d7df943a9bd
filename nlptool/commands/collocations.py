"""``nlptool collocations``: pairs of words that keep company."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.cli.options import corpus
from nlptool.records.pipe import Pipe

if TYPE_CHECKING:
    from nlptool.tasks.counted_tokens import Counted

MEASURES = ("pmi", "npmi", "log-likelihood", "chi2", "t-score", "dice", "log-dice")

_OF_PHRASES = ("npmi", 0.5)  # measure and threshold, unless they are given


@click.command(cls=Command)
@options.records("collocations", writes=False, instead=("tokens",))
@click.option("--window", default=1, show_default=True, metavar="N", type=options.IntRange(1, 1000),
              help="Largest distance of the two words; 1: they are adjacent.")  # fmt: skip
@click.option("--node", metavar="WORD", multiple=True,
              help="Only the company of this word, on both sides; repeatable.")  # fmt: skip
@click.option("--measure", type=click.Choice(MEASURES), show_default="log-likelihood; of --phrases: npmi",
              help="Measure of association that sorts the pairs.")  # fmt: skip
@click.option("--threshold", metavar="X", type=options.Number(), show_default="none; of --phrases: 0.5",
              help="Leave out pairs with a smaller value of the measure.")  # fmt: skip
@click.option(
    "--phrases", is_flag=True, help="Write the records with the pairs joined (夏目_漱石), for `nlptool train`."
)
@corpus.counted("words", "lemmas")
@corpus.min_count(3, "pairs")
@options.top_k(largest=None, help="Number of pairs, or of words for each --node.")
@corpus.figures("text", text="; text: of --phrases, the words with blanks between them, a record a line")
def command(
    pipe: Pipe,
    *,
    window: int,
    node: tuple[str, ...],
    measure: str | None,
    threshold: float | None,
    phrases: bool,
    counted: Counted,
    min_count: int,
    top_k: int | None,
    format: str,
) -> None:
    """Find collocations: pairs of words that stand together more often than by chance.

    Each pair is a record {first, second, count, first_count, second_count} with its measures of association. Of --node it is
    {node, word, count, left, right, node_count, word_count}: the words on both sides of a word. The highest --measure comes
    first; pairs that occur less often than by chance come last. A table shows 30 pairs unless -k is given, and the most
    common measures.

    \b
    nlptool collocations novel.txt
    nlptool collocations --window 5 --node 猫 --measure log-dice -k 20 novel.txt
    nlptool tokenize --pos 名詞,動詞,形容詞 novel.txt | nlptool collocations --of lemmas --window 3
    nlptool collocations --phrases -f text novel.txt | nlptool train --tokenizer whitespace -o phrases.vec

    With o11 the occurrences of a pair, r1 and c1 those of its words, n those of all words, and e11 = r1 c1 / n:

    \b
    pmi             log2(o11 / e11)
    npmi            pmi / -log2(o11 / n), from -1 to 1
    log-likelihood  G2 = 2 sum o ln(o / e) over the four cells (Dunning 1993)
    chi2            sum (o - e)^2 / e over the four cells
    t-score         (o11 - e11) / sqrt(o11)
    dice            2 o11 / (r1 + c1), from 0 to 1
    log-dice        14 + log2(dice), at most 14 (Rychly 2008)

    With a window of N words r1, c1 and n are N times these, and of --node 2 N times: each place is an observation. NLTK divides
    by N instead: its pmi and dice are the same, its log-likelihood and chi2 are N times smaller; its window_size is N + 1.

    No pair goes from one record into the next. Punctuation is a place of the window, but, without --punctuation, no word of a
    pair. The words are the `tokens` of a record, as `nlptool tokenize` writes them, and else those that its text is split into.
    """
    if not all(map(str.strip, node)):
        raise click.UsageError("--node takes a word, and this one is empty")
    if phrases:
        options.refuse(("node", "top_k", "window"), "--phrases")
        if options.given("format") or format not in ("jsonl", "table"):
            _check_format(format, ("jsonl", "text"), "--phrases")
    else:
        _check_format(format, ("table", "jsonl", "csv", "tsv"), "without --phrases collocations")
    from nlptool.tasks.collocations import write_collocations
    from nlptool.tasks.phrases import write_phrases
    from nlptool.tasks.word_pairs import Chosen

    if phrases:
        usual, least = _OF_PHRASES
        least_value = threshold if threshold is not None or measure is not None else least
        write_phrases(pipe, counted, Chosen(1, measure or usual, least_value, min_count), format)
        return
    chosen = Chosen(window, measure or "log-likelihood", threshold, min_count, top_k)
    write_collocations(pipe, counted, chosen, nodes=node, format=format)


def _check_format(format: str, able: tuple[str, ...], what: str) -> None:
    if format not in able:
        raise click.UsageError(f"{what} writes {', '.join(able)}, not {format}")
