"""``nlptool sample``: sample data."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats import results
from nlptool.samples import SAMPLES, Sample


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


@click.command(cls=Command)
@click.argument("name", metavar="[NAME]", required=False, type=click.Choice(list(SAMPLES)))
@click.option(
    "--columns",
    metavar="NAMES",
    callback=_columns,
    help="Columns to print, in this order and without the header line: kami,shimo.",
)
@click.option(
    "-f",
    "--format",
    type=click.Choice(["tsv", "jsonl", "table"]),
    show_default="tsv; of the list a table on a terminal, else jsonl",
    help="Output format; tsv: the file as it is; jsonl: a JSON object a line.",
)
@options.debug
def command(name: str | None, columns: tuple[str, ...] | None, format: str | None) -> None:
    """Print a sample data set that is part of nlptool; without NAME, list them: name, about, records, columns, licence.

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
    if name is None:
        if columns is not None or format == "tsv":
            raise click.UsageError(f"which sample? {', '.join(SAMPLES)}")
        results.show([summary(sample, format) for sample in SAMPLES.values()], format)
        return
    sample = SAMPLES[name]
    if format in ("jsonl", "table"):
        results.show(rows(sample, columns), format)
    elif columns is None:
        results.print_text(sample.read())
    else:
        results.print_text("".join("\t".join(row.values()) + "\n" for row in rows(sample, columns)))
