"""How `cluster` finds clusters, and the calls that do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.geometry import density, kmeans, merging
from nlptool.geometry.clusters import Clusters, described
from nlptool.geometry.communities import communities
from nlptool.geometry.similarity import format_size

METHODS = ("kmeans", "agglomerative", "hdbscan", "communities")


@dataclass(frozen=True, slots=True)
class Settings:
    """How clusters are found.

    Attributes:
        method: one of ``METHODS``.
        k: number of clusters, of kmeans and agglomerative; None: chosen by the silhouette, unless there is a threshold.
        threshold: least cosine, of agglomerative and communities.
        linkage: one of ``geometry.merging.LINKAGES``, of agglomerative.
        min_size: fewest members, of hdbscan and communities.
        seed: of the random numbers of kmeans.
        memory: bytes for the distances of all pairs, of agglomerative and hdbscan.
    """

    method: str = "kmeans"
    k: int | None = None
    threshold: float | None = None
    linkage: str = "average"
    min_size: int = 5
    seed: int = 1
    memory: int = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """The clusters, and how they were found.

    Attributes:
        entry: what the records say of it, beside the method and the number of clusters.
        scores: k -> silhouette, of those among which k was chosen; none if it was not.
    """

    clusters: Clusters
    entry: dict[str, Any]
    scores: dict[int, float]


def find(vectors: NDArray[np.float32], settings: Settings, *, report: Callable[[int], None]) -> Found:
    """Find clusters.

    Args:
        vectors: of unit length, (N, D).
        report: is told how many vectors have been compared, where that takes long.

    Raises:
        RunError: there are fewer vectors than clusters, or too many for the memory.
    """
    if settings.k is not None and settings.k > len(vectors) > 0:
        raise RunError(
            f"-k {settings.k:,} clusters, and there are {len(vectors):,} records with a vector",
            hint="-k auto chooses a number",
        )
    if not len(vectors):
        return Found(Clusters.none(0), {}, {})
    match settings.method:
        case "kmeans":
            return _kmeans(vectors, settings)
        case "agglomerative":
            return _agglomerative(vectors, settings)
        case "hdbscan":
            return _hdbscan(vectors, settings)
    return _communities(vectors, settings, report)


def _kmeans(vectors: NDArray[np.float32], settings: Settings) -> Found:
    scores: dict[int, float] = {}
    k = settings.k
    if k is None:
        some = kmeans.sample(vectors, seed=settings.seed)
        starts = (
            kmeans.STARTS if len(some) == len(vectors) else 1
        )  # if these are all, they are the clusters that are written
        scores = kmeans.silhouettes(some, lambda k: kmeans.kmeans(some, k, seed=settings.seed, starts=starts)[0])
        k = kmeans.best(scores)
    numbers, centres = kmeans.kmeans(vectors, min(k, len(vectors)), seed=settings.seed)
    found = described(vectors, numbers, centres)
    return Found(found, {**_silhouette(len(found.centres), scores), "seed": settings.seed}, scores)


def _agglomerative(vectors: NDArray[np.float32], settings: Settings) -> Found:
    _check_room(merging.memory_needed(len(vectors)), merging.most_items(settings.memory), len(vectors), settings)
    tree = merging.Tree(vectors, settings.linkage)
    if settings.threshold is not None:
        found = described(vectors, tree.within(settings.threshold))
        return Found(found, {"linkage": settings.linkage, "threshold": settings.threshold}, {})
    scores = kmeans.silhouettes(vectors, tree.into) if settings.k is None else {}
    found = described(vectors, tree.into(kmeans.best(scores) if settings.k is None else settings.k))
    return Found(found, {"linkage": settings.linkage, **_silhouette(len(found.centres), scores)}, scores)


def _hdbscan(vectors: NDArray[np.float32], settings: Settings) -> Found:
    _check_room(density.memory_needed(len(vectors)), density.most_items(settings.memory), len(vectors), settings)
    return Found(described(vectors, density.hdbscan(vectors, settings.min_size)), {"min_size": settings.min_size}, {})


def _communities(vectors: NDArray[np.float32], settings: Settings, report: Callable[[int], None]) -> Found:
    threshold = settings.threshold or 0.0
    numbers, central = communities(vectors, threshold, settings.min_size, report=report)
    entry = {"threshold": threshold, "min_size": settings.min_size}
    return Found(described(vectors, numbers, vectors[central]), entry, {})


def _silhouette(k: int, scores: dict[int, float]) -> dict[str, Any]:
    return {"silhouette": round(scores[k], 4)} if k in scores else {}


def _check_room(needed: int, most: int, n_vectors: int, settings: Settings) -> None:
    """Refuse work that would need too much memory, before it begins.

    Raises:
        RunError: it would.
    """
    if needed > settings.memory:
        raise RunError(
            f"--method {settings.method} compares all {n_vectors:,} records with each other in memory, {format_size(needed)}; "
            f"--memory {format_size(settings.memory)} is enough for {most:,}",
            hint=f"--memory {format_size(needed)}, or --method kmeans or communities, which need little",
        )
