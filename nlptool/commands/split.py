"""``nlptool split``: sentences and paragraphs."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.pipe import Pipe
from nlptool.records.writing import write_records


@click.command(cls=Command)
@options.records("split")
@options.format_choice(
    "jsonl", "csv", "tsv", "parquet", "text",
    text="Output format; csv, tsv, parquet: a sentence a row, with all columns of the input; text: a sentence a line, without "
    "its line breaks.",
)  # fmt: skip
@click.option("--into", type=click.Choice(["sentence", "paragraph"]), default="sentence", show_default=True,
              help="Unit of the output.")  # fmt: skip
@click.option("--aozora", is_flag=True,
              help="Take out the markup of Aozora Bunko: 漢字《かんじ》, ［＃…］, ※［＃…］.")  # fmt: skip
@click.option("--aozora-fields", is_flag=True,
              help="The same, and keep it in the fields `ruby` and `notes`.")  # fmt: skip
def command(pipe: Pipe, format: str, into: str, aozora: bool, aozora_fields: bool) -> None:
    """Split texts into sentences, Japanese and English, or into paragraphs: a record for each.

    A record keeps the fields of the one that it comes from; its `text` is the sentence, `start` and `end` are where that stands
    in the original text, in characters, markup included. Its entry under `nlptool` says which of the n sentences it is, from 0.

    \b
    echo 「はい。」と彼は言った。そして黙った。 | nlptool split
    nlptool split -f text notes.txt | nlptool embed > sentences.jsonl
    nlptool split --field body articles.jsonl | nlptool tokenize
    nlptool split --unit paragraph -f text novel.txt
    nlptool split --aozora --encoding cp932 kokoro.txt

    A sentence ends at 。！？!?. and … with the closing quotes and emoji behind them. A mark within quotes or brackets of up to
    300 characters ends only what is in them: 「はい。」と言った。 is one sentence, 「はい。」「いいえ。」 are two. English
    abbreviations, initials and numbers are known. An empty line, a list item and a heading end a sentence; a mere line break
    does not, but each line of a text file is a text of its own unless --unit says otherwise: --unit paragraph for lines that are
    wrapped. A paragraph ends at an empty line; Markdown's code blocks and headings are paragraphs of their own. --into paragraph
    reads text files as --unit paragraph does, unless --unit document is given.

    A text without a sentence gives no record; how many there were is said on stderr. The fields `embedding` and `tokens` of a
    whole text are left out. With --aozora a line is a paragraph; the explanation of the symbols, rules and the colophon are left
    out, and a ※ whose note names a character becomes that character.
    """
    from nlptool.tasks.split import NOTES, SplitSettings, as_text, layout, split

    settings = SplitSettings(into=into, aozora=aozora or aozora_fields, keep_markup=aozora_fields)
    if format == "text" and aozora_fields:
        raise click.UsageError("-f text has no room for fields: use --aozora, or -f jsonl")
    if format == "text":
        pipe.write(split(pipe, settings), as_text, notes=NOTES)
    else:
        write_records(pipe, split(pipe, settings), format, layout(settings), notes=NOTES)
