"""``nlptool embed``: compute sentence embeddings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from nlptool.catalog import DEFAULT_ENCODER
from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records import formats
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.records.workers import Workers
from nlptool.records.writing import write_records
from nlptool.specs import EncoderSpec

if TYPE_CHECKING:
    from nlptool.models.encoders.encoder import Embeddings


@click.command(cls=Command)
@options.records("embed")
@options.model(DEFAULT_ENCODER)
@options.record_format(
    *formats.names("vectors"),
    text="; npy: a matrix, a row for each record; npz: the same with ids; base64: JSONL with little-endian bytes",
)
@click.option(
    "--as",
    "role",
    envvar="NLPTOOL_EMBED_AS",
    type=click.Choice(["query", "document"]),
    help="Kind of text, for models with a prompt for each kind.",
)
@options.prompt
@options.prompt_name
@options.dim
@click.option(
    "--precision", type=click.Choice(["float32", "float16", "int8", "binary"]), default="float32", show_default=True,
    help="Number type of the output; int8: with a scale for each vector; binary: the signs, 8 to a byte.",
)  # fmt: skip
@click.option(
    "--normalize/--no-normalize",
    default=None,
    help="Scale vectors to unit length, or not; default: as the model is configured.",
)
@click.option("--max-length", metavar="N", type=options.IntRange(min=2), help="Longest text in tokens; see --on-long.")
@click.option(
    "--on-long", type=click.Choice(["truncate", "chunk", "error"]), default="truncate", show_default=True,
    help="A text longer than --max-length: truncate it, average the vectors of its chunks, or fail.",
)  # fmt: skip
@options.engine
@options.device
@click.option(
    "--quantize",
    type=click.Choice(["int8"]),
    help="Run the network in 8-bit integers; the loss of accuracy is measured and printed.",
)
@click.option(
    "--weighting", type=click.Choice(["inverse-frequency", "none"]), default="inverse-frequency", show_default=True,
    help="Weights of words in the mean of word vectors; inverse-frequency: frequent words weigh less.",
)  # fmt: skip
@options.unicode_errors
@options.batch_tokens(None)
@options.workers
@options.threads
@options.deterministic()
@options.offline
@options.allow_pickle
@options.spec("EncoderSpec")
def command(  # noqa: PLR0917
    pipe: Pipe, format: str, precision: str, on_long: str, workers: int, spec: EncoderSpec
) -> None:
    """Compute sentence embeddings: a vector for each line of text (sentence-transformers models).

    Each record gets `embedding`, a list of D floats; texts of similar meaning have vectors with a high cosine. An empty line,
    and a text of which the model knows nothing, gets null and the reason. The record's entry says the model, the prompt, the
    number of tokens, whether the text was truncated, and what the model does not know: `n_unknown` pieces, characters read as
    bytes (`n_byte_fallback`), a script of none of its languages (`unseen_script`). On a terminal the output is a table of the
    first components and the norm of each vector.

    \b
    echo 飛行機が離陸する。 | nlptool embed
    nlptool tokenize corpus.txt | nlptool embed > vectors.jsonl
    nlptool embed -m static-ja-en -f npy -o vectors.npy million_lines.txt
    nlptool embed -m multilingual-e5-small --as document -f parquet -o docs.parquet docs.txt
    nlptool embed -m cl-nagoya/ruri-v3-30m --on-long chunk -f npy -o vectors.npy corpus.txt.zst

    The default model, sbert-mini-ja-en, is for Japanese and English. static-ja-en is for the same languages, many times faster
    and a little less accurate: it averages static token vectors and needs neither onnxruntime nor torch.

    `nlptool models list` shows the models with a name; any other sentence-transformers model is given as a folder or as
    org/name of the hub. Models of the usual modules (Transformer, Pooling, Normalize, Dense) are converted once and run in
    onnxruntime; all others run in sentence-transformers. On a CUDA GPU torch computes in bfloat16.

    Word vectors (`nlptool models list --task words`, or a folder of `nlptool train`) are a model too: the embedding is the
    mean of the vectors of the words, by default weighted by 0.001 / (0.001 + frequency of the word). A record's `tokens` are
    used if it has them.

    With different batches a number may change by less than 1e-5; --deterministic makes the output byte-identical. This does
    not hold for --quantize int8, whose results depend on the batch and the processor where VNNI is missing.
    """
    from nlptool.records.formats.table import VectorRows
    from nlptool.records.formats.vectors import Precision
    from nlptool.tasks.embed import compare_int8, embed, entry_of, layout, notes_of, open_worker
    from nlptool.tasks.languages import ModelScripts
    from nlptool.tasks.open_model import locate_model

    spec = replace(spec, chunk=on_long == "chunk")
    located = locate_model(spec, pipe, workers=workers)
    if located.takes_tokens:
        pipe.form = replace(pipe.form, instead=("tokens",))
    entry = entry_of(located, spec, precision)
    spelling = Precision(precision, located.dimension, formats.FORMATS[format].vectors)
    team: Workers[Embeddings] = Workers(workers, open_worker, located)
    lists = windows(pipe.read())
    if spec.quantize:
        lists = compare_int8(lists, located, pipe)
    scripts = ModelScripts(located.name, "embed")
    notes = notes_of(located) | scripts.notes
    embedded = scripts.noted(
        embed(lists, team, spelling, entry=entry, on_long=on_long, takes_tokens=located.takes_tokens)
    )
    if format in ("npy", "npz"):
        pipe.write_rows(embedded, formats.row_writer(format, "vectors", spelling, pipe.id_of), notes=notes)
    else:
        format = "jsonl" if format == "base64" else format
        table = VectorRows(is_float=spelling.dtype.kind == "f")
        write_records(pipe, embedded, format, layout(spelling, format), table=table, notes=notes)
