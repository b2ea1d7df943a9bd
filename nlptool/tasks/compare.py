"""Representational similarity analysis of several files of vectors (Kriegeskorte et al. 2008).

Items of the files are the same if they have the same position or the same name. Those without a vector in one of the files
are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptool.errors import RunError
from nlptool.geometry import rsa
from nlptool.geometry.correlation import round_score
from nlptool.geometry.similarity import format_size
from nlptool.records.pipe import Pipe
from nlptool.records.record import STDIN
from nlptool.tasks import embedded_records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nlptool.tasks.embedded_records import EmbeddedRecords
    from nlptool.tasks.npy_rows import NpyRows

_FEWEST = 3  # items: two have one distance
_SHOWN = 30  # characters of a text


@dataclass(frozen=True, slots=True)
class Embedding:
    """A file's items with their vectors."""

    name: str
    items: EmbeddedRecords | NpyRows
    n_records: int  # with those that have no vector
    rows: dict[Any, int]  # an item's name, or its position in the file -> the row of its vector


def compare(
    pipe: Pipe, *, measure: str, permutations: int, sample: int | None, seed: int, memory: int
) -> list[dict[str, Any]]:
    """Compare the first file with each of the others; return a record for each and, if these are several, one for their mean.

    Args:
        measure: of the distance of two items: cosine | euclidean | pearson.
        permutations: random orders of the items, for the p-value; 0: no p-value.
        sample: items that are compared, drawn at random; None: all.
        memory: bytes that the distances may need.

    Raises:
        RunError: a file holds no vectors, too few items are common to all, or too many for ``memory``.
    """
    with pipe.bar as bar:
        embeddings = [_read(pipe, path) for path in pipe.files]
        rows, n_missing = _matched(embeddings, pipe.id_field)
        rows = _sampled(rows, sample, seed)
        _refuse_too_many(rows.shape[1], len(embeddings), memory)
        if pipe.id_field is None:
            _note_other_texts(pipe, embeddings, rows)
        vectors, n_zero = _vectors(embeddings, rows, measure)
        if n_missing:
            pipe.note(f"items that have no vector in one of the files, and were left out: {n_missing:,}")
        if n_zero:
            pipe.note(f"items whose vector in one of the files has no direction, and were left out: {n_zero:,}")
        names = [embedding.name for embedding in embeddings]
        records = _compared(
            names, vectors, measure=measure, permutations=permutations, seed=seed,
            report=lambda done: bar.work("compare", done, permutations, "permutations"),
        )  # fmt: skip
    for record in records:
        if record["spearman"] is None and "dimensions" in record:
            pipe.note(f"{record['second']}: no correlation, since all distances in it, or in {names[0]}, are the same")
    models = [embedding.items.model or None for embedding in embeddings]
    for record, model in zip(records, models[1:], strict=False):
        record["models"] = [models[0], model]
    rules = {"left_out": n_missing + n_zero, "measure": measure, "permutations": permutations, "seed": seed}
    return [{**record, **rules} for record in records]


def _read(pipe: Pipe, path: str) -> Embedding:
    """Read the vectors of a file.

    Raises:
        RunError: there are none, or two records have one name.
    """
    name = STDIN if path == "-" else path
    n_before = pipe.tally.n_read
    items = embedded_records.read_vectors(pipe, path)
    if not len(items):
        raise RunError(
            f"{name}: it {'cannot be read' if pipe.tally.input_failed else 'holds no vectors'}, nothing is compared"
        )
    rows: dict[Any, int] = {}
    for row, position in enumerate(items.positions.tolist()):
        item = items.id(row) if pipe.id_field is not None else position
        if item in rows:
            raise RunError(f"{name}: two records have the {pipe.id_field} {item!r}: it is not clear which is meant")
        if item != "":
            rows[item] = row
    if not rows:
        raise RunError(f"{name}: no record has the field {pipe.id_field}", hint="without --id-field the order counts")
    n_records = pipe.tally.n_read - n_before
    if pipe.id_field is not None and n_records > len(rows):
        pipe.note(f"{name}: records without a vector or the field {pipe.id_field}, left out: {n_records - len(rows):,}")
    return Embedding(name, items, n_records, rows)


def _matched(embeddings: Sequence[Embedding], id_field: str | None) -> tuple[NDArray[np.int64], int]:
    """Match the items that all files have a vector of.

    Returns:
        rows[j][i], the row of item i in file j, (files, N), and the number of items that were left out.

    Raises:
        RunError: it is not clear which items are the same, or there are too few.
    """
    first, *others = embeddings
    for other in others:
        if id_field is None and other.n_records != first.n_records:
            raise RunError(
                f"{first.name} has {first.n_records:,} items and {other.name} {other.n_records:,}: which are the same?",
                hint="--id-field NAME matches them by a field of their records",
            )
    common = [item for item in first.rows if all(item in other.rows for other in others)]
    if len(common) < _FEWEST:
        raise RunError(
            f"{len(common)} items have a vector in all files, and {_FEWEST} are the fewest that can be compared",
            hint=f"is {id_field} in all files the same item's name?" if id_field else "",
        )
    rows = np.asarray([[embedding.rows[item] for item in common] for embedding in embeddings])
    n_items = first.n_records if id_field is None else len(set().union(*(embedding.rows for embedding in embeddings)))
    return rows, n_items - len(common)


