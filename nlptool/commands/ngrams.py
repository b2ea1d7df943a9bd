"""``nlptool ngrams``: n-grams of words, lemmas or characters, and how often each comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.cli.options import corpus
from nlptool.records.pipe import Pipe

if TYPE_CHECKING:
    from nlptool.tasks.counted_tokens import Counted


@click.command(cls=Command)
@options.records("ngrams", writes=False, instead=("tokens",))
@corpus.lengths("2")
@corpus.counted("words", "lemmas", "chars")
@click.option("--by", metavar="FIELD", help="Count for each value of a field, or for each file (--by file).")
@corpus.min_count(2, "n-grams")
@options.top_k(largest=None, help="Number of most frequent n-grams of each length and group.")
@corpus.figures()
def command(
    pipe: Pipe,
    *,
    length: tuple[int, ...],
    counted: Counted,
    by: str | None,
    min_count: int,
    top_k: int | None,
    format: str,
) -> None:
    """Count n-grams: runs of N words, lemmas or characters.

    Each n-gram is a record {ngram, n, count, per_million}, with `group` before them if --by is given. The most frequent ones of
    each length come first, equally frequent ones in the order of their code points. per_million is relative to all n-grams
    of that length in the group, whatever --min-count and -k leave out. A table shows 20 of each length unless -k is given.

    No n-gram goes from one record into the next or over white space, and without --punctuation none has or goes over a
    token without a letter or a digit. The words are the `tokens` of a record, as `nlptool tokenize` writes them, and else
    those that its text is split into.

    \b
    nlptool ngrams -n 2-4 novel.txt
    nlptool ngrams --of chars -n 3 --by file -k 10 novels/
    nlptool tokenize --pos 名詞 novel.txt | nlptool ngrams --of lemmas --min-count 5 -f csv > nouns.csv
    nlptool ngrams -n 1 --by author --lowercase articles.jsonl -o words.tsv
    """
    from nlptool.tasks.ngrams import write_ngrams

    write_ngrams(pipe, counted, length, by=by, min_count=min_count, most=top_k, format=format)
