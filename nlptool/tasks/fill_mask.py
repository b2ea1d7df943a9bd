"""Candidates for the [MASK]s of each record."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from nlptool.errors import RecordError, WrongUsage
from nlptool.models.masked import fill as masked_fill
from nlptool.models.masked.templates import FillTexts
from nlptool.records.notes import notes
from nlptool.records.record import Record
from nlptool.tasks.each_record import EachRecord
from nlptool.tasks.entries import model_entry

if TYPE_CHECKING:
    from nlptool.models.masked.fill import Answer, Fill, Targets
    from nlptool.models.masked.model import MaskedModel

_BAR = 20  # cells of a bar that means a probability of 1

WINDOW = 256  # records that are answered together: one with several masks is read dozens of times

NOTES = notes("truncated around masks", "n_unknown of a masked model")


def fill_mask(
    lists: Iterable[list[Record]],
    model: MaskedModel,
    *,
    k: int,
    joint: str,
    beams: int,
    words: Sequence[str] = (),
) -> Iterator[list[Record]]:
    """Give each record the ``k`` best candidates of each of its masks, and the ``k`` best fills of all of them.

    Args:
        lists: windows of records; an empty one means that nothing new has come for a while.
        joint: how several masks are filled: beam | greedy | independent.
        beams: of joint beam.
        words: the only candidates, if there are any.

    Raises:
        WrongUsage: the model's vocabulary cannot spell one of the ``words``.
    """
    texts = FillTexts(model.texts)
    targets = _targets(texts, words)
    entry = model_entry(model, joint=joint, beams=joint == "beam" and beams, n_targets=len(words))
    return _filled(lists, model, texts, targets, entry, k=k, joint=joint, beams=beams)


def _targets(texts: FillTexts, words: Sequence[str]) -> dict[str, Targets] | None:
    """Return the words as candidates by the context of a mask, or None for the whole vocabulary."""
    try:
        return texts.targets(words) if words else None
    except (ValueError, RecordError) as error:
        raise WrongUsage(f"--targets: {error}") from error


def _filled(
    lists: Iterable[list[Record]],
    model: MaskedModel,
    texts: FillTexts,
    targets: dict[str, Targets] | None,
    entry: dict[str, Any],
    *,
    k: int,
    joint: str,
    beams: int,
) -> Iterator[list[Record]]:
    def work(items: Sequence[tuple[Record, Sequence[str]]]) -> None:
        """Fill the masks of texts, which are split at them."""
        pending = [(record, parts) for record, parts in items if record.pending]
        tokenized_texts = model.texts.tokenize([texts.join(parts) for _, parts in pending])
        with_masks = []
        questions = []
        for (record, parts), tokenized in zip(pending, tokenized_texts, strict=True):
            positions = [position for position, piece in enumerate(tokenized.ids) if piece == model.texts.mask_id]
            if error := _mask_error(parts, len(positions), model.texts.mask_token):
                record.fail(error)
                continue
            allowed = [targets[texts.context(parts, mask)] for mask in range(len(positions))] if targets else None
            with_masks.append((record, parts, tokenized.n_unknown))
            questions.append(masked_fill.Question(tokenized.ids, positions, allowed))
        answers = masked_fill.fill(model, questions, k=k, joint=joint, beams=beams)
        for (record, parts, n_unknown), answer in zip(with_masks, answers, strict=True):
            if not (all(answer.masks) and answer.fills):
                record.fail(RecordError("NotFinite", "the model's logits hold NaN or infinity"))
                continue
            record.results = _results(texts, parts, answer)
            record.entry = {**entry, "n_tokens": answer.n_tokens, "truncated": answer.truncated}
            record.entry |= {"windows": answer.n_windows} if answer.truncated or answer.n_windows > 1 else {}
            record.entry |= {"n_unknown": n_unknown} if n_unknown else {}

    fill_each = EachRecord(work, ["", ""], model=model)
    for records in lists:
        fill_each([(record, texts.split(record.text)) for record in records if record.pending])
        yield records


def _mask_error(parts: Sequence[str], n_masks: int, mask: str) -> RecordError | None:
    """Return why the masks between the ``parts`` of a text cannot be filled, or None."""
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
    masks = [
        {"index": index, "candidates": [_candidate(texts, fill) for fill in best]}
        for index, best in enumerate(answer.masks)
    ]
    fills = [
        {
            "text": texts.filled(parts, fill.choices),
            "tokens": [texts.token(choice) for choice in fill.choices],
            "log_probability": np.float32(fill.log_probability),
        }
        for fill in answer.fills
    ]
    dumps = functools.partial(orjson.dumps, option=orjson.OPT_SERIALIZE_NUMPY)
    return {"masks": dumps(masks), "fills": dumps(fills)}


def _candidate(texts: FillTexts, fill: Fill) -> dict[str, Any]:
    (choice,) = fill.choices
    candidate = {"token": texts.token(choice), "probability": np.float32(math.exp(fill.log_probability))}
    if choice.word:  # of many pieces the probability may be too small for a float
        candidate["log_probability"] = np.float32(fill.log_probability)
    if len(choice.ids) > 1:
        candidate["pieces"] = texts.pieces(choice)
    return candidate


def as_text(record: Record) -> bytes:
    """Return the best fill as a line, an empty one for a record that failed."""
    if "fills" not in record.results:
        return b"\n"
    text: str = orjson.loads(record.results["fills"])[0]["text"]
    return re.sub(r"\r?\n|\r", " ", text).encode() + b"\n"


def as_table(record: Record) -> bytes:
    """Return the text, a table of candidates for each mask and, of several masks, one of fills."""
    from nlptool.terminal import tables

    if "fills" not in record.results:
        return b""
    masks, fills = (orjson.loads(record.results[name]) for name in ("masks", "fills"))
    parts = [f"{tables.printable(record.text)}   {tables.printable(record.entry['model'])}\n"]
    for mask in masks:
        heading = "token" if len(masks) == 1 else f"mask {mask['index']}"
        rows = [
            [candidate["token"], _probability(candidate["probability"]), "█" * round(_BAR * candidate["probability"])]
            for candidate in mask["candidates"]
        ]
        parts.append(tables.table([heading, "probability", ""], rows, right=["probability"]))
    if len(masks) > 1:
        rows = [[fill["text"], f"{fill['log_probability']:.4f}"] for fill in fills]
        parts.append(tables.table(["fill", "log-probability"], rows, right=["log-probability"]))
    return "\n".join([parts[0] + parts[1], *parts[2:], ""]).encode()


def _probability(value: float) -> str:
    """Format four decimals, or two significant digits where those would all be 0."""
    return f"{value:.4f}" if value >= 5e-4 else f"{value:.1e}"
