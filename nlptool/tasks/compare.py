"""Items that several files of vectors have in common.

They are the same if they stand in the same places or have the same name. What only some of the files have a vector of is left
out, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nlptool.errors import RunError
from nlptool.records.blocks import STDIN
from nlptool.records.pipe import Pipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nlptool.tasks.embedded_records import EmbeddedRecords, NpyRows

FEWEST = 3  # items: two have one distance
_SHOWN = 30  # characters of a text


@dataclass(frozen=True, slots=True)
class Embedding:
    """A file's items with their vectors. ``rows`` says where an item's vector is, by its name or its place in the file."""

    name: str
    items: EmbeddedRecords | NpyRows
    n_records: int  # with those that have no vector
    rows: dict[Any, int]


def read(pipe: Pipe, path: str) -> Embedding:
    """
    Raises:
        RunError: there are no vectors in the file, or two records have one name.
    """
    from nlptool.tasks import embedded_records

    name = STDIN if path == "-" else path
    n_before = pipe.tally.n_read
    found = embedded_records.read_vectors(pipe, path)
    if not len(found):
        raise RunError(
            f"{name}: it {'cannot be read' if pipe.tally.input_failed else 'holds no vectors'}, nothing is compared"
        )
    rows: dict[Any, int] = {}
    for row, position in enumerate(found.positions.tolist()):
        item = found.id(row) if pipe.id_field is not None else position
        if item in rows:
            raise RunError(f"{name}: two records have the {pipe.id_field} {item!r}: it is not clear which is meant")
        if item != "":
            rows[item] = row
    if not rows:
        raise RunError(f"{name}: no record has the field {pipe.id_field}", hint="without --id-field the order counts")
    n_records = pipe.tally.n_read - n_before
    if pipe.id_field is not None and n_records > len(rows):
        pipe.note(f"{name}: records without a vector or the field {pipe.id_field}, left out: {n_records - len(rows):,}")
    return Embedding(name, found, n_records, rows)


def matched(found: Sequence[Embedding], id_field: str | None) -> tuple[NDArray[np.int64], int]:
    """rows[j][i] is the row of item i in the j-th file, (files, N), for the items that all files have a vector of; and how
    many were left out.

    Raises:
        RunError: it is not clear which items are the same, or there are too few.
    """
    import numpy as np

    first, *others = found
    for other in others:
        if id_field is None and other.n_records != first.n_records:
            raise RunError(
                f"{first.name} has {first.n_records:,} items and {other.name} {other.n_records:,}: which are the same?",
                hint="--id-field NAME matches them by a field of their records",
            )
    common = [item for item in first.rows if all(item in other.rows for other in others)]
    if len(common) < FEWEST:
        raise RunError(
            f"{len(common)} items have a vector in all files, and {FEWEST} are the fewest that can be compared",
            hint=f"is {id_field} in all files the same item's name?" if id_field else "",
        )
    rows = np.asarray([[each.rows[item] for item in common] for each in found])
    n_items = first.n_records if id_field is None else len(set().union(*(each.rows for each in found)))
    return rows, n_items - len(common)


def sampled(rows: NDArray[np.int64], sample: int | None, seed: int) -> NDArray[np.int64]:
    """``sample`` of the items, in their order; all, if there are not more."""
    import numpy as np

    if sample is None or sample >= rows.shape[1]:
        return rows
    return rows[:, np.sort(np.random.default_rng(seed).choice(rows.shape[1], sample, replace=False))]


def say_other_texts(pipe: Pipe, found: Sequence[Embedding], rows: NDArray[np.int64]) -> None:
    """Comparing vectors of different texts is an easy mistake; but they may be translations of each other."""
    first = found[0]
    for other, own_rows in zip(found[1:], rows[1:], strict=True):
        pairs = [
            (int(first.items.positions[a]), first.items.text(a), other.items.text(b))
            for a, b in zip(rows[0].tolist(), own_rows.tolist(), strict=True)
        ]
        differ = [each for each in pairs if each[1] and each[2] and each[1] != each[2]]
        if differ:
            place, text, another = differ[0]
            pipe.note(
                f"{len(differ):,} of {len(pairs):,} items have another text in {other.name} than in {first.name}; the first is "
                f"record {place + 1}: {_short(text)} and {_short(another)}; --id-field NAME matches items by a field"
            )


def _short(text: str) -> str:
    return f"“{text[:_SHOWN]}{'…' if len(text) > _SHOWN else ''}”"


def vectors(found: Sequence[Embedding], rows: NDArray[np.int64], measure: str) -> tuple[list[NDArray[np.float32]], int]:
    """The vectors of the items in each of the files, (N, D) each, and how many items were left out since they have no
    direction in one of them.

    Raises:
        RunError: too few are left.
    """
    import numpy as np

    from nlptool.geometry import rsa

    chosen = [np.asarray(each.items.vectors[own], np.float32) for each, own in zip(found, rows, strict=True)]
    kept = np.logical_and.reduce([rsa.has_direction(each, measure) for each in chosen])
    n_left_out = int(np.count_nonzero(~kept))
    if len(kept) - n_left_out < FEWEST:
        raise RunError(
            f"{n_left_out:,} of {len(kept):,} items have a vector without a direction, such as one of zeros: too few are left",
            hint="--measure euclidean needs none",
        )
    return [each[kept] for each in chosen], n_left_out


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
    from nlptool.geometry import correlation, rsa

    n_items = len(vectors[0])
    reference, *others = (rsa.centered_ranks(rsa.distances(each, measure)) for each in vectors)
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
        said = {"first": names[0], "second": names[index + 1], "items": n_items}
        records.append({**said, **scores, "dimensions": [vectors[0].shape[1], other.shape[1]]})
    if len(others) > 1:
        mean = rsa.mean(rhos)
        scores = _scores(mean, rsa.p_value(mean, chance.mean(axis=1)), rsa.mean(taus), rsa.mean(ckas))
        lower, upper = map(correlation.round_score, rsa.noise_ceiling(others))
        said = {"first": names[0], "second": f"mean of {len(others)}", "items": n_items}
        records.append({**said, **scores, "noise_ceiling": {"lower": lower, "upper": upper}})
    return records


def _scores(spearman: float | None, p_value: float | None, kendall: float | None, cka: float | None) -> dict[str, Any]:
    from nlptool.geometry.correlation import round_score

    digits = p_value and float(f"{p_value:.4g}")
    return {
        "spearman": round_score(spearman),
        "p_value": digits,
        "kendall": round_score(kendall),
        "cka": round_score(cka),
    }


def refuse_too_many(n_items: int, n_embeddings: int, memory: int) -> None:
    """
    Raises:
        RunError: their distances need more than ``memory`` bytes.
    """
    from nlptool.geometry import rsa
    from nlptool.geometry.similarity import format_size

    needed = rsa.memory_needed(n_items, n_embeddings)
    if needed > memory:
        fitting = int(n_items * (memory / needed) ** 0.5)
        raise RunError(
            f"{n_items:,} items have {n_items * (n_items - 1) // 2:,} distances, which need {format_size(needed)} of memory, and "
            f"--memory is {format_size(memory)}",
            hint=f"--sample {fitting} takes so many of the items at random; --memory {format_size(needed)} takes all",
        )
