"""``nlptool compare``: do two embeddings of the same items find the same ones alike?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from nlptool import options, results
from nlptool.errors import RunError
from nlptool.pipe import Pipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def compare(
    names: Sequence[str],
    vectors: Sequence[NDArray[np.float32]],
    *,
    measure: str,
    permutations: int,
    seed: int,
    report: Callable[[int], None] = lambda done: None,
) -> list[dict[str, Any]]:
    """A record for the first embedding with each of the others and, if these are several, one for their mean.

    Args:
        vectors: vectors[j][i] is item i in the j-th embedding, called names[j]: (N, D_j).
        report: is told how many permutations have been tried.
    """
    from nlptool.models import correlations
    from nlptool.models import representations as rsa

    n_items = len(vectors[0])
    reference, *others = (rsa.ranked(rsa.distances(each, measure)) for each in vectors)
    chance = rsa.permuted(reference, others, n_items, permutations=permutations, seed=seed, report=report)
    rhos = [rsa.spearman(reference, other) for other in others]
    taus = [rsa.kendall(reference, other) for other in others]
    ckas = [rsa.linear_cka(vectors[0], other) for other in vectors[1:]]
    records = []
    for index, other in enumerate(vectors[1:]):
        p_value = rsa.p_value(rhos[index], chance[:, index])
        scores = _scores(rhos[index], p_value, taus[index], ckas[index])
        said = {"first": names[0], "second": names[index + 1], "items": n_items}
        records.append({**said, **scores, "dimensions": [vectors[0].shape[1], other.shape[1]]})
    if len(others) > 1:
        mean = rsa.mean(rhos)
        scores = _scores(mean, rsa.p_value(mean, chance.mean(axis=1)), rsa.mean(taus), rsa.mean(ckas))
        lower, upper = map(correlations.rounded, rsa.noise_ceiling(others))
        said = {"first": names[0], "second": f"mean of {len(others)}", "items": n_items}
        records.append({**said, **scores, "noise_ceiling": {"lower": lower, "upper": upper}})
    return records


def _scores(spearman: float | None, p_value: float | None, kendall: float | None, cka: float | None) -> dict[str, Any]:
    from nlptool.models.correlations import rounded

    digits = p_value and float(f"{p_value:.4g}")
    return {"spearman": rounded(spearman), "p_value": digits, "kendall": rounded(kendall), "cka": rounded(cka)}


@click.command()
@options.records(
    "compare", writes=False, instead=("embedding",),
    arguments=click.argument("files", nargs=-1, required=True, metavar="A B...", type=click.Path(readable=False)),
)  # fmt: skip
@click.option("--measure", type=click.Choice(["cosine", "euclidean", "pearson"]), default="cosine", show_default=True,
              help="Distance of two items: 1 - cosine, the Euclidean one, or 1 - Pearson's r of their components.")  # fmt: skip
@click.option("--permutations", default=1000, show_default=True, metavar="N", type=click.IntRange(0, 1_000_000),
              help="Random orders of the items, for the p-value; 0: no p-value.")  # fmt: skip
@click.option("--sample", metavar="N", type=click.IntRange(min=3), help="Compare N of the items, drawn at random.")
@options.seed
@options.memory
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe, measure: str, permutations: int, sample: int | None, seed: int, memory: int, format: str | None
) -> None:
    """Representational similarity analysis: whether embeddings of the same items find the same ones alike.

    A and B are outputs of `nlptool embed`, JSONL or .npy, or of other programs; their models, dimensions and axes may differ.
    Each is turned into the distances between its items, and these are compared with those of A: Spearman's ρ and Kendall's τ-b
    (-1 to 1; 0: they have nothing to do with each other), and the one-sided p-value of ρ if the items stood in a random order.
    Linear CKA (0 to 1) compares the vectors themselves and is high by itself where items are fewer than dimensions. Where all
    distances are the same, there is no correlation: null.

    With several B, such as the answers of several persons or runs of a training, a last record has the mean over them, and the
    noise ceiling, between whose ends the ρ of the best possible A is expected: the mean ρ of each B with the mean of the others
    (lower), and of all (upper).

    Items are the same if they stand in the same places or, with --id-field, have the same name. One without a vector in one of
    the files is left out. N items have N (N - 1) / 2 distances.

    \b
    nlptool compare <(nlptool embed words.txt) <(nlptool embed -m static-ja-en words.txt)
    nlptool compare --id-field id model.jsonl person1.jsonl person2.jsonl -f jsonl
    nlptool compare --sample 5000 --measure pearson a.npy b.npy
    """
    if len(pipe.files) < 2:
        raise click.UsageError("compare needs two files: A and B")
    from nlptool import matching

    with pipe.bar as bar:
        found = [matching.read(pipe, path) for path in pipe.files]
        rows, n_left_out = matching.matched(found, pipe.id_field)
        rows = matching.sampled(rows, sample, seed)
        _refuse_too_many(rows.shape[1], len(found), memory)
        if pipe.id_field is None:
            matching.say_other_texts(pipe, found, rows)
        vectors, n_without = matching.vectors(found, rows, measure)
        if n_left_out:
            pipe.note(f"items that have no vector in one of the files, and were left out: {n_left_out:,}")
        if n_without:
            pipe.note(f"items whose vector in one of the files has no direction, and were left out: {n_without:,}")
        names = [each.name for each in found]
        records = compare(
            names, vectors, measure=measure, permutations=permutations, seed=seed,
            report=lambda done: bar.work("compare", done, permutations, "permutations"),
        )  # fmt: skip
    for record in records:
        if record["spearman"] is None and "dimensions" in record:
            pipe.note(f"{record['second']}: no correlation, since all distances in it, or in {names[0]}, are the same")
    models = [each.items.model or None for each in found]
    rules = {"left_out": n_left_out + n_without, "measure": measure, "permutations": permutations, "seed": seed}
    for record, model in zip(records, models[1:], strict=False):
        record["models"] = [models[0], model]
    records = [{**record, **rules} for record in records]
    results.show(_rows(records) if results.wants_table(format) else records, format)


def _refuse_too_many(n_items: int, n_embeddings: int, memory: int) -> None:
    """
    Raises:
        RunError: their distances need more than ``memory`` bytes.
    """
    from nlptool.models import representations
    from nlptool.models.similarities import size

    needed = representations.memory_needed(n_items, n_embeddings)
    if needed > memory:
        fitting = int(n_items * (memory / needed) ** 0.5)
        raise RunError(
            f"{n_items:,} items have {n_items * (n_items - 1) // 2:,} distances, which need {size(needed)} of memory, and "
            f"--memory is {size(memory)}",
            hint=f"--sample {fitting} takes so many of the items at random; --memory {size(needed)} takes all",
        )


def _rows(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records for a table: what was found, without the rules, and the models where they are known."""
    known = any(model for record in records for model in record.get("models", []))
    rows = []
    for record in records:
        row = {name: record[name] for name in ("first", "second", "items", "spearman", "p_value", "kendall", "cka")}
        if len(records) > 1:
            ends = record.get("noise_ceiling", {}).values()
            row["noise_ceiling"] = "" if None in ends else "–".join(map(str, ends))
        if known:
            row["models"] = ", ".join(model or "?" for model in record.get("models", []))
        rows.append(row)
    return rows
