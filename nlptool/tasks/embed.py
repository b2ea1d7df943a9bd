"""Embed records: a vector for each text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from nlptool.errors import RecordError
from nlptool.records.json_bytes import field_value
from nlptool.records.notes import notes
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.workers import Workers, in_order

if TYPE_CHECKING:
    from nlptool.models.encoders.encoder import Embeddings
    from nlptool.models.encoders.loading import LocatedAnyEncoder
    from nlptool.records.formats.vectors import Precision

NOTES = notes("truncated", "n_unknown of word vectors", "n_subwords", "n_chunks")

SAMPLE = 64  # texts whose vectors in 8 bits and in float32 are compared


def embed(
    lists: Iterator[list[Record]],
    workers: Workers[Embeddings],
    precision: Precision,
    *,
    said: dict[str, Any],
    on_long: str = "truncate",
    takes_tokens: bool = False,
) -> Iterator[list[Record]]:
    """Give each record its embedding, as ``precision`` writes it: a vector for each text, null for one with nothing in it.

    Args:
        lists: windows of records; an empty one means that nothing new has come for a while.
        said: what every record's entry says.
        on_long: error makes a record fail whose text was cut.
        takes_tokens: the encoder is given a record's `tokens` where it has them.
    """

    def given(record: Record) -> Any:
        """Its tokens or its text; nothing, if there is nothing to embed."""
        tokens = field_value(record.raw, "tokens") if takes_tokens else None
        if isinstance(tokens, list) and all(isinstance(token, str | dict) for token in tokens):
            return tokens
        return record.text if record.text.strip() else ""

    def inputs(records: list[Record]) -> list[Any]:
        return [value for record in records if record.pending and (value := given(record))]

    for records, (found,) in in_order(lists, workers, inputs):
        texts = []
        for record in records:
            if record.pending and given(record):
                texts.append(record)
            elif record.pending:
                record.results = {"embedding": b"null"}
                record.entry = {**said, "reason": "empty text"}
        if texts:
            finite = precision.finite(found.vectors)
            for index, (record, (value, extra)) in enumerate(zip(texts, precision.write(found.vectors), strict=True)):
                n_tokens, truncated, n_chunks = found.n_tokens[index], found.truncated[index], found.n_chunks[index]
                record.entry = {**said, "n_tokens": n_tokens, "truncated": truncated, **extra}
                if n_chunks > 1:
                    record.entry["n_chunks"] = n_chunks
                if found.words is not None:
                    record.entry |= found.words[index]
                    if not n_tokens:
                        record.results = {"embedding": b"null"}
                        record.entry["reason"] = "no known word"
                        continue
                if truncated and on_long == "error":
                    record.fail(
                        RecordError(
                            "TooLong",
                            f"the text is longer than {n_tokens} tokens",
                            hint="--on-long truncate embeds its beginning, chunk all of it; --max-length sets the limit",
                        )
                    )
                elif finite[index]:
                    record.results = {"embedding": value}
                else:
                    record.fail(RecordError("NotFinite", "the model's vector holds NaN or infinity"))
        yield records


def open_worker(located: LocatedAnyEncoder) -> Callable[[Any], list[Embeddings]]:
    """What a worker does with the texts of a window. The model is loaded with the first of them."""
    encoder = located.open()
    return lambda texts: [encoder.encode(texts)]


def compare_int8(lists: Iterator[list[Record]], located: Any, pipe: Pipe) -> Iterator[list[Record]]:
    """Say how far the vectors in 8 bits are from those in float32, on the first texts, and let all records through."""
    for records in lists:
        texts = [record.text for record in records if record.pending and record.text.strip()][:SAMPLE]
        if texts:
            cosines = _cosines(located.open().encode(texts), located.in_float32().open().encode(texts))
            pipe.note(
                f"int8 against float32, the first {len(texts)} texts: cosine {cosines.mean():.4f} on average, "
                f"{cosines.min():.4f} at least"
            )
            yield from chain([records], lists)
            return
        yield records


def _cosines(first: Embeddings, second: Embeddings) -> Any:
    from nlptool.geometry.top_k import normalize

    return (normalize(first.vectors) * normalize(second.vectors)).sum(axis=1)
