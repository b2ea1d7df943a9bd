"""``nlptool embed``: a vector for each text."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click
import orjson

from nlptool import options
from nlptool.batches import windows
from nlptool.errors import RecordError
from nlptool.pipe import Pipe
from nlptool.records import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nlptool.models.encoder import Encoder

DEFAULT_MODEL = "all-MiniLM-L6-v2"
BATCH_TOKENS = 512  # larger batches were slower on two cores

Write = Callable[["NDArray[np.float32]"], bytes]


def embed(
    lists: Iterator[list[Record]], encoder: Encoder, write: Write, *, on_long: str = "truncate"
) -> Iterator[list[Record]]:
    """Give each record its embedding, as ``write`` writes it: a vector for each text, null for one with nothing in it."""
    for records in windows(lists):
        texts = []
        for record in records:
            if record.pending and record.text.strip():
                texts.append(record)
            elif record.pending:
                record.results = {"embedding": b"null"}
                record.entry = {"model": encoder.name, "reason": "empty text"}
        if texts:
            found = encoder.encode([record.text for record in texts])
            for record, vector, n_tokens, truncated in zip(
                texts, found.vectors, found.n_tokens, found.truncated, strict=True
            ):
                record.entry = {"model": encoder.name, "n_tokens": n_tokens, "truncated": truncated}
                if truncated and on_long == "error":
                    record.fail(
                        RecordError(
                            "TooLong",
                            f"the text is longer than {n_tokens} tokens",
                            hint="--on-long truncate embeds its beginning; --max-length sets the limit",
                        )
                    )
                elif abs(vector.sum()) < _INFINITY:  # False for NaN too
                    record.results = {"embedding": write(vector)}
                else:
                    record.fail(RecordError("NotFinite", "the model's vector holds NaN or infinity"))
        yield records


_INFINITY = float("inf")


def as_json(vector: NDArray[np.float32]) -> bytes:
    """The shortest decimals that read back to the same float32."""
    return orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY)


def as_base64(vector: NDArray[np.float32]) -> bytes:
    return b'"%b"' % base64.b64encode(vector.astype("<f4").tobytes())


@click.command()
@options.records("embed")
@options.model(DEFAULT_MODEL)
@options.format_choice(
    "jsonl", "npy", "base64",
    text="npy: a float32 matrix, a row for each record; base64: JSONL with little-endian float32.",
)  # fmt: skip
@click.option("--normalize/--no-normalize", default=None, help="Vectors of unit length or not; as the model says.")
@click.option("--max-length", metavar="N", type=click.IntRange(min=2), help="Use the first N tokens of a text at most.")
@click.option(
    "--on-long", type=click.Choice(["truncate", "error"]), default="truncate", show_default=True,
    help="A text longer than the model takes: cut it (the record says so), or fail it.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["auto", "onnx", "torch"]), default="auto", show_default=True,
    help="auto: onnxruntime, or torch for models that need it.",
)  # fmt: skip
@options.batch_tokens(BATCH_TOKENS)
@options.threads
@options.deterministic
@options.offline
def command(  # noqa: PLR0917
    pipe: Pipe,
    model: str,
    format: str,
    normalize: bool | None,
    max_length: int | None,
    on_long: str,
    engine: str,
    **settings: Any,
) -> None:
    """Sentence embeddings: a vector for each line of text (sentence-transformers models).

    Each record gets `embedding`, a list of D floats; texts that mean the same have vectors that point the same way. An
    empty line gets null and the reason. The entry says the model, the tokens used and whether the text was cut.

    \b
    echo A plane is taking off. | nlptool embed
    nlptool tokenize corpus.txt | nlptool embed > vectors.jsonl
    nlptool embed -f npy -o vectors.npy corpus.txt.zst

    Models of the usual stack (Transformer, Pooling, Normalize, Dense) run in onnxruntime, from a copy that torch makes
    once; any other runs in sentence-transformers itself. With another batch composition a float may move by less than
    1e-5; --deterministic makes all output byte-identical.
    """
    pipe.refuse_binary_on_terminal(format == "npy", "-f npy")
    from nlptool.models import encoder as encoders

    encoder = encoders.load(
        model, engine=engine, note=pipe.note, normalize=normalize, max_length=max_length, **settings
    )
    tell = {"truncated": "texts that were longer than the model takes, and were cut"}
    if format == "npy":
        from nlptool.npy import Npy

        npy = Npy(encoder.dimension)
        pipe.write(
            embed(pipe.read(), encoder, lambda vector: vector.tobytes(), on_long=on_long),
            npy.row, start=npy.start, finish=npy.finish, tell=tell, terminator=None,
        )  # fmt: skip
        if npy.n_empty:
            pipe.note(f"rows of NaN, whose records have no text or failed: {npy.n_empty:,}")
        return
    write = as_json if format == "jsonl" else as_base64
    pipe.write(embed(pipe.read(), encoder, write, on_long=on_long), tell=tell)
