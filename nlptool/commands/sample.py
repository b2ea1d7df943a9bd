"""``nlptool sample``: draw records at random, or print sample data."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command, shared_option
from nlptool.records import formats
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe
from nlptool.samples import SAMPLES, Sample

FORMATS = ("text", "jsonl", "csv", "tsv", "parquet", "table")

OF_DRAWING = (
    "by", "shuffle", "seed", "source", "input_format", "unit", "field", "id_field", "header", "glob", "null", "encoding",
    "max_line", "max_latency", "on_error", "progress", "quiet", "verbose", "output",
)  # fmt: skip
"""Options that mean nothing to a data set."""


def _columns(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(name.strip() for name in value.split(","))


def summary(sample: Sample, format: str | None) -> dict[str, Any]:
    """Return the record of a sample in the list of samples."""
    found = sample.rows()
    return {
        "name": sample.name,
        "records": len(found),
        "licence": sample.licence,
        "columns": ", ".join(found[0]) if results.wants_table(format) else list(found[0]),
        "about": sample.about,
    }


def rows(sample: Sample, columns: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the rows of a sample, with the given columns in the given order.

    Raises:
        UsageError: there is no such column.
    """
    found = sample.rows()
    for name in columns or ():
        if name not in found[0]:
            close = difflib.get_close_matches(name, found[0], n=1)
            meant = f" Did you mean {close[0]}?" if close else ""
            raise click.UsageError(f"{sample.name} has no column {name!r}; there are {', '.join(found[0])}.{meant}")
    return [{name: row[name] for name in columns or row} for row in found]


def print_data_set(names: Sequence[str], columns: tuple[str, ...] | None, format: str | None) -> None:
    """Print the data set that is named, or without a name the list of all.

    Raises:
        UsageError: there is no such data set, or the options do not go with it.
    """
    options.refuse_without(OF_DRAWING, "-n N or --each N")
    known = ", ".join(SAMPLES)
    if format in ("text", "csv", "parquet"):
        raise click.UsageError(f"a data set is written as tsv, jsonl or table, not as {format}")
    if not names:
        if columns is not None or format == "tsv":
            raise click.UsageError(f"which sample? {known}")
        results.show([summary(sample, format) for sample in SAMPLES.values()], format)
        return
    if len(names) > 1 or names[0] not in SAMPLES:
        close = difflib.get_close_matches(names[0], SAMPLES, n=1, cutoff=0.5)
        meant = f" Did you mean {close[0]}?" if close else f" There is {known}."
        files = " ".join(names) if len(names) > 1 else names[0]
        raise click.UsageError(
            f"{files!r} is no data set of nlptool.{meant} -n N draws N records from a FILE: nlptool sample -n 10 {files}"
        )
    sample = SAMPLES[names[0]]
    if format in ("jsonl", "table"):
        results.show(rows(sample, columns), format)
    elif columns is None:
        results.print_text(sample.read())
    else:
        results.print_text("".join("\t".join(row.values()) + "\n" for row in rows(sample, columns)))


@click.command(cls=Command)
@options.records(
    "sample", writes=False,
    arguments=click.argument("files", nargs=-1, metavar="[NAME|FILE]...", type=click.Path(readable=False)),
)  # fmt: skip
@click.option("-n", "--number", metavar="N", type=options.IntRange(min=1), help="Draw N records from the input.")
@click.option("--by", metavar="FIELD",
              help="Keep the shares of the values of a field, or of the files (--by file).")  # fmt: skip
@click.option("--each", metavar="N", type=options.IntRange(min=1), help="Draw N records of each group of --by.")
@click.option("--shuffle", is_flag=True, help="Write them in random order, not in that of the input.")
@click.option(
    "--columns",
    metavar="NAMES",
    callback=_columns,
    help="Columns of a data set to print, in this order and without the header line: kami,shimo.",
)
@shared_option(
    "Output", "-f", "--format", type=click.Choice(FORMATS),
    show_default="the ending of -o, else that of the input; of a data set tsv; of their list a table on a terminal, else jsonl",
    help="Output format; jsonl: a JSON object a line; csv, tsv, parquet: a record a row; text: the text alone.",
)  # fmt: skip
@shared_option("Output", "-o", "--output", metavar="FILE", type=click.Path(readable=False),
               help="Output file, replaced as a whole at the end (until then FILE.part); its ending (.csv, .jsonl, .parquet) "
               "chooses the format unless -f does.")  # fmt: skip
