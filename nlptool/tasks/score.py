"""Pseudo-log-likelihood of each record (Salazar et al. 2020, https://aclanthology.org/2020.acl-main.240)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from nlptool.errors import RecordError
from nlptool.models.masked.pseudo_likelihood import likelihoods
from nlptool.models.runtime.one_by_one import GOOD_TEXT
from nlptool.records.notes import notes
from nlptool.records.record import Record
from nlptool.tasks.each_record import EachRecord
from nlptool.tasks.entries import model_entry

if TYPE_CHECKING:
    from nlptool.models.masked.model import MaskedModel

WINDOW = 256  # records that are scored together: each is as many sequences of the network as it has pieces

NOTES = notes("n_unknown of a masked model", "truncated", "windowed")


def score(
    lists: Iterator[list[Record]],
    model: MaskedModel,
    *,
    within_word: bool = False,
    pieces: bool = True,
    truncate: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[list[Record]]:
    """Give each record its pseudo-log-likelihood, null for a text with nothing to score.

    Args:
        lists: windows of records; an empty one means that nothing new has come for a while.
        within_word: mask the pieces to the right in the same word too.
        pieces: add the log-probability of each piece.
        truncate: score no more of a text than the model takes at once; else all of it, each piece in the window around it.
        report: is told how many pieces of how many are scored of the records that are in work.
    """
    entry = model_entry(model, within_word=within_word)

    def work(nonempty: Sequence[tuple[Record, str]]) -> None:
        texts = [text for _, text in nonempty]
        scores = likelihoods(model, texts, within_word=within_word, truncate=truncate, report=report)
        for (record, _), likelihood in zip(nonempty, scores, strict=True):
            if not likelihood.n_pieces:
                reason = "no piece but special tokens" if likelihood.ids else "no piece"
                _set_empty(record, entry, reason, pieces=pieces)
                continue
            if not np.isfinite(likelihood.log_probabilities[likelihood.scored]).all():
                record.fail(RecordError("NotFinite", "the model's log-probabilities hold NaN or infinity"))
                continue
            record.results = {
                "pseudo_log_likelihood": _number(likelihood.total),
                "pseudo_perplexity": _number(likelihood.perplexity),
            }
            if pieces:
                spelled = [
                    b'{"piece":%b,"log_probability":%b}' % (orjson.dumps(model.texts.piece(id)), _number(value))
                    for id, value in zip(likelihood.ids, likelihood.log_probabilities, strict=True)
                ]
                record.results |= {"pieces": b"[%b]" % b",".join(spelled)}
            record.entry = {
                **entry,
                "n_pieces": likelihood.n_pieces,
                "n_unknown": likelihood.n_unknown,
                **({"truncated": likelihood.truncated} if truncate else {"windowed": likelihood.window is not None}),
            }
            if likelihood.window is not None:
                record.entry |= {"window": likelihood.window}

    score_each = EachRecord(work, GOOD_TEXT, model=model)
    for records in lists:
        nonempty = []
        for record in records:
            if record.pending and record.text.strip():
                nonempty.append((record, record.text))
            elif record.pending:
                _set_empty(record, entry, "empty text", pieces=pieces)
        score_each(nonempty)
        yield records


def _set_empty(record: Record, entry: dict[str, Any], reason: str, *, pieces: bool) -> None:
    record.results = {"pseudo_log_likelihood": b"null", "pseudo_perplexity": b"null"}
    record.results |= {"pieces": b"[]"} if pieces else {}
    record.entry = {**entry, "reason": reason}


def _number(value: float) -> bytes:
    return orjson.dumps(np.float32(value), option=orjson.OPT_SERIALIZE_NUMPY)
