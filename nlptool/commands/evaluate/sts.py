"""``nlptool evaluate sts``: correlation of sentence embeddings with human ratings."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe
from nlptool.specs import EncoderSpec

_OF_RECORDS = ("unit", "field", "id_field", "null")  # options that have no effect on pairs


@click.command(cls=Command)
@options.records("evaluate", writes=False)
@options.pair_fields
@options.pair_score
@options.encoder(embeddings=False)
@options.measure
@click.option("--bootstrap", default=1000, show_default=True, metavar="N", type=options.IntRange(0, 100_000),
              help="Number of bootstrap resamples for the confidence intervals; 0: no intervals.")  # fmt: skip
@options.seed
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe,
    first: str | None,
    second: str | None,
    score: str | None,
    measure: str | None,
    bootstrap: int,
    seed: int,
    format: str | None,
    spec: EncoderSpec,
) -> None:
    """Evaluate sentence encoders on semantic textual similarity (STS-B, JSTS): correlation with human ratings.

    The input is TSV, CSV or JSON, as its first line says or -I: two sentences and a score, higher for more similar, or more
    columns with names: sentence1, sentence2 and score (or first, second; text1, text2; label or similarity for the score), or
    those that --first, --second and --score name, by number if there is no header. A first line whose score is no number is a
    header. Any scale of scores will do.

    The output is one record a file: pairs, used, skipped (a sentence has no vector because the model knows none of its words or
    subwords); n_unknown, the words or subwords that the model lacks, and n_unseen_script, the sentences in a script of none of
    its languages; Spearman's ρ and Pearson's r of similarities and scores (-1 to 1; null if one of them is constant); and their
    95 % bootstrap confidence intervals, null if there are too few pairs.

    \b
    nlptool evaluate sts stsb-dev.csv
    nlptool evaluate sts -m static-ja-en jsts.jsonl stsb-ja.csv
    nlptool evaluate sts -m my.vec --measure dot pairs.tsv -f jsonl
    nlptool evaluate sts --first 6 --second 7 --score 5 sts-dev.csv
    """
    from nlptool.records.gold import Layout
    from nlptool.tasks.embedder import Embedder
    from nlptool.tasks.evaluate.sts import sts, table_rows

    options.refuse(_OF_RECORDS, "evaluate sts reads pairs, and")
    layout = Layout(options.pair_names(first, second), score)
    embedder = Embedder(pipe, spec, measure=measure)
    records = sts(pipe, embedder, layout, resamples=bootstrap, seed=seed)
    results.show(table_rows(records) if results.wants_table(format) else records, format)
