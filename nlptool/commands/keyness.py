"""``nlptool keyness``: words that are special of a corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.cli.options import corpus
from nlptool.records.pipe import Pipe

if TYPE_CHECKING:
    from nlptool.tasks.counted_tokens import Counted

MEASURES = ("log-likelihood", "chi2", "percent-diff", "log-ratio")


@click.command(cls=Command)
@options.records(
    "keyness", writes=False, instead=("tokens",),
    arguments=click.argument("files", nargs=-1, metavar="[TARGET]...", type=click.Path(readable=False)),
)  # fmt: skip
@click.option("--against", metavar="REFERENCE", multiple=True, type=click.Path(readable=False),
              help="Corpus that the target is compared with: a file or a folder; repeatable.")  # fmt: skip
@click.option("--by", metavar="FIELD",
              help="Compare the records of each value of a field, or of each file (--by file), with all others.")  # fmt: skip
@corpus.lengths("1")
@click.option("--measure", type=click.Choice(MEASURES), default="log-likelihood", show_default=True,
              help="Measure that sorts the words.")  # fmt: skip
@corpus.counted("words", "lemmas", "chars")
@click.option("--parts", metavar="FIELD", show_default="file if there are several, else record",
              help="Parts of a corpus over which a word is dispersed: file, record, or a field.")  # fmt: skip
@corpus.min_count(3, "words")
@options.top_k(largest=None, help="Number of words of each group and length.")
@corpus.figures()
def command(
    pipe: Pipe,
    *,
    against: tuple[str, ...],
    by: str | None,
    length: tuple[int, ...],
    measure: str,
    counted: Counted,
    parts: str | None,
    min_count: int,
    top_k: int | None,
    format: str,
) -> None:
    """Find keywords: words that are more frequent in a corpus than in a reference.

    TARGET is compared with --against REFERENCE; or, with --by, each group of the records with all other groups. Each word is a
    record {word, count, reference_count, per_million, reference_per_million} with its measures and its dispersion in both;
    with `group` before it if --by is given, and `ngram` instead of `word` for n-grams. The highest --measure comes first. Words
    that are rarer in the target are left out: they are the keywords of the reference. A table shows 20 words unless -k is
    given.

    \b
    nlptool keyness novel.txt --against other-novels/
    nlptool keyness --by author --of lemmas -k 10 articles.jsonl
    nlptool keyness -n 2-3 --measure log-ratio --min-count 10 mine.txt --against theirs.txt -f csv
    nlptool tokenize --pos 名詞 novel.txt | nlptool keyness --against reference.jsonl

    \b
    log-likelihood  G2 = 2 sum o ln(o / e) over the four cells (Dunning 1993); 10.83 is significant at 0.1 %
    chi2            sum (o - e)^2 / e over the four cells
    percent-diff    by how many percent the word is more frequent (Gabrielatos & Marchi 2012); null: never in the reference
    log-ratio       log2 of the ratio of the frequencies, 0 taken as 0.5 (Hardie 2014); 1 is twice as frequent
    dispersion      deviation of proportions DPnorm (Gries 2008), 0: spread evenly over the parts, 1: all in the smallest one

    The counts of all measures are those of words, or of n-grams of the same length. The words are the `tokens` of a record, as
    `nlptool tokenize` writes them, and else those that its text is split into; the tokenizer is chosen by the target.
    """
    from nlptool.tasks.keyness import Chosen, write_keyness

    if bool(against) == (by is not None):
        raise click.UsageError("give one of the two: --against REFERENCE, or --by FIELD")
    if "-" in against and ("-" in pipe.files or not pipe.files):
        raise click.UsageError("stdin cannot be the target and the reference: name a file")
    write_keyness(pipe, counted, Chosen(length, by, parts, measure, min_count, top_k), against=against, format=format)
