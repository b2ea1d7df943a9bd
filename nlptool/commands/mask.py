"""``nlptool mask``: replace words of a text by [MASK]."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats.record_rows import Layout
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.records.workers import Workers
from nlptool.records.writing import write_records
from nlptool.specs import MaskedModelSpec

if TYPE_CHECKING:
    from nlptool.errors import RecordError
    from nlptool.models.masked.cloze import Masked


@click.command(cls=Command)
@options.records("mask")
@options.bert_model
@options.format_choice(
    "jsonl", "csv", "tsv", "parquet", "text",
    text="Output format; csv, tsv, parquet: a record a row, with all columns of the input; text: the masked text alone.",
)  # fmt: skip
@click.option("--share", default=0.15, show_default=True, metavar="P",
              type=options.FloatRange(0, 1, min_open=True), help="Share of the subwords to mask.")  # fmt: skip
@click.option("--mask", "mask_unit", envvar="NLPTOOL_MASK_MASK", type=click.Choice(["words", "pieces"]), default="words",
              show_default=True, help="Unit of masking; words: all subwords of a word together.")  # fmt: skip
@click.option("--always", is_flag=True, help="Replace all of them by [MASK], not 80 %.")
@options.seed
@options.workers
@options.offline
@options.allow_pickle
@options.spec("MaskedModelSpec")
def command(  # noqa: PLR0917
    pipe: Pipe,
    format: str,
    share: float,
    mask_unit: str,
    always: bool,
    seed: int,
    workers: int,
    spec: MaskedModelSpec,
) -> None:
    """Replace words of a text by [MASK], as in the training of BERT: cloze tests, and input for fill-mask.

    Each record gets `masked`, its text with masks, and `labels`, a list of {text, pieces, start, end, shown, index}: the
    original text, its subwords, its offsets in characters, what replaces it, and, if that is masks, the index of its first
    mask in the text, from 0, as in the output of fill-mask. `shown` is mask for 80 % of the words, other (a random subword of
    the vocabulary) for 10 %, and same (unchanged) for 10 %; with --always it is always mask. A word has one mask for each of
    its subwords.

    \b
    echo 吾輩は猫である。 | nlptool mask --always --seed 6
    nlptool mask --always novel.txt | nlptool fill-mask --field masked > guessed.jsonl
    nlptool mask --always --share 0.05 --seed 7 -f text novel.txt > cloze.txt
    nlptool mask --mask pieces english.txt

    Words and subwords are those of the model's tokenizer; the network is not run. The rest of the text is unchanged. The share
    holds on average; at least one word of a text is masked. The masks depend only on --seed, the line number and the text. An
    empty line stays empty; fill-mask finds no mask in it and then ends with exit code 3.
    """
    from nlptool.models.masked.cloze import ClozeSettings
    from nlptool.tasks.languages import MASKED, ModelScripts, chosen, masked_text
    from nlptool.tasks.mask import NOTES, as_text, mask, open_worker
    from nlptool.tasks.open_model import locate_model

    settings = ClozeSettings(share=share, unit=mask_unit, always=always, seed=seed)
    located = locate_model(replace(chosen(spec, pipe), device="cpu"), pipe, workers=workers)
    scripts = ModelScripts(located.name, MASKED)
    entry = {"model": located.name, "share": share, "mask": mask_unit, "always": always, "seed": seed}
    team: Workers[Masked | RecordError] = Workers(workers, open_worker, located, settings)
    found = scripts.noted(mask(windows(pipe.read()), team, entry=entry), masked_text)
    notes = NOTES | scripts.notes
    if format == "text":
        pipe.write(found, as_text, notes=notes)
    else:
        write_records(pipe, found, format, Layout({"masked": str, "labels": dict}), notes=notes)
