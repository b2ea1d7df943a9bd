"""``nlptool mask``: words of a text hidden behind [MASK]."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
import orjson

from nlptool import bert, options
from nlptool.batches import windows
from nlptool.catalogue import DEFAULT_BERT
from nlptool.parallel import Workers, in_order
from nlptool.pipe import Pipe
from nlptool.records import Record

if TYPE_CHECKING:
    from nlptool.models.hidden_words import Masked, Settings
    from nlptool.models.masked import Prepared

_TOLD = {
    "n_unknown": "pieces that the vocabulary lacks, which are never hidden",
    "rebuilt": "texts that were put together of their pieces, which could not be found in them",
}


def mask(lists: Iterator[list[Record]], workers: Workers[Masked], *, said: dict[str, Any]) -> Iterator[list[Record]]:
    """Give each record its text with masks, and what stood in their places.

    Args:
        said: what every record's entry says.
    """

    def inputs(records: list[Record]) -> Any:
        return [(record.line, record.text) for record in records if record.pending]

    for records, found in in_order(lists, workers, inputs):
        for record, masked in zip([record for record in records if record.pending], found, strict=True):
            record.results = {"masked": orjson.dumps(masked.text), "labels": orjson.dumps(masked.hidden)}
            rebuilt = {} if masked.rebuilt is None else {"rebuilt": True, "rebuilt_text": masked.rebuilt}
            record.entry = {**said, "n_hidden": len(masked.hidden), "n_unknown": masked.n_unknown, **rebuilt}
        yield records


def open_worker(prepared: Prepared, settings: Settings) -> Callable[[Sequence[Any]], list[Masked]]:
    """What a worker does with the numbered texts of a window."""
    from nlptool.models.hidden_words import Hider

    return Hider(prepared.texts(), settings)


def _as_text(record: Record) -> bytes:
    """The masked text in one line; an empty one for a record that failed."""
    text = orjson.loads(record.results.get("masked", b'""'))
    return re.sub(r"\r?\n|\r", " ", text).encode() + b"\n"


@click.command()
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
def command(  # noqa: PLR0917
    pipe: Pipe,
    model: str,
    format: str,
    share: float,
    unit: str,
    always: bool,
    seed: int,
    workers: int,
    offline: bool,
    allow_pickle: bool,
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
    from nlptool.models.hidden_words import Settings

    settings = Settings(share=share, unit=unit, always=always, seed=seed)
    choice = bert.Choice(model=model, device="cpu", offline=offline, allow_pickle=allow_pickle)
    prepared = bert.prepare(pipe, choice, head="mlm")
    said: dict[str, Any] = {"model": prepared.name, "share": share, "mask": unit, "always": always, "seed": seed}
    found = mask(windows(pipe.read()), Workers(workers, open_worker, prepared, settings), said=said)
    if format == "text":
        pipe.write(found, _as_text)
    else:
        pipe.write(found, tell=_TOLD)
