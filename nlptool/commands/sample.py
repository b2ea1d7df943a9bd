"""``nlptool sample``: data to try things on."""

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
    """What is said of a sample in a list."""
    found = sample.rows()
    return {
        "name": sample.name,
        "records": len(found),
        "licence": sample.licence,
        "columns": ", ".join(found[0]) if results.wants_table(format) else list(found[0]),
        "about": sample.about,
    }


def rows(sample: Sample, columns: Sequence[str] | None) -> list[dict[str, Any]]:
    """The rows of a sample with those columns that are named, in that order.

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
    "--columns", metavar="NAMES", callback=_columns, help="These columns alone: kami,shimo; without the head."
)
@click.option(
    "-f",
    "--format",
    type=click.Choice(["tsv", "jsonl", "table"]),
    show_default="tsv; of the list a table on a terminal, else jsonl",
    help="tsv: as the file is; jsonl: a record a line; table: for a person.",
)
@options.debug
def command(name: str | None, columns: tuple[str, ...] | None, format: str | None) -> None:
    """Print data that is shipped with nlptool; without NAME, list it: name, about, records, columns, licence.

    hyakunin-isshu holds the hundred poems in classical kana, tab-separated: number, kami (the upper verse), shimo (the lower
    verse), kimariji (the deciding syllables: the beginning of kami that no other poem shares). Its first line names the columns.
    --columns takes some of them, in the order that you give, without that line: pairs for `nlptool train seq2seq` and
    `nlptool evaluate generation`.

    \b
    nlptool sample
    nlptool sample hyakunin-isshu > poems.tsv
    nlptool sample hyakunin-isshu --columns kami,shimo | nlptool evaluate generation -m hyakunin
    nlptool sample hyakunin-isshu --columns kami | nlptool tokenize --count chars -k 10
    nlptool sample hyakunin-isshu -f jsonl | nlptool embed --field shimo
    """
    if name is None:
        if columns is not None or format == "tsv":
            raise click.UsageError(f"of which sample? {', '.join(SAMPLES)}")
        results.show([summary(sample, format) for sample in SAMPLES.values()], format)
        return
    sample = SAMPLES[name]
    if format in ("jsonl", "table"):
        results.show(rows(sample, columns), format)
    elif columns is None:
        results.print_text(sample.read())
    else:
        results.print_text("".join("\t".join(row.values()) + "\n" for row in rows(sample, columns)))
