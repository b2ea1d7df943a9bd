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
@options.encoder_or_bert
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
@click.option("--max-length", metavar="N", type=options.IntRange(min=2),
              help="Longest text in tokens; see --on-long. With --tokens: the length of a window.")  # fmt: skip
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
@click.option("--tokens", is_flag=True, help="Embed each token of a text in its context, instead of the text.")
@options.layer
@click.option("--pool-words", type=click.Choice(["mean", "first"]),
              help="With --tokens: words, by the mean of the vectors of their pieces or by that of the first.")  # fmt: skip
@options.unicode_errors
@options.batch_tokens(None)
@options.workers
@options.threads
@options.deterministic()
@options.offline
@options.allow_pickle
@options.spec("EncoderSpec")
def command(  # noqa: PLR0917
    pipe: Pipe,
    format: str,
    precision: str,
    on_long: str,
    workers: int,
    tokens: bool,
    layer: str | int | None,
    pool_words: str | None,
    spec: EncoderSpec,
) -> None:
    """Compute embeddings: a vector for each line of text (sentence-transformers models), or for each token in its context.

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
    nlptool embed --tokens --pool-words mean -f npz -o words.npz corpus.txt

    The default model, sbert-mini-ja-en, is for Japanese and English. static-ja-en is for the same languages, many times faster
    and a little less accurate: it averages static token vectors and needs neither onnxruntime nor torch.

    `nlptool models list` shows the models with a name; any other sentence-transformers model is given as a folder or as
    org/name of the hub. Models of the usual modules (Transformer, Pooling, Normalize, Dense) are converted once and run in
    onnxruntime; all others run in sentence-transformers. On a CUDA GPU torch computes in bfloat16.

    Word vectors (`nlptool models list --task words`, or a folder of `nlptool train`) are a model too: the embedding is the
    mean of the vectors of the words, by default weighted by 0.001 / (0.001 + frequency of the word). A record's `tokens` are
    used if it has them.

    With --tokens each record gets `token_vectors`, a list of {text, start, end, piece, vector}: the pieces of the model's
    tokenizer without special tokens, and their hidden states; text[start:end] is the piece in the text as it came. With
    --pool-words they are words: a record's `tokens` if it has them, MeCab's words of a text with kana or kanji, else what
    stands between blanks. --layer N takes another layer than the last one, 0 the output of the embeddings, -2 the last but
    one; last4 joins the vectors of the last four (BERT, section 5.3) end to end; all gives `layers`, a vector for each layer.
    The models are BERTs and sentence encoders; the default is bert-mini-ja or bert-mini-en, by the script of the first text
    with letters. A text longer than the network takes is read in windows that overlap. The formats are jsonl, csv, tsv, table,
    npz (arrays vectors, records, ids, starts, ends, texts, a row for each token; model, layer, pool_words) and parquet (a row
    for each token; with --layer all a column for each layer).

    With different batches a number may change by less than 1e-5; --deterministic makes the output byte-identical. This does
    not hold for --quantize int8, whose results depend on the batch and the processor where VNNI is missing.
    """
    if tokens:
        _tokens(pipe, spec, format, precision, layer, pool_words)
        return
    options.refuse_without(("layer", "pool_words"), "--tokens")
    model = spec.model if options.given("model") else DEFAULT_ENCODER
    spec = replace(spec, model=model, chunk=on_long == "chunk")
    _texts(pipe, spec, format, precision, on_long, workers)


def _texts(  # noqa: PLR0917
    pipe: Pipe, spec: EncoderSpec, format: str, precision: str, on_long: str, workers: int
) -> None:
    """Embed each text as a whole."""
    from nlptool.records.formats.table import VectorRows
    from nlptool.records.formats.vectors import Precision
    from nlptool.tasks.embed import compare_int8, embed, entry_of, layout, notes_of, open_worker
    from nlptool.tasks.languages import ModelScripts
    from nlptool.tasks.open_model import locate_model

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


_OF_TEXTS = (
    "role", "prompt", "prompt_name", "dim", "normalize", "on_long", "quantize", "weighting", "unicode_errors", "workers"
)  # fmt: skip
"""Options that --tokens makes no use of."""


def _tokens(  # noqa: PLR0917
    pipe: Pipe, spec: EncoderSpec, format: str, precision: str, layer: str | int | None, pool_words: str | None
) -> None:
    """Embed each token in its context."""
    import numpy as np

    from nlptool.specs import ContextualSpec, as_kind
    from nlptool.tasks.embed_tokens import NOTES, WINDOW, Layers, TokenForm, embed_tokens
    from nlptool.tasks.languages import MASKED, ModelScripts, chosen
    from nlptool.tasks.open_model import open_model
    from nlptool.tasks.token_vector_formats import write

    options.refuse(_OF_TEXTS, "--tokens")
    if format not in formats.names("tokens"):
        raise click.UsageError(f"-f {format} has no place for tokens; these have: {', '.join(formats.names('tokens'))}")
    if precision not in ("float32", "float16"):
        raise click.UsageError(f"--tokens writes float32 or float16, not --precision {precision}")
    pipe.form = replace(pipe.form, instead=("tokens",))
    model = open_model(chosen(as_kind(spec, ContextualSpec), pipe), pipe)
    is_raw = formats.FORMATS[format].tokens == "raw"
    form = TokenForm(Layers.of(model, layer), np.dtype({"float32": "<f4", "float16": "<f2"}[precision]), is_raw)
    scripts = ModelScripts(model.name, MASKED)
    lists = windows(pipe.read(), largest=WINDOW)
    found = scripts.noted(embed_tokens(lists, model, form, pool_words=pool_words))
    write(pipe, found, format, form, model, pool_words=pool_words, notes=NOTES | scripts.notes)
