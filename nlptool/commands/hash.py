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

    Each record gets `code`, hexadecimal digits, whose first bit is the most significant one of the first digit. Two codes compare
    if they were made in the same way, which `nlptool.hash` says: `method`, `model`, `bits`, and `seed` and `dimension`, or the
    `identity` of an autoencoder.

    \b
    nlptool hash captions.txt > codes.jsonl
    nlptool embed captions.txt | nlptool hash --bits 256 > codes.jsonl
    nlptool search "a boat in the harbour" --hamming 40 --corpus codes.jsonl
    nlptool hash -m ./hasher articles.jsonl > codes.jsonl

    A bit says on which side of a random hyperplane the embedding of the text lies (Charikar 2002). Of two embeddings with the
    angle t between them, about the share t / pi of the bits differ: codes of B bits that differ in d have the estimated cosine
    cos(pi d / B), with a standard error of at most pi / (2 sqrt(B)), 0.14 for 128 bits. Records with an `embedding` (from
    `nlptool embed`) are not embedded again. The same vectors, --bits and --seed give the same codes; more bits begin with those
    of fewer.

    With -m FOLDER of `nlptool train autoencoder` the codes are learned instead: units of its innermost layer that are 1 or 0. It
    reads the words of a text, as `nlptool keywords` finds them, or its embedding; `n_words` is how many words it knew. If its
    code is linear, the record gets it as `embedding`.

    A text that is empty, or without a known word, has no code: it is null, with the reason under `nlptool.hash`.
    """
    from nlptool.geometry import similarity as similarities
    from nlptool.models.autoencoders.loading import is_autoencoder
    from nlptool.tasks.embedder import Embedder
    from nlptool.tasks.hash import NOTES, Hasher, HyperplaneHasher, field_of, hash_records
    from nlptool.tasks.hash_models import by_autoencoder

    click.get_current_context().with_resource(similarities.blas_threads(spec.threads))
    hasher: Hasher
    if is_autoencoder(spec.model):
        options.refuse(("bits", "seed", "prompt", "prompt_name", "dim"), f"{spec.model}, an autoencoder,")
        hasher = by_autoencoder(pipe, spec)
    else:
        hasher = HyperplaneHasher(Embedder(pipe, spec), bits, seed)
    field = field_of(hasher)
    layout = Layout({field: str if hasher.n_bits else list})
    table = cells.Columns({field: str, "text": str})
    write_records(pipe, hash_records(pipe.read(), hasher), format, layout, table=table, notes=NOTES)
    hasher.say()
