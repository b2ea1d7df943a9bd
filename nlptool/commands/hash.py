"""``nlptool hash``: binary codes of texts."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats import cells
from nlptool.records.formats.record_rows import Layout
from nlptool.records.pipe import Pipe
from nlptool.records.writing import write_records
from nlptool.specs import EncoderSpec


@click.command(cls=Command)
@options.records("hash", instead=("embedding", "tokens"))
@click.option("--bits", default=128, show_default=True, metavar="N", type=options.IntRange(1, 4096),
              help="Bits of a code.")  # fmt: skip
@options.seed
@options.record_format()
@options.encoder()
def command(pipe: Pipe, bits: int, seed: int, format: str, spec: EncoderSpec) -> None:
    """Compute binary codes: texts of like meaning get codes that differ in few bits (semantic hashing).

    Each record gets `code`, hexadecimal digits, whose first bit is the most significant one of the first digit. Two codes
    compare if their records name the same `method`, `model`, `bits`, `seed` and `dimension` under `nlptool.hash`.

    \b
    nlptool hash captions.txt > codes.jsonl
    nlptool embed captions.txt | nlptool hash --bits 256 > codes.jsonl
    nlptool search "a boat in the harbour" --hamming 40 --corpus codes.jsonl

    A bit says on which side of a random hyperplane the embedding of the text lies (Charikar 2002). Of two embeddings with the
    angle t between them, about the share t / pi of the bits differ: codes of B bits that differ in d have the estimated cosine
    cos(pi d / B), with a standard error of at most pi / (2 sqrt(B)), 0.14 for 128 bits. Records with an `embedding` (from
    `nlptool embed`) are not embedded again. The same vectors, --bits and --seed give the same codes; more bits begin with those
    of fewer.

    An empty text has no vector: its code is null, with the reason under `nlptool.hash`.
    """
    from nlptool.geometry import similarity as similarities
    from nlptool.tasks.embedder import Embedder
    from nlptool.tasks.hash import CODE, NOTES, HyperplaneHasher, hash_records

    click.get_current_context().with_resource(similarities.blas_threads(spec.threads))
    hasher = HyperplaneHasher(Embedder(pipe, spec), bits, seed)
    table = cells.Columns({CODE: str, "text": str})
    write_records(pipe, hash_records(pipe.read(), hasher), format, Layout({CODE: str}), table=table, notes=NOTES)
    hasher.say()
