"""``nlptool compare``: representational similarity analysis of embeddings."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe


@click.command(cls=Command)
@options.records(
    "compare", writes=False, instead=("embedding",),
    arguments=click.argument("files", nargs=-1, required=True, metavar="A B...", type=click.Path(readable=False)),
)  # fmt: skip
@click.option("--measure", type=click.Choice(["cosine", "euclidean", "pearson"]), default="cosine", show_default=True,
              help="Distance between two items: 1 - cosine, Euclidean, or 1 - Pearson's r of their components.")  # fmt: skip
@click.option("--permutations", default=1000, show_default=True, metavar="N", type=options.IntRange(0, 1_000_000),
              help="Number of permutations for the p-value; 0: no p-value.")  # fmt: skip
@click.option(
    "--sample", metavar="N", type=options.IntRange(min=3), help="Number of items to compare, drawn at random."
)
@options.seed
@options.memory
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe, measure: str, permutations: int, sample: int | None, seed: int, memory: int, format: str | None
) -> None:
    """Compare embeddings of the same items by representational similarity analysis (RSA).

    A and B are files of `nlptool embed` (JSONL or .npy) or of other programs; their models and dimensions may differ. The
    distances between all pairs of items in A are correlated with those in B: Spearman's ρ and Kendall's τ-b (-1 to 1; 0: no
    relation), with the one-sided p-value of ρ from a permutation test. Linear CKA (0 to 1) compares the vectors themselves; it
    is high in any case if there are fewer items than dimensions. If all distances are equal, the correlation is null.

    With several B, such as the ratings of several persons or several training runs, a last record holds their mean and the
    noise ceiling, the range in which the ρ of the best possible A is expected: the mean ρ of each B with the mean of the
    others (lower bound) and with the mean of all (upper bound).

    Items are matched by their position or, with --id-field, by their id. An item without a vector in one of the files is left
    out and counted. N items have N (N - 1) / 2 distances.

    \b
    nlptool compare <(nlptool embed words.txt) <(nlptool embed -m static-ja-en words.txt)
    nlptool compare --id-field id model.jsonl person1.jsonl person2.jsonl -f jsonl
    nlptool compare --sample 5000 --measure pearson a.npy b.npy
    """
    from nlptool.tasks.compare import compare, table_rows

    if len(pipe.files) < 2:
        raise click.UsageError("compare needs two files: A and B")
    records = compare(pipe, measure=measure, permutations=permutations, sample=sample, seed=seed, memory=memory)
    results.show(table_rows(records) if results.wants_table(format) else records, format)
