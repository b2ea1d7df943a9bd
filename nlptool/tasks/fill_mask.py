"""Candidates for the [MASK]s of each record."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nlptool.errors import RecordError, WrongUsage
from nlptool.records.notes import notes
from nlptool.records.record import Record

if TYPE_CHECKING:
    from nlptool.models.masked.fill import Answer, Fill, Targets
    from nlptool.models.masked.model import MaskedModel
    from nlptool.models.masked.templates import FillTexts

BAR = 20  # cells of a bar that means a probability of 1
WINDOW = 256  # records that are answered together: one with several masks is read dozens of times

NOTES = notes("truncated around masks", "n_unknown of a masked model")


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
    from nlptool.models.masked import fill as masked_fill
    from nlptool.models.masked.templates import FillTexts

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
            questions.append(masked_fill.Question(cut.ids, places, allowed))
        answers = masked_fill.fill(model, questions, k=k, joint=joint, beams=beams)
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


def as_text(record: Record) -> bytes:
    """The best fill as a line; an empty one in the place of a record that failed."""
    import orjson

    if "fills" not in record.results:
        return b"\n"
    text: str = orjson.loads(record.results["fills"])[0]["text"]
    return re.sub(r"\r?\n|\r", " ", text).encode() + b"\n"


def as_table(record: Record) -> bytes:
    """The text, a table of candidates for each mask and, of several masks, one of fills."""
    import orjson

    from nlptool.terminal import tables

    if "fills" not in record.results:
        return b""
    masks, together = (orjson.loads(record.results[name]) for name in ("masks", "fills"))
    drawn = [f"{tables.printable(record.text)}   {tables.printable(record.entry['model'])}\n"]
    for mask in masks:
        numbered = "token" if len(masks) == 1 else f"mask {mask['index']}"
        rows = [
            [each["token"], _probability(each["probability"]), "█" * round(BAR * each["probability"])]
            for each in mask["candidates"]
        ]
        drawn.append(tables.table([numbered, "probability", ""], rows, right=["probability"]))
    if len(masks) > 1:
        rows = [[each["text"], f"{each['log_probability']:.4f}"] for each in together]
        drawn.append(tables.table(["fill", "log-probability"], rows, right=["log-probability"]))
    return "\n".join([drawn[0] + drawn[1], *drawn[2:], ""]).encode()


def _probability(value: float) -> str:
    """Four digits behind the point, or two that count where those would all be 0."""
    return f"{value:.4f}" if value >= 5e-4 else f"{value:.1e}"


def read_targets(model: MaskedModel, words: list[str]) -> dict[str, Targets]:
    from nlptool.models.masked.templates import FillTexts

    try:
        return FillTexts(model.texts).targets(words)
    except ValueError as error:
        raise WrongUsage(f"--targets: {error}") from error
