"""``nlptool tokenize``: split Japanese text into words."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from nlptool.cli import count_pictures, options
from nlptool.cli.help import Command
from nlptool.cli.options import counting as count_options
from nlptool.records import formats
from nlptool.records.formats.record_rows import TextRows
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.workers import Workers
from nlptool.records.writing import row_options, write_records

if TYPE_CHECKING:
    from nlptool.tasks.count import Counting


def format_of_readings(pipe: Pipe, format: str, *, ruby: str | None, numbers: bool) -> str:
    """Return the format of the results, as ``--ruby`` and ``--numbers`` have it where neither -f nor the ending of -o chooses.

    Raises:
        UsageError: the format has no room for readings, or it is text without ``--ruby``.
    """
    if ruby is None and not numbers:
        if format == "text":
            raise click.UsageError("-f text goes with --ruby alone; words with blanks between them are -f wakati")
        return format
    able = ("text", "jsonl") if ruby else ("jsonl",)
    if not options.given("format") and not (pipe.output and formats.of_file(pipe.output, (*able, format))):
        format = able[0]
    option = "--ruby" if ruby else "--numbers"
    if format not in able:
        raise click.UsageError(f"{option} writes {', '.join(able)}, not {format}")
    options.refuse(("n_best",), option)
    return format


def _fields(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    """``--fields``: the default ones and those named, in a fixed order, offsets last."""
    from nlptool.tasks.tokenize import DEFAULT_FIELDS, EXTRA_FIELDS

    names = EXTRA_FIELDS if value == "all" else tuple(name for name in (value or "").split(",") if name)
    unknown = set(names) - set(DEFAULT_FIELDS) - set(EXTRA_FIELDS)
    if unknown:
        raise click.BadParameter(
            f"no field is called {', '.join(sorted(unknown))}; there are: {', '.join(EXTRA_FIELDS)}"
        )
    return (*DEFAULT_FIELDS[:-2], *dict.fromkeys(name for name in names if name in EXTRA_FIELDS), *DEFAULT_FIELDS[-2:])


def _names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(name for name in (value or "").split(",") if name)


@click.command(cls=Command)
@options.records("tokenize")
@options.table_choice(
    "parquet",
    "wakati",
    "mecab",
    "conllu",
    "text",
    by_ending=True,
    text="; csv, parquet: a token a row, after the number of its record, from 0, and the input's other columns; tsv: a token a "
    "line, without them, and an empty line after each text; wakati: words separated by spaces; mecab: the format of the mecab "
    "command; text: of --ruby, a record a line",
)
@click.option(
    "--fields", metavar="NAMES", callback=_fields, help="Additional fields of a token (listed above), or all."
)
@click.option("--pos", metavar="NAMES", callback=_names, help="Parts of speech to keep: 名詞,動詞-一般.")
@click.option("--stop-pos", metavar="NAMES", callback=_names, help="Parts of speech to leave out: 補助記号,助詞.")
@click.option("--ruby", type=click.Choice(["html", "aozora", "brackets"]),
              help="Write the text with the readings of its kanji: HTML's <ruby>, 食《た》べる, or 食(た)べる.")  # fmt: skip
@click.option("--numbers", is_flag=True,
              help="Add the readings of numbers: 3本 is サンボン. With --ruby: digits without kanji have one too.")  # fmt: skip
@click.option(
    "--normalize",
    type=click.Choice(["nfkc"]),
    help="Unicode normalisation before the analysis; offsets still refer to the original text.",
)
@click.option(
    "--n-best",
    default=1,
    metavar="N",
    type=options.IntRange(1, 512),
    help="Number of best analyses, each with MeCab's cost: in JSON as n_best, in tables in the columns analysis and cost.",
)
@count_options.counting
@click.option("--dictionary", metavar="NAME", type=click.Path(),
              help="MeCab dictionary (UTF-8): unidic, ipadic, or a folder.")  # fmt: skip
@click.option(
    "--user-dictionary",
    metavar="FILE",
    multiple=True,
    type=click.Path(),
    help="User dictionary of additional words: a compiled .dic, or a .csv; may be repeated.",
)
@options.workers_auto
def command(  # noqa: PLR0917
    pipe: Pipe,
    format: str,
    fields: tuple[str, ...],
    pos: tuple[str, ...],
    stop_pos: tuple[str, ...],
    ruby: str | None,
    numbers: bool,
    normalize: str | None,
    n_best: int,
    dictionary: str | None,
    user_dictionary: tuple[str, ...],
    workers: int | None,
    counting: Counting | None,
    plot: str | None,
    zipf: str | None,
) -> None:
    """Split Japanese text into words with lemma, part of speech and reading (MeCab with unidic-lite).

    Each record gets `tokens`, a list of {surface, lemma, pos, reading, start, end}. Offsets count characters: text[start:end]
    is the surface. Lemma and reading come from UniDic; an unknown word has its surface as lemma and null as reading, and
    the record counts it. On a terminal the output is a table with one word a line.

    \b
    echo 吾輩は猫である。 | nlptool tokenize
    nlptool tokenize -f wakati --pos 名詞,動詞 novel.txt.gz > words.txt
    nlptool tokenize --fields pronunciation,is_unknown -j 4 corpus.jsonl -o tokens.jsonl

    --count writes a record for each character or word of the whole input instead: {char, count, share} or {word, count,
    share}, sorted by frequency and then by code point. The share is relative to everything that was counted, whatever -k
    and --min-count leave out; a table shows 30 unless -k is given. White space, including U+3000, is not counted. A
    character is a Unicode code point. --pos and --stop-pos are applied before counting; records that fail are left out
    and counted on stderr.

    --by lemma,pos counts a word for each of its parts of speech, with the field `pos`. --by-group counts, ranks and limits each
    group for itself, with the field `group`. --parts adds how a word is spread over files, records or the values of a field:
    `parts`, how many have it; `dp`, the deviation of proportions (Gries 2008), half the sum of |its share in a part - the part's
    share of the input|: 0 if it is spread evenly; `dispersion`, dp divided by its maximum (DPnorm), as of `nlptool keyness`.
    --zipf draws the frequency against the rank and says the exponent and the shift of Zipf's and Mandelbrot's law,
    frequency ~ 1 / (rank + shift)^exponent, by maximum likelihood.

    \b
    nlptool tokenize --count words --by lemma,pos --stop-pos 補助記号 -k 20 novel.txt
    nlptool tokenize --count words --by-group file --min-count 5 -f csv novels/ -o words.csv
    nlptool tokenize --count words --by lemma --parts file --zipf zipf.png novels/
    nlptool tokenize --count chars --plot letters.png novel.txt > letters.jsonl

    --ruby writes the text with readings, in hiragana, beside its kanji: a line for each record, or, with -f jsonl, a record with
    `tokens` and `ruby`. The kana of a word have none; numbers are read with their counters (3本, 20日). A record's `numbers`, of
    --numbers, are a list of {surface, reading, start, end}.

    \b
    nlptool tokenize --ruby html novel.txt > novel.html
    echo 3本の木を1人で買った | nlptool tokenize --ruby brackets

    In wakati format, white space inside a token is escaped as in JSON (\\u3000) and a backslash is doubled.

    Fields for --fields: pos_detail, pronunciation, kana (the reading in hiragana), romaji_hepburn, romaji_kunrei,
    conjugation_type, conjugation_form, is_unknown, lemma_sense, lemma_reading, orthography, orthography_base,
    pronunciation_base, origin, initial_type, initial_form, final_type, final_form, reading_base, form, form_base,
    initial_connection, final_connection, accent_type, accent_connection, accent_modification. lemma_sense is what UniDic
    writes behind a lemma to tell it from others that are spelled alike: the foreign word of ホテル (hotel), the part of speech
    or the meaning of 私 (代名詞) and 円 (助数詞).
    """
    from nlptool.tasks import count as task_count
    from nlptool.tasks.tokenize import (
        NOTES,
        TokenCsv,
        TokenRows,
        as_sentence,
        as_written,
        layout,
        numbered,
        open_analyser,
        tokenize,
    )

    if format == "mecab" and (pos or stop_pos):
        raise click.UsageError("--pos and --stop-pos do not go with -f mecab, which is MeCab's own output")
    if counting is None:
        format = format_of_readings(pipe, format, ruby=ruby, numbers=numbers)
    in_process = "jsonl" if counting else format
    if format in ("table", "parquet"):
        in_process = "rows" if n_best > 1 else "jsonl"
    wanted = {
        "fields": fields,
        "format": in_process,
        "pos": pos,
        "stop_pos": stop_pos,
        "n_best": n_best,
        "normalize": normalize is not None,
        "ruby": ruby,
        "numbers": numbers,
    }
    if counting is not None:
        counters = functools.partial(
            Workers, workers, task_count.counter, counting, dictionary, user_dictionary, wanted
        )
        ranked = task_count.write(pipe, counting, counters, format=format)
        if ranked is None:
            return
        noun = task_count.NOUNS[counting.what]
        if plot is not None:
            count_pictures.draw_bars(ranked[0], plot, most=counting.most, noun=noun, note=pipe.note)
        if zipf is not None:
            count_pictures.draw_zipf(ranked, zipf, noun=noun, note=pipe.note)
        return
    tokenized = tokenize(pipe.read(), Workers(workers, open_analyser, dictionary, user_dictionary, wanted))
    if format in ("table", "csv", "parquet"):
        names = (*(("analysis", "cost") if n_best > 1 else ()), *fields, *(("normalized",) if normalize else ()))
        columns = layout(names, pipe.form.field or "text")
        if format == "csv":
            pipe.write_rows(numbered(tokenized), TokenCsv(TextRows(columns, **row_options(pipe))), notes=NOTES)
        else:
            write_records(pipe, numbered(tokenized), format, columns, table=TokenRows(names), notes=NOTES)
        return
    to_bytes: Callable[[Record], bytes] | None = as_sentence if format == "conllu" else None
    if format not in ("jsonl", "conllu"):
        to_bytes = functools.partial(as_written, format=format)
    pipe.write(tokenized, to_bytes, notes=NOTES)
