"""``nlptool mask``: words of a text hidden behind [MASK]."""

from __future__ import annotations

from dataclasses import replace

import click

from nlptool.catalog import DEFAULT_BERT
from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.records.workers import Workers
from nlptool.specs import MaskedModelSpec


@click.command(cls=Command)
@options.records("mask")
@options.model(DEFAULT_BERT)
@options.format_choice("jsonl", "text", text="text: the masked text alone.")
@click.option("--share", default=0.15, show_default=True, metavar="P",
              type=options.FloatRange(0, 1, min_open=True), help="Share of the pieces to hide.")  # fmt: skip
@click.option("--mask", "unit", envvar="NLPTOOL_MASK_MASK", type=click.Choice(["words", "pieces"]), default="words",
              show_default=True, help="words: all pieces of a word together.")  # fmt: skip
@click.option("--always", is_flag=True, help="[MASK] for all that is hidden, not for 80 % of it.")
@options.seed
@options.workers
@options.offline
@options.allow_pickle
@options.spec(MaskedModelSpec)
def command(  # noqa: PLR0917
    pipe: Pipe,
    format: str,
    share: float,
    unit: str,
    always: bool,
    seed: int,
    workers: int,
    spec: MaskedModelSpec,
) -> None:
    """Hide words of a text behind [MASK], as BERT is trained: cloze tests, and material for fill-mask.

    Each record gets `masked`, its text with masks, and `labels`, a list of {text, pieces, start, end, shown, index}: what stood
    there, the pieces of the vocabulary that it is made of, its place in the text, in characters, what stands there now, and,
    where that is masks, which of the masks of the text its first one is, from 0, as fill-mask counts. `shown` is mask for 80 %,
    other (a piece drawn from the vocabulary) for 10 %, and same for 10 %; with --always it is mask, so that fill-mask has
    something to guess in every text. A word has as many masks as pieces.

    \b
    echo 吾輩は猫である。 | nlptool mask --always --seed 6
    nlptool mask --always novel.txt | nlptool fill-mask --field masked > guessed.jsonl
    nlptool mask --always --share 0.05 --seed 7 -f text novel.txt > cloze.txt
    nlptool mask -m google-bert/bert-base-uncased --mask pieces english.txt

    Words and pieces are those of the model's tokenizer; the network is not run. The text around what is hidden stays as it
    was. 15 % are exact in the mean, and a text that has words has one hidden. The masks of a text depend on --seed, the number
    of its line and the text alone. An empty line stays one; fill-mask, which finds no mask in it, ends with exit code 3.
    """
    from nlptool.models.masked.cloze import ClozeSettings
    from nlptool.tasks.mask import NOTES, as_text, mask, open_worker
    from nlptool.tasks.open_model import locate_model

    settings = ClozeSettings(share=share, unit=unit, always=always, seed=seed)
    located = locate_model(replace(spec, device="cpu"), pipe, workers=workers)
    entry = {"model": located.name, "share": share, "mask": unit, "always": always, "seed": seed}
    found = mask(windows(pipe.read()), Workers(workers, open_worker, located, settings), entry=entry)
    if format == "text":
        pipe.write(found, as_text)
    else:
        pipe.write(found, notes=NOTES)
