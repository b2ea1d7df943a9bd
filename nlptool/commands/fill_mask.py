"""``nlptool fill-mask``: the words that a BERT expects behind the masks of a text."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from nlptool import options
from nlptool.batches import windows
from nlptool.errors import RecordError
from nlptool.pipe import Pipe
from nlptool.records import Record
from nlptool.results import wants_table

if TYPE_CHECKING:
    from nlptool.models.fill_texts import FillTexts
    from nlptool.models.fills import Answer, Fill, Targets
    from nlptool.models.masked import MaskedModel

DEFAULT_K = 5
BAR = 20  # cells of a bar that means a probability of 1
_WINDOW = 256  # records that are answered together: one with several masks is read dozens of times

_TELL = {
    "truncated": "texts longer than the model takes, of which it saw windows around the masks",
    "n_unknown": "pieces that the model's vocabulary lacks ([UNK])",
}


def fill_mask(
    lists: Iterable[list[Record]],
    model: MaskedModel,
    *,
    said: dict[str, Any],
    k: int,
    joint: str,
    beams: int,
    targets: dict[str, Targets] | None = None,
) -> Iterator[list[Record]]:
    """Give each record the ``k`` best candidates of each of its masks, and the ``k`` best fills of all of them.

    Args:
        lists: windows of records; an empty one means that nothing new has come for a while.
        said: what every record's entry says.
        targets: the only candidates, by ``FillTexts.context``.
    """
    from nlptool.models import fills
    from nlptool.models.fill_texts import FillTexts

    texts = FillTexts(model.texts)
    for records in lists:
        pending = [(record, texts.split(record.text)) for record in records if record.pending]
        cuts = model.texts.cut([texts.join(parts) for _, parts in pending])
        asked = []
        questions = []
        for (record, parts), cut in zip(pending, cuts, strict=True):
            places = [place for place, piece in enumerate(cut.ids) if piece == model.texts.mask_id]
            if error := _no_question(parts, len(places), model.texts.mask_token):
                record.fail(error)
                continue
            allowed = [targets[texts.context(parts, mask)] for mask in range(len(places))] if targets else None
            asked.append((record, parts, cut.n_unknown))
            questions.append(fills.Question(cut.ids, places, allowed))
        answers = fills.fill(model, questions, k=k, joint=joint, beams=beams)
        for (record, parts, n_unknown), answer in zip(asked, answers, strict=True):
            if not (all(answer.masks) and answer.fills):
                record.fail(RecordError("NotFinite", "the model's logits hold NaN or infinity"))
                continue
            record.results = _results(texts, parts, answer)
            record.entry = {**said, "n_tokens": answer.n_tokens, "truncated": answer.truncated}
            record.entry |= {"windows": answer.n_windows} if answer.truncated or answer.n_windows > 1 else {}
            record.entry |= {"n_unknown": n_unknown} if n_unknown else {}
        yield records


def _no_question(parts: Sequence[str], n_masks: int, mask: str) -> RecordError | None:
    """Why a text cannot be answered."""
    if len(parts) == 1:
        return RecordError(
            "NoMask", f"there is no mask in the text: write {mask} where a word is to be guessed: 吾輩は{mask}である。"
        )
    if n_masks != len(parts) - 1:
        return RecordError(
            "MasksDiffer", f"the text has {len(parts) - 1:,} masks, of which the model's tokenizer makes {n_masks:,}"
        )
    return None


def _results(texts: FillTexts, parts: Sequence[str], answer: Answer) -> dict[str, bytes]:
    import numpy as np
    import orjson

    def candidate(fill: Fill) -> dict[str, Any]:
        (choice,) = fill.choices
        shown = {"token": texts.token(choice), "probability": np.float32(math.exp(fill.log_probability))}
        if choice.word:  # of many pieces the probability may be too small for a float
            shown["log_probability"] = np.float32(fill.log_probability)
        if len(choice.ids) > 1:
            shown["pieces"] = texts.pieces(choice)
        return shown

    masks = [
        {"index": index, "candidates": [candidate(fill) for fill in best]} for index, best in enumerate(answer.masks)
    ]
    together = [
        {
            "text": texts.filled(parts, fill.choices),
            "tokens": [texts.token(choice) for choice in fill.choices],
            "log_probability": np.float32(fill.log_probability),
        }
        for fill in answer.fills
    ]
    dumps = functools.partial(orjson.dumps, option=orjson.OPT_SERIALIZE_NUMPY)
    return {"masks": dumps(masks), "fills": dumps(together)}


def _text(record: Record) -> bytes:
    """The best fill as a line; an empty one in the place of a record that failed."""
    import orjson

    if "fills" not in record.results:
        return b"\n"
    text: str = orjson.loads(record.results["fills"])[0]["text"]
    return re.sub(r"\r?\n|\r", " ", text).encode() + b"\n"


def _table(record: Record) -> bytes:
    """The text, a table of candidates for each mask and, of several masks, one of fills."""
    import orjson

    from nlptool import display

    if "fills" not in record.results:
        return b""
    masks, together = (orjson.loads(record.results[name]) for name in ("masks", "fills"))
    drawn = [f"{display.printable(record.text)}   {display.printable(record.entry['model'])}\n"]
    for mask in masks:
        numbered = "token" if len(masks) == 1 else f"mask {mask['index']}"
        rows = [
            [each["token"], _probability(each["probability"]), "█" * round(BAR * each["probability"])]
            for each in mask["candidates"]
        ]
        drawn.append(display.table([numbered, "probability", ""], rows, right=["probability"]))
    if len(masks) > 1:
        rows = [[each["text"], f"{each['log_probability']:.4f}"] for each in together]
        drawn.append(display.table(["fill", "log-probability"], rows, right=["log-probability"]))
    return "\n".join([drawn[0] + drawn[1], *drawn[2:], ""]).encode()


def _probability(value: float) -> str:
    """Four digits behind the point, or two that count where those would all be 0."""
    return f"{value:.4f}" if value >= 5e-4 else f"{value:.1e}"


def _words(_: click.Context, __: click.Parameter, values: Sequence[str]) -> list[str]:
    """Words between commas, each once."""
    words = list(dict.fromkeys(word.strip() for value in values for word in value.split(",") if word.strip()))
    if values and not words:
        raise click.BadParameter("there is no word: --targets 寿司,ピザ")
    return words


@click.command()
@options.records("fill-mask")
@click.option(
    "-k", metavar="N", type=click.IntRange(1, 1000), show_default=f"{DEFAULT_K}, or all targets",
    help="Candidates of each mask, and fills of all masks together.",
)  # fmt: skip
@click.option(
    "--targets", multiple=True, metavar="WORDS", callback=_words,
    help="Only these words are candidates: 寿司,ピザ; of any number of pieces. Can be given several times.",
)  # fmt: skip
@click.option(
    "--joint", type=click.Choice(["beam", "greedy", "independent"]), default="beam", show_default=True,
    help="How several masks are filled together; see below.",
)  # fmt: skip
@click.option(
    "--beams", default=5, show_default=True, metavar="N", type=click.IntRange(1, 1000),
    help="Fills that --joint beam keeps between one mask and the next.",
)  # fmt: skip
@options.table_choice("text", text="; text: the best fill alone")
@options.bert
def command(  # noqa: PLR0917
    pipe: Pipe,
    k: int | None,
    targets: list[str],
    joint: str,
    beams: int,
    format: str | None,
    **choice: Any,
) -> None:
    """Which words stand behind [MASK]: the guesses of a masked language model (BERT and its kin).

    Each record gets `masks`, for each mask of the text a list of candidates {token, probability}, and `fills`, a list of {text,
    tokens, log_probability} in which all masks are filled; the best come first. [MASK], <mask> and the model's own mask token
    are all understood. A probability is between 0 and 1, of all tokens of the vocabulary; a log-probability is a natural
    logarithm, nearer to 0 is likelier.

    \b
    echo '吾輩は[MASK]である。名前はまだ無い。' | nlptool fill-mask
    echo '昼は[MASK]、夜は[MASK]を食べた。' | nlptool fill-mask --targets 魚,肉,豆腐
    nlptool fill-mask -k 1 -f text < masked.txt > filled.txt
    echo 'The man went to the [MASK] to buy a [MASK] of milk.' | nlptool fill-mask -m google-bert/bert-base-uncased

    The candidates of a mask know nothing of the other masks. The fills of several do, and --joint says how their
    log-probability is made: beam: from left to right, each token given the text, the tokens before it, and the later masks as
    masks; greedy: in the same way, but the mask of which the model is surest comes first, and each of its best candidates leads
    to one fill; independent: the product of the probabilities in `masks`, and exactly the best. With one mask the three are
    the same. beam reads a text --beams times for each mask, greedy -k times, independent once in all.

    A word of --targets with n pieces is scored with n masks in the place of the one: the probability of its first piece,
    times that of the second given the first, and so on. Its candidate has its log_probability too, and its pieces if they
    are several. A word that the vocabulary cannot spell is refused.

    Of a text that is longer than the model takes, the network sees a window around the masks, or several if they are far apart;
    the record says `truncated` and how many `windows`, whose masks know nothing of each other. A text without a mask fails.

    With another batch composition a float may move by less than 1e-5; --deterministic makes all output byte-identical.
    """
    if joint != "beam" and "beams" in options.typed(["beams"]):
        raise click.UsageError(f"--beams belongs to --joint beam, not to --joint {joint}")
    from nlptool import bert

    model = bert.load(pipe, bert.Choice(**choice), head="mlm")
    said: dict[str, Any] = {"model": model.name, "joint": joint}
    said |= {"beams": beams} if joint == "beam" else {}
    said |= {"n_targets": len(targets)} if targets else {}
    said |= {"device": model.device} if model.device != "cpu" else {}
    found = fill_mask(
        windows(pipe.read(), largest=_WINDOW),
        model,
        said=said,
        k=k or len(targets) or DEFAULT_K,
        joint=joint,
        beams=beams,
        targets=_targets(model, targets) if targets else None,
    )
    table = wants_table(format, pipe.output)
    to_bytes: Callable[[Record], bytes] | None = _text if format == "text" else _table if table else None
    pipe.write(found, to_bytes, tell=_TELL, terminator=None if table else b"\n")


def _targets(model: MaskedModel, words: list[str]) -> dict[str, Targets]:
    from nlptool.models.fill_texts import FillTexts

    try:
        return FillTexts(model.texts).targets(words)
    except ValueError as error:
        raise click.UsageError(f"--targets: {error}") from error