def _sampled(rows: NDArray[np.int64], sample: int | None, seed: int) -> NDArray[np.int64]:
    """Draw ``sample`` of the items, in their order; return all if there are not more."""
    if sample is None or sample >= rows.shape[1]:
        return rows
    return rows[:, np.sort(np.random.default_rng(seed).choice(rows.shape[1], sample, replace=False))]


def _refuse_too_many(n_items: int, n_embeddings: int, memory: int) -> None:
    """Refuse items whose distances need more than ``memory`` bytes.

    Raises:
        RunError: they do.
    """
    needed = rsa.memory_needed(n_items, n_embeddings)
    if needed > memory:
        fitting = int(n_items * (memory / needed) ** 0.5)
        raise RunError(
            f"{n_items:,} items have {n_items * (n_items - 1) // 2:,} distances, which need {format_size(needed)} of memory, and "
            f"--memory is {format_size(memory)}",
            hint=f"--sample {fitting} takes so many of the items at random; --memory {format_size(needed)} takes all",
        )


def _note_other_texts(pipe: Pipe, embeddings: Sequence[Embedding], rows: NDArray[np.int64]) -> None:
    """Say which texts differ: comparing vectors of different texts is an easy mistake, but they may be translations."""
    first = embeddings[0]
    for other, other_rows in zip(embeddings[1:], rows[1:], strict=True):
        pairs = [
            (int(first.items.positions[a]), first.items.text(a), other.items.text(b))
            for a, b in zip(rows[0].tolist(), other_rows.tolist(), strict=True)
        ]
        different = [pair for pair in pairs if pair[1] and pair[2] and pair[1] != pair[2]]
        if different:
            position, text, other_text = different[0]
            pipe.note(
                f"{len(different):,} of {len(pairs):,} items have another text in {other.name} than in {first.name}; the first "
                f"is record {position + 1}: {_short(text)} and {_short(other_text)}; --id-field NAME matches items by a field"
            )


def _short(text: str) -> str:
    return f"“{text[:_SHOWN]}{'…' if len(text) > _SHOWN else ''}”"


def _vectors(
    embeddings: Sequence[Embedding], rows: NDArray[np.int64], measure: str
) -> tuple[list[NDArray[np.float32]], int]:
    """Return the vectors of the items in each of the files, (N, D) each, and the number of items that were left out since
    they have no direction in one of them.

    Raises:
        RunError: too few are left.
    """
    vectors = [
        np.asarray(embedding.items.vectors[own_rows], np.float32)
        for embedding, own_rows in zip(embeddings, rows, strict=True)
    ]
    kept = np.logical_and.reduce([rsa.has_direction(matrix, measure) for matrix in vectors])
    n_left_out = int(np.count_nonzero(~kept))
    if len(kept) - n_left_out < _FEWEST:
        raise RunError(
            f"{n_left_out:,} of {len(kept):,} items have a vector without a direction, such as one of zeros: too few are left",
            hint="--measure euclidean needs none",
        )
    return [matrix[kept] for matrix in vectors], n_left_out


def _compared(
    names: Sequence[str],
    vectors: Sequence[NDArray[np.float32]],
    *,
    measure: str,
    permutations: int,
    seed: int,
    report: Callable[[int], None],
) -> list[dict[str, Any]]:
    """Compare the first embedding with the others.

    Args:
        vectors: vectors[j][i] is item i in the j-th embedding, called names[j]: (N, D_j).
        report: called with the number of permutations done.
    """
    n_items = len(vectors[0])
    reference, *others = (rsa.centered_ranks(rsa.distances(matrix, measure)) for matrix in vectors)
    chance = rsa.permutation_correlations(
        reference, others, n_items, permutations=permutations, seed=seed, report=report
    )
    rhos = [rsa.spearman(reference, other) for other in others]
    taus = [rsa.kendall(reference, other) for other in others]
    ckas = [rsa.linear_cka(vectors[0], other) for other in vectors[1:]]
    records = []
    for index, other in enumerate(vectors[1:]):
        p_value = rsa.p_value(rhos[index], chance[:, index])
        scores = _scores(rhos[index], p_value, taus[index], ckas[index])
        sides = {"first": names[0], "second": names[index + 1], "items": n_items}
        records.append({**sides, **scores, "dimensions": [vectors[0].shape[1], other.shape[1]]})
    if len(others) > 1:
        mean = rsa.mean(rhos)
        scores = _scores(mean, rsa.p_value(mean, chance.mean(axis=1)), rsa.mean(taus), rsa.mean(ckas))
        lower, upper = map(round_score, rsa.noise_ceiling(others))
        sides = {"first": names[0], "second": f"mean of {len(others)}", "items": n_items}
        records.append({**sides, **scores, "noise_ceiling": {"lower": lower, "upper": upper}})
    return records


def _scores(spearman: float | None, p_value: float | None, kendall: float | None, cka: float | None) -> dict[str, Any]:
    return {
        "spearman": round_score(spearman),
        "p_value": p_value and float(f"{p_value:.4g}"),
        "kendall": round_score(kendall),
        "cka": round_score(cka),
    }


def table_rows(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a table: the scores without the rules, and the models if they are known."""
    has_models = any(model for record in records for model in record.get("models", []))
    rows = []
    for record in records:
        row = {name: record[name] for name in ("first", "second", "items", "spearman", "p_value", "kendall", "cka")}
        if len(records) > 1:
            ends = record.get("noise_ceiling", {}).values()
            row["noise_ceiling"] = "" if None in ends else "–".join(map(str, ends))
        if has_models:
            row["models"] = ", ".join(model or "?" for model in record.get("models", []))
        rows.append(row)
    return rows
