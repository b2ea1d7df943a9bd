"""``nlptool score``: how natural a text is, as a masked language model sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from nlptool import bert, options
from nlptool.batches import windows
from nlptool.errors import RecordError
from nlptool.pipe import Pipe
from nlptool.records import Record

if TYPE_CHECKING:
    from nlptool.models.masked import MaskedModel

_WINDOW = 256  # records that are scored together: each is as many rows of the network as it has pieces
_TELL = {
    "n_unknown": "pieces that the vocabulary lacks and that were scored as unknown ones",
    "windowed": "texts longer than the model takes, each piece of which was scored in the window around it",
}


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

    from nlptool.models.pseudo_likelihood import likelihoods

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


@click.command()
@options.records("score")
@click.option("--within-word", is_flag=True,
              help="Mask the pieces to the right in the same word too, so that long words do not look likely.")  # fmt: skip
@click.option("--pieces/--no-pieces", default=True, show_default=True, help="The log-probability of each piece.")
@options.bert
def command(pipe: Pipe, within_word: bool, pieces: bool, **choice: Any) -> None:
    """How natural a text is: the pseudo-log-likelihood of a line, by a BERT or its kin.

    Each piece of the text is masked in turn, and the model says how probable what stood there is (Salazar et al. 2020). Each
    record gets `pseudo_log_likelihood`, the sum of the natural logarithms, at most 0: higher is more natural;
    `pseudo_perplexity`, exp(-sum / pieces), at least 1: lower is more natural; and `pieces`, a list of {piece,
    log_probability}. Of two sentences that say the same, the more acceptable one (as in CoLA) should have the higher sum; where
    they differ in length, compare perplexities. Perplexities of models that cut a text in other pieces do not compare, sums do.

    \b
    printf '猫が魚を食べる。\\n猫を魚が食べるた。\\n' | nlptool score --no-pieces
    nlptool score --within-word corpus.txt > scored.jsonl
    echo The store sells milk. | nlptool score -m google-bert/bert-base-uncased

    --within-word masks the pieces to the right in the same word as well (PLL-word-l2r, Kauf and Ivanova 2023): otherwise the
    pieces of a rare long word give each other away, and it looks too likely.

    An unknown piece is scored as [UNK], and counted in the entry; special tokens written in the text, such as [MASK], are read
    and not scored: their log-probability is null. An empty line gets null and the reason. A text longer than the model takes is
    not cut: each piece is scored in the window around it. A text of n pieces costs n rows of the network: --max-length makes
    long texts faster.

    With another batch composition a log-probability may move by less than 1e-5; --deterministic makes all output byte-identical.
    """
    model = bert.load(pipe, bert.Choice(**choice), head="mlm")
    said: dict[str, Any] = {"model": model.name}
    said |= {"within_word": True} if within_word else {}
    said |= {"device": model.device} if model.device != "cpu" else {}
    lists = windows(pipe.read(), largest=_WINDOW)
    pipe.write(score(lists, model, said=said, within_word=within_word, pieces=pieces), tell=_TELL)
