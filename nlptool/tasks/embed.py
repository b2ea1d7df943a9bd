"""Embed records: a vector for each text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from nlptool.errors import RecordError
from nlptool.geometry.measures import USUAL as USUAL_MEASURE
from nlptool.records.formats.parquet import Vectors
from nlptool.records.formats.record_rows import Layout
from nlptool.records.json_bytes import field_value
from nlptool.records.notes import Note, notes
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.workers import Workers, in_order
from nlptool.tasks.embedder import encoder_notes
from nlptool.tasks.encoding import open_encoder
from nlptool.tasks.in_int8 import compared

if TYPE_CHECKING:
    from nlptool.models.encoders.encoder import Embeddings
    from nlptool.models.encoders.loading import LocatedAnyEncoder
    from nlptool.records.formats.vectors import Precision
    from nlptool.specs import EncoderSpec

_SAMPLE = 64  # texts whose vectors in 8 bits and in float32 are compared


def embed(
    lists: Iterator[list[Record]],
    workers: Workers[Embeddings],
    precision: Precision,
    *,
    entry: dict[str, Any],
    on_long: str = "truncate",
    takes_tokens: bool = False,
) -> Iterator[list[Record]]:
    """Give each record its embedding, as ``precision`` writes it: a vector for each text, null for one with nothing in it.

    Args:
        lists: windows of records; an empty one means that nothing new has come for a while.
        entry: what every record's entry says.
        on_long: error makes a record fail whose text was truncated.
        takes_tokens: the encoder gets a record's `tokens` where it has them.
    """

    def input_of(record: Record) -> Any:
        """Return its tokens or its text; "" if there is nothing to embed."""
        tokens = field_value(record.raw, "tokens") if takes_tokens else None
        if isinstance(tokens, list) and all(isinstance(token, str | dict) for token in tokens):
            return tokens
        return record.text if record.text.strip() else ""

    def inputs(records: list[Record]) -> list[Any]:
        return [value for record in records if record.pending and (value := input_of(record))]

    for records, (embeddings,) in in_order(lists, workers, inputs):
        with_input = []
        for record in records:
            if record.pending and input_of(record):
                with_input.append(record)
            elif record.pending:
                record.results = {"embedding": b"null"}
                record.entry = {**entry, "reason": "empty text"}
        if with_input:
            finite = precision.finite(embeddings.vectors)
            for index, (record, (value, extra)) in enumerate(
                zip(with_input, precision.write(embeddings.vectors), strict=True)
            ):
                if index in embeddings.errors:
                    record.fail(embeddings.errors[index])
                    continue
                n_tokens, truncated, n_chunks = (
                    embeddings.n_tokens[index],
                    embeddings.truncated[index],
                    embeddings.n_chunks[index],
                )
                record.entry = {**entry, "n_tokens": n_tokens, "truncated": truncated, **extra}
                if n_chunks > 1:
                    record.entry["n_chunks"] = n_chunks
                if embeddings.counts is not None:
                    record.entry |= embeddings.counts[index]
                if index in embeddings.no_vector:
                    record.results = {"embedding": b"null"}
                    record.entry["reason"] = embeddings.no_vector[index]
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


def layout(precision: Precision, format: str) -> Layout:
    """Return the columns of the results: of vectors in 8 bits their scales too."""
    embedding = Vectors(precision.dtype, precision.n_columns) if format == "parquet" else list
    return Layout({"embedding": embedding}, entry={"scale": float} if precision.name == "int8" else {})


def entry_of(located: LocatedAnyEncoder, spec: EncoderSpec, precision: str) -> dict[str, Any]:
    """Return what every record's entry says: the model, and the settings that differ from the defaults."""
    entry: dict[str, Any] = {"model": located.name}
    entry |= {"prompt": located.prompt} if located.prompt else {}
    entry |= {"dim": spec.dim} if spec.dim else {}
    entry |= {"measure": located.measure} if located.measure != USUAL_MEASURE else {}
    entry |= {"device": located.device} if located.device != "cpu" else {}
    entry |= {"quantize": spec.quantize} if spec.quantize else {}
    return entry | ({"precision": precision} if precision != "float32" else {})


def notes_of(located: LocatedAnyEncoder) -> dict[str, Note]:
    """Return the sentences about the entries of the records that an encoder has embedded."""
    return encoder_notes(leaves_out_unknown=located.leaves_out_unknown) | notes("n_chunks")


def open_worker(located: LocatedAnyEncoder) -> Callable[[Any], list[Embeddings]]:
    """Open the encoder; return the function with which a worker embeds the texts of a window."""
    encode = open_encoder(located)
    return lambda texts: [encode(texts)]


def compare_int8(lists: Iterator[list[Record]], located: Any, pipe: Pipe) -> Iterator[list[Record]]:
    """Say how far the vectors in 8 bits are from those in float32, on the first texts, and pass all records on."""

    def difference(records: list[Record]) -> str:
        texts = [record.text for record in records]
        cosines = _cosines(open_encoder(located)(texts), open_encoder(located.in_float32())(texts))
        if not len(cosines):
            return ""
        return f"the first {len(cosines)} texts: cosine {cosines.mean():.4f} on average, {cosines.min():.4f} at least"

    return compared(lists, _SAMPLE, difference, pipe)


def _cosines(first: Embeddings, second: Embeddings) -> Any:
    from nlptool.geometry.top_k import normalize

    good = [row for row in range(len(first.vectors)) if row not in {*first.errors, *second.errors}]
    return (normalize(first.vectors[good]) * normalize(second.vectors[good])).sum(axis=1)