@shared_option("Output", "--source", is_flag=True,
               help="Write the file and the line of each record into it.")  # fmt: skip
@options.seed
def command(  # noqa: PLR0917
    pipe: Pipe,
    number: int | None,
    by: str | None,
    each: int | None,
    shuffle: bool,
    columns: tuple[str, ...] | None,
    format: str | None,
    output: str | None,
    seed: int,
) -> None:
    """Draw records at random; or print a sample data set that is part of nlptool.

    -n draws N of the records, each with the same probability, and writes them as they came, in their order: lines and
    paragraphs of text as text, JSON as JSON, CSV and TSV with their header. The same --seed draws the same records. Records
    that fail, or arrive with an error, are left out.

    With --by the groups have the same shares of the sample as of the input, rounded by largest remainders; with --each N instead
    of -n it has N of each group, or all of a smaller one. The input is read once, and what is kept of it grows with the
    sample and the number of groups alone.

    \b
    nlptool sample -n 100 corpus.txt > few.txt
    nlptool sample -n 1000 --by label -I csv reviews.csv -o part.csv
    nlptool sample --each 20 --by file novels/ --source > lines.jsonl
    zcat big.jsonl.gz | nlptool sample -n 5 --seed 7 --shuffle

    Without -n and --each, NAME is a data set, and without NAME all are listed: name, about, records, columns, licence.
    hyakunin-isshu holds the hundred poems of the Hyakunin Isshu in classical kana as tab-separated columns: number, kami (upper
    verse), shimo (lower verse), kimariji (the shortest beginning of kami that no other poem shares). Its first line holds the
    names of the columns. --columns prints some of them without that line: pairs for `nlptool train seq2seq` and `nlptool
    evaluate generation`.

    \b
    nlptool sample
    nlptool sample hyakunin-isshu > poems.tsv
    nlptool sample hyakunin-isshu --columns kami,shimo | nlptool evaluate generation -m hyakunin
    nlptool sample hyakunin-isshu --columns kami | nlptool tokenize --count chars -k 10
    nlptool sample hyakunin-isshu -f jsonl | nlptool embed --field shimo
    """
    if number is None and each is None:
        print_data_set(pipe.given, columns, format)
        return
    _check(pipe, number, by, each, columns)
    from nlptool.tasks.sample import Drawing, write_sample

    pipe.output = output
    if output is not None:
        formats.refuse_compressed(output)
        format = format or formats.of_file(output, FORMATS) or None
    if format in formats.FORMATS:
        pipe.refuse_binary_on_terminal(format)
    pipe.form = replace(pipe.form, needs_text=format == "text")
    drawing = Drawing(number or each or 1, by, each=each is not None, shuffle=shuffle, seed=seed)
    write_sample(pipe, drawing, format)


def _check(pipe: Pipe, number: int | None, by: str | None, each: int | None, columns: tuple[str, ...] | None) -> None:
    """See whether the options of drawing go together.

    Raises:
        UsageError: they do not.
    """
    if number is not None and each is not None:
        raise click.UsageError("-n N is the size of the whole sample, and --each N that of a group's: give one of them")
    if each is not None and by is None:
        raise click.UsageError("--each N draws from groups: --by FIELD or --by file says which")
    if columns is not None:
        raise click.UsageError("--columns is of the data sets, and -n draws whole records")
    for name in pipe.given:
        if name in SAMPLES and not Path(name).exists():
            raise click.UsageError(f"{name} is a data set, no FILE: nlptool sample {name} | nlptool sample -n 10")
