"""``nlptool tokenize``: Japanese text into words."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from nlptool import counting, options
from nlptool.errors import RecordError
from nlptool.parallel import Workers, in_order
from nlptool.pipe import Pipe
from nlptool.records import Record

if TYPE_CHECKING:
    from nlptool.tokens import Analyser, Result

DEFAULT_FIELDS = ("surface", "lemma", "pos", "reading", "start", "end")
EXTRA_FIELDS = (
    "pos_detail", "pronunciation", "conjugation_type", "conjugation_form", "is_unknown", "lemma_reading",
    "orthography", "orthography_base", "pronunciation_base", "origin", "initial_type", "initial_form", "final_type",
    "final_form", "reading_base", "form", "form_base", "initial_connection", "final_connection", "accent_type",
    "accent_connection", "accent_modification",
)  # fmt: skip


def tokenize(lists: Iterator[list[Record]], workers: Workers[Result | RecordError]) -> Iterator[list[Record]]:
    """Give each record its tokens, in order."""
    for records, results in in_order(lists, workers, _texts):
        for record, result in zip([record for record in records if record.pending], results, strict=True):
            if isinstance(result, RecordError):
                record.fail(result)
            else:
                record.results, record.entry = result
        yield records


def _texts(records: list[Record]) -> Sequence[str]:
    return [record.text for record in records if record.pending]


def _analyser(dictionary: str | None, user_dictionary: str | None, wanted: dict[str, object]) -> Analyser:
    """Made once in each process."""
    from nlptool.models.mecab import Tagger
    from nlptool.tokens import Analyser, Wanted

    return Analyser(Tagger(dictionary, user_dictionary), Wanted(**wanted))  # type: ignore[arg-type]


def _fields(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    """``--fields``: the default ones and those named, in a fixed order, offsets last."""
    names = EXTRA_FIELDS if value == "all" else tuple(name for name in (value or "").split(",") if name)
    unknown = set(names) - set(DEFAULT_FIELDS) - set(EXTRA_FIELDS)
    if unknown:
        raise click.BadParameter(
            f"no field is called {', '.join(sorted(unknown))}; there are: {', '.join(EXTRA_FIELDS)}"
        )
    return (*DEFAULT_FIELDS[:-2], *dict.fromkeys(name for name in names if name in EXTRA_FIELDS), *DEFAULT_FIELDS[-2:])


def _names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(name for name in (value or "").split(",") if name)


_FAILED = {"wakati": b"\n", "tsv": b"\n", "mecab": b"EOS\n"}  # the place of a failed record
_TERMINATORS = {"jsonl": b"\n", "wakati": b"\n", "conllu": b"\n\n"}  # of the formats whose records can be counted


def _as_written(record: Record, format: str) -> bytes:
    if record.error is not None and format == "conllu":
        return f"# error = {record.error.type}: {record.error.message}\n\n".encode()
    return record.results.get("", _FAILED.get(format, b""))


_TOLD = {
    "n_unknown": "words that the dictionary lacks (their lemma is the word itself, without a reading)",
    "n_pieces": "pieces in which texts of more than 30,000 characters were analysed",
    "n_control": "control characters shown as pictures (␀)",
}


@click.command()
@options.records("tokenize")
@options.format_choice(
    "jsonl", "wakati", "mecab", "conllu", "tsv",
    text="wakati: words separated by blanks; mecab: what the mecab command prints.",
)  # fmt: skip
@click.option("--fields", metavar="NAMES", callback=_fields, help="Fields to add to a token (see below), or all.")
@click.option("--pos", metavar="NAMES", callback=_names, help="Keep these parts of speech alone: 名詞,動詞-一般.")
@click.option("--stop-pos", metavar="NAMES", callback=_names, help="Drop these parts of speech: 補助記号,助詞.")
@click.option("--normalize", type=click.Choice(["nfkc"]), help="Normalise first; offsets stay those of the text.")
@click.option("--n-best", default=1, metavar="N", type=click.IntRange(1, 512), help="The N best analyses, with costs.")
@click.option("--count", type=click.Choice(["chars", "words"]), help="Instead: how often each comes in all the input.")
@click.option("--by", type=click.Choice(["surface", "lemma"]), default="surface", show_default=True,
              help="What --count words counts.")  # fmt: skip
@click.option("-k", metavar="N", type=click.IntRange(min=1), help="The N most frequent alone, of --count.")
@click.option("--plot", metavar="FILE", help="Draw --count as a bar chart, -k bars or 30: .png, .svg or .pdf.")
@click.option("--dictionary", metavar="DIR", type=click.Path(), help="Another compiled MeCab dictionary (UTF-8).")
@click.option("--user-dictionary", metavar="FILE", type=click.Path(), help="More words: a compiled .dic, or a .csv.")
@options.workers
def command(  # noqa: PLR0917
    pipe: Pipe,
    format: str,
    fields: tuple[str, ...],
    pos: tuple[str, ...],
    stop_pos: tuple[str, ...],
    normalize: str | None,
    n_best: int,
    count: str | None,
    by: str,
    k: int | None,
    plot: str | None,
    dictionary: str | None,
    user_dictionary: str | None,
    workers: int,
) -> None:
    """Cut Japanese text into words (MeCab with unidic-lite).

    Each record gets `tokens`, a list of {surface, lemma, pos, reading, start, end}. Offsets count characters:
    text[start:end] is the surface. Lemma and reading are UniDic's; a word that it lacks has itself as its lemma and
    null as its reading, and is counted in the record.

    \b
    echo 吾輩は猫である。 | nlptool tokenize
    nlptool tokenize -f wakati --pos 名詞,動詞 novel.txt.gz > words.txt
    nlptool tokenize --fields pronunciation,is_unknown -j 4 corpus.jsonl -o tokens.jsonl

    --count gives no tokens but a record for each character or word of all the input, {char, count, share} or {word, count,
    share}, the most frequent first and equally frequent ones by code point; the share is of all that is counted, whatever -k
    leaves out. White space is not counted, U+3000 included. A character is a Unicode code point. --pos and --stop-pos choose
    words before they are counted; records that fail are left out and counted on stderr.

    \b
    nlptool tokenize --count words --by lemma --pos 名詞 -k 20 novel.txt
    nlptool tokenize --count chars --plot letters.png novel.txt > letters.jsonl

    In wakati, white space inside a token is written as JSON would escape it (\\u3000) and a backslash is doubled.

    Fields for --fields: pos_detail, pronunciation, conjugation_type, conjugation_form, is_unknown, lemma_reading,
    orthography, orthography_base, pronunciation_base, origin, initial_type, initial_form, final_type, final_form,
    reading_base, form, form_base, initial_connection, final_connection, accent_type, accent_connection,
    accent_modification.
    """
    counting.check(count, format, plot)
    if n_best > 1 and format != "jsonl":
        raise click.UsageError("--n-best goes with -f jsonl alone")
    if format == "mecab" and (pos or stop_pos):
        raise click.UsageError("--pos and --stop-pos do not go with -f mecab, which is MeCab's own output")
    wanted = {
        "fields": fields,
        "format": format,
        "pos": pos,
        "stop_pos": stop_pos,
        "n_best": n_best,
        "normalize": normalize is not None,
    }
    if count is not None:
        counters = Workers(workers, counting.counter, count, by, dictionary, user_dictionary, wanted)
        counting.write(pipe, count, counters, most=k, plot=plot)
        return
    to_bytes: Callable[[Record], bytes] | None = None
    if format != "jsonl":
        to_bytes = functools.partial(_as_written, format=format)
    pipe.write(
        tokenize(pipe.read(), Workers(workers, _analyser, dictionary, user_dictionary, wanted)),
        to_bytes,
        tell=_TOLD,
        terminator=_TERMINATORS.get(format),
    )
