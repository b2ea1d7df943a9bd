"""Pseudo-log-likelihood of each record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nlptool.errors import RecordError
from nlptool.records.notes import notes
from nlptool.records.record import Record

if TYPE_CHECKING:
    from nlptool.models.masked.model import MaskedModel

WINDOW = 256  # records that are scored together: each is as many rows of the network as it has pieces

NOTES = notes("n_unknown of a masked model", "windowed")


def score(
    lists: Iterator[list[Record]],
    model: MaskedModel,
    *,
    said: dict[str, Any],
    within_word: bool = False,
    pieces: bool = True,
) -> Iterator[list[Record]]:
    """Give each record its pseudo-log-likelihood, null for a text with nothing to score.

    Args:
        lists: windows of records; an empty one means that nothing new has come for a while.
        said: what every record's entry says.
        within_word: mask the pieces to the right in the same word too.
        pieces: with the log-probability of each piece.
    """
    import numpy as np
    import orjson

    from nlptool.models.masked.pseudo_likelihood import likelihoods

    def number(value: float) -> bytes:
        return orjson.dumps(np.float32(value), option=orjson.OPT_SERIALIZE_NUMPY)

    for records in lists:
        texts = []
        for record in records:
            if record.pending and record.text.strip():
                texts.append(record)
            elif record.pending:
                _nothing(record, said, "empty text", pieces=pieces)
        found = likelihoods(model, [record.text for record in texts], within_word=within_word)
        for record, each in zip(texts, found, strict=True):
            if not each.n_pieces:
                _nothing(record, said, "no piece but special tokens" if each.ids else "no piece", pieces=pieces)
                continue
            if not np.isfinite(each.log_probabilities[each.scored]).all():
                record.fail(RecordError("NotFinite", "the model's log-probabilities hold NaN or infinity"))
                continue
            record.results = {
                "pseudo_log_likelihood": number(each.total),
                "pseudo_perplexity": number(each.perplexity),
            }
            if pieces:
                spelled = [
                    b'{"piece":%b,"log_probability":%b}' % (orjson.dumps(model.texts.piece(id)), number(value))
                    for id, value in zip(each.ids, each.log_probabilities, strict=True)
                ]
                record.results |= {"pieces": b"[%b]" % b",".join(spelled)}
            record.entry = {
                **said,
                "n_pieces": each.n_pieces,
                "n_unknown": each.n_unknown,
                "windowed": each.window is not None,
            }
            if each.window is not None:
                record.entry |= {"window": each.window}
        yield records


def _nothing(record: Record, said: dict[str, Any], reason: str, *, pieces: bool) -> None:
    record.results = {"pseudo_log_likelihood": b"null", "pseudo_perplexity": b"null"} | (
        {"pieces": b"[]"} if pieces else {}
    )
    record.entry = {**said, "reason": reason}
