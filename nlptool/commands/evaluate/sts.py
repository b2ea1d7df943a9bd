"""``nlptool evaluate sts``: correlation of sentence embeddings with human ratings."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.errors import RunError
from nlptool.records import pairs
from nlptool.records.blocks import STDIN
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe
from nlptool.specs import EncoderSpec

_OF_RECORDS = ("input_format", "field", "id_field", "header", "null")  # options that have no effect on pairs


@click.command(cls=Command)
@options.records("evaluate", writes=False)
@options.pair_fields
@options.encoder(embeddings=False)
@options.measure("cosine", "dot", "euclidean", "pearson")
@click.option("--bootstrap", default=1000, show_default=True, metavar="N", type=click.IntRange(0, 100_000),
              help="Number of bootstrap resamples for the confidence intervals; 0: no intervals.")  # fmt: skip
@options.seed
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe,
    first: str | None,
    second: str | None,
    measure: str,
    bootstrap: int,
    seed: int,
    format: str | None,
    spec: EncoderSpec,
) -> None:
    """Evaluate sentence encoders on semantic textual similarity (STS-B, JSTS): correlation with human ratings.

    A line holds two sentences and a score, higher for more similar, separated by tabs or commas (a cell with a comma is
    quoted), or it is a JSON object with sentence1, sentence2 and score (or first, second; text1, text2; or the fields that
    --first and --second name; label or similarity for the score). A first line whose score is no number is a header. Any scale
    of scores will do.

    The output is one record a file: pairs, used, skipped (a sentence has no vector because the model knows none of its words);
    Spearman's ρ and Pearson's r of similarities and scores (-1 to 1; null if one of them is constant); and their 95 %
    bootstrap confidence intervals, null if there are too few pairs.

    \b
    nlptool evaluate sts stsb-dev.csv
    nlptool evaluate sts -m static-ja-en jsts.jsonl stsb-ja.csv
    nlptool evaluate sts -m my.vec --measure dot pairs.tsv -f jsonl
    """
    from nlptool.tasks.evaluate.sts import Sentences, agreement, no_result_reason, result_row

    for name in sorted(options.typed(_OF_RECORDS)):
        raise click.UsageError(f"evaluate sts reads pairs, and makes no use of --{name.replace('_', '-')}")
    names = options.pair_names(first, second)
    import numpy as np

    from nlptool.tasks import embedder as task_embedder

    files = [
        (STDIN if path == "-" else path, pairs.read(pipe, path, scored=True, names=names))
        for path in pipe.files or ("-",)
    ]
    everything = [pair for _, found in files for pair in found]
    if not everything:
        raise RunError("there are no pairs", hint="two sentences and a number a line, with tabs or commas between them")
    embedder = task_embedder.Embedder(pipe, spec)
    with pipe.bar as bar:
        sentences = Sentences(
            everything, embedder, measure, lambda done, total: bar.work("embed", done, total, "sentences")
        )
    if sentences.n_truncated:
        pipe.note(f"sentences that were longer than the model takes, and were cut: {sentences.n_truncated:,}")
    rules = {"model": embedder.model, "measure": measure, "bootstrap": bootstrap, "seed": seed}
    records = []
    for name, found in files:
        if not found:  # it is not there, or holds nothing, which has been said
            continue
        similarities = sentences.similarities(found)
        scores = np.asarray([pair.score for pair in found], np.float64)
        records.append({"file": name, **agreement(similarities, scores, resamples=bootstrap, seed=seed), **rules})
        if records[-1]["spearman"] is None:
            pipe.note(f"{name}: there is no correlation: {no_result_reason(similarities, scores)}")
    results.show([result_row(record) for record in records] if results.wants_table(format) else records, format)
