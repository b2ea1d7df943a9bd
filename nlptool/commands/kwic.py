"""``nlptool kwic``: words in their context."""

from __future__ import annotations

import re
from pathlib import Path

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.pipe import Pipe
from nlptool.text.scripts import LONE_SURROGATE

_LOOKS_LIKE_A_FILE = re.compile(
    r"^(\.{0,2}/|~/)|\.(txt|md|html?|jsonl?|ndjson|csv|tsv|parquet|gz|bz2|xz|zst)$", re.IGNORECASE
)
_CONTEXT = re.compile(r"0*(\d+)([cw]?)", re.ASCII)
_MOST_DIGITS = 9


def _files(context: click.Context, _: click.Parameter, arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the arguments that are FILEs; those before them are the words, another parameter."""
    first_file = 0
    if context.params.get("query") is None:
        numbers = [number for number, argument in enumerate(arguments) if number and _is_file(argument)]
        first_file = min(numbers, default=len(arguments))
    context.params["words"] = arguments[:first_file]
    return arguments[first_file:]


def _is_file(argument: str) -> bool:
    try:
        return argument == "-" or bool(_LOOKS_LIKE_A_FILE.search(argument)) or Path(argument).exists()
    except (OSError, ValueError):  # too long for a name
        return False


def _context(_: click.Context, __: click.Parameter, value: str) -> tuple[int, bool]:
    """Return the number of words or characters, and whether it is one of characters."""
    found = _CONTEXT.fullmatch(value.strip())
    if found is None:
        raise click.BadParameter(f"{value!r} is neither a number of words (10) nor of characters (40c)")
    n = int(found[1]) if len(found[1]) <= _MOST_DIGITS else 10**_MOST_DIGITS  # all of the text
    return n, found[2] == "c"


@click.command(cls=Command)
@options.records(
    "kwic",
    arguments=click.argument(
        "files", nargs=-1, metavar="[WORD]... [FILE]...", type=click.Path(readable=False), callback=_files
    ),
    instead=("tokens",),
)
@click.option("--query", metavar="Q", is_eager=True,
              help="Pattern over words, lemmas and parts of speech, in place of WORD (above).")  # fmt: skip
@click.option("--by", type=click.Choice(["surface", "lemma"]), default="surface", show_default=True,
              help="What WORD, and a bare word of --query, is compared with.")  # fmt: skip
@click.option("-i", "--ignore-case", is_flag=True, help="Take capital and small letters for the same.")
@click.option("--context", default="10", show_default=True, metavar="N", callback=_context,
              help="Words on each side of a hit; characters with a c behind the number: 40c.")  # fmt: skip
@click.option("--sort", type=click.Choice(["file", "left", "right"]), default="file", show_default=True,
              help="Order of the hits: of the input; by the words to the left, the nearest first; to the right.")  # fmt: skip
@click.option("--max", "most", envvar="NLPTOOL_KWIC_MAX", metavar="N", type=options.IntRange(1),
              help="Write the first N hits alone; without --sort nothing is read behind them.")  # fmt: skip
@click.option("--sample", metavar="N", type=options.IntRange(1, 10_000_000),
              help="Write N hits drawn at random, in the order of --sort.")  # fmt: skip
@options.seed
@click.option("--tokenizer", type=click.Choice(["auto", "unidic", "words", "whitespace"]), default="auto", show_default=True,
              help="What splits a text into words; auto: unidic (MeCab) if it has kana or kanji, else words.")  # fmt: skip
@click.option("--dictionary", metavar="NAME", type=click.Path(),
              help="MeCab dictionary (UTF-8): unidic, ipadic, or a folder.")  # fmt: skip
@options.workers_auto
@options.record_format(rows="a hit a row")
def command(  # noqa: PLR0917
    pipe: Pipe,
    words: tuple[str, ...],
    query: str | None,
    by: str,
    ignore_case: bool,
    context: tuple[int, bool],
    sort: str,
    most: int | None,
    sample: int | None,
    seed: int,
    tokenizer: str,
    dictionary: str | None,
    workers: int | None,
    format: str,
) -> None:
    """Show words in their context (KWIC, keyword in context: a concordance).

    WORD is looked for in the texts of the input, with some words on each side of every hit. It must begin and end where a word
    does: 猫 is not found in 子猫; it may be several words, 吾輩は or "the cat". Of several WORDs all hits are shown. Arguments
    are WORDs up to the first that is a file, a folder or -.

    Each hit is a record: {file, line, start, end, left, hit, right, lemma, pos}. Offsets count characters of the text:
    text[start:end] is the hit. `lemma` and `pos` are those of its words, with blanks between, null where they are not known.
    Other fields of the input's record are kept, but for its text and tokens. On a terminal the hits stand one below the other,
    and the context is cut where the line ends.

    \b
    nlptool kwic 猫 novel.txt
    nlptool kwic 食べる --by lemma --sort right novel.txt
    nlptool kwic --query '名詞 の 猫' --context 20c novel.txt -o cats.csv
    nlptool tokenize novel.txt -o novel.jsonl; nlptool kwic 猫 novel.jsonl

    The words are those of the field `tokens`, as `nlptool tokenize` writes them, or a list of strings; else MeCab's for a text
    with kana or kanji, and runs of letters for others. Records with tokens are searched much faster.

    \b
    --query is a pattern over words, in the manner of CQL:
      猫 が                        two words
      名詞 の 猫                   a part of speech (of UniDic), if the word is the name of one
      [lemma="食べる"]             a word by a field; the value is a regular expression for all of it
      [pos="動詞" & lemma!="する"]  & | ! and parentheses; 動詞 includes 動詞-一般
      "食べ.*"                     a regular expression for the spelling; "cat"%c ignores case
      []                           any word
      形容詞+ 名詞 []{0,3} 動詞    * + ? {2} {1,3} {2,}, and | between alternatives
    Fields are surface, lemma, pos and others of the tokens, such as reading, conjugation_form.
    """
    options.refuse_without(("seed",) if sample is None else (), "--sample")
    if sample is not None and most is not None:
        raise click.UsageError("--max and --sample both limit the hits: give one of them")
    if tokenizer in ("words", "whitespace"):
        options.refuse(("dictionary",), f"--tokenizer {tokenizer}")
    _check(pipe, words, query)
    from nlptool.records.workers import Workers
    from nlptool.tasks.kwic import Kwic
    from nlptool.tasks.kwic_hits import Finder, KwicSettings
    from nlptool.tasks.kwic_output import Choice, write
    from nlptool.text.token_query import QueryError

    settings = KwicSettings(
        words, query, by=by, ignore_case=ignore_case, context=context[0], in_characters=context[1], sort=sort,
        tokenizer=tokenizer, dictionary=dictionary,
    )  # fmt: skip
    try:
        settings.pattern()
    except QueryError as error:
        raise click.UsageError(f"--query: {error}\n{_pointed(query or '', error.column)}") from error
    kwic = Kwic(settings, Workers(workers, Finder, settings), field=pipe.form.field)
    pipe.form = kwic.form(pipe.form)
    write(pipe, kwic, Choice(sort, most, sample, seed), format)


def _check(pipe: Pipe, words: tuple[str, ...], query: str | None) -> None:
    """Refuse words that cannot be looked for.

    Raises:
        UsageError: there is nothing to look for, or something is not UTF-8.
    """
    if query is None and not words:
        raise click.UsageError("what is to be found? give a WORD, or a pattern with --query")
    if not all(map(str.split, words)):
        raise click.UsageError("a WORD is empty: it needs a character that is no blank")
    if any(map(LONE_SURROGATE.search, (*words, query or ""))):
        raise click.UsageError("what is to be found is not UTF-8")
    if words and not pipe.given and _is_file(words[0]):
        pipe.note(f"{words[0]} is taken as a WORD, although there is a file of that name: the first argument is a WORD")


def _pointed(query: str, column: int) -> str:
    """Return a query with a mark under one of its characters."""
    from nlptool.terminal.concordance import width_of
    from nlptool.terminal.tables import printable

    shown = printable(query.replace("\n", " "))
    return f"  {shown}\n  {' ' * width_of(shown[: column - 1])}^"
