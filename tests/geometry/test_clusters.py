"""Clusters of vectors against scikit-learn, sentence-transformers and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nlptool.geometry import clusters, communities, density, kmeans, merging
from nlptool.geometry.silhouette import silhouette

Labels = NDArray[np.int64]


def blobs(n: int, d: int = 16, k: int = 6, *, seed: int = 1, spread: float = 0.35) -> NDArray[np.float32]:
    """Unit vectors around k directions."""
    numbers = np.random.default_rng(seed)
    rows = numbers.standard_normal((k, d))[numbers.integers(0, k, n)] + spread * numbers.standard_normal((n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def partition(labels: Labels) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist()) if label >= 0}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-1, 6), max_size=40))
def test_clusters_are_numbered_by_falling_size_and_then_by_their_first_item(found: list[int]) -> None:
    numbers, names = clusters.numbered(np.array(found, np.int64))
    expected = sorted(
        {label for label in found if label >= 0}, key=lambda label: (-found.count(label), found.index(label))
    )
    assert names.tolist() == expected
    assert numbers.tolist() == [expected.index(label) if label >= 0 else clusters.NONE for label in found]
    sizes = np.bincount(numbers[numbers >= 0], minlength=len(names))
    assert sorted(sizes.tolist(), reverse=True) == sizes.tolist()


@pytest.mark.parametrize("n", [1, 50, 9000])
def test_centres_distances_and_central_items_are_those_of_brute_force(n: int) -> None:
    rows = blobs(n)
    found = np.random.default_rng(2).integers(-1, 4, n)
    described = clusters.described(rows, found)
    for cluster, members in enumerate(
        map(np.flatnonzero, [described.numbers == c for c in range(len(described.centres))])
    ):
        centre = rows[members].astype(np.float64).mean(0)
        centre /= np.linalg.norm(centre)
        np.testing.assert_allclose(described.centres[cluster], centre, atol=1e-6)
        np.testing.assert_allclose(described.distances[members], 1 - rows[members] @ centre, atol=2e-6)
        nearest = members[np.argsort(1 - rows[members] @ described.centres[cluster], kind="stable")][:3]
        assert described.most_central(3)[cluster] == nearest.tolist()
        assert described.sizes[cluster] == len(members)
    assert np.isnan(described.distances[described.numbers == clusters.NONE]).all()


def test_the_silhouette_is_scikit_learns() -> None:
    from sklearn.metrics import silhouette_score

    for seed in range(8):
        rows = blobs(300, seed=seed)
        numbers, names = clusters.numbered(np.random.default_rng(seed).integers(0, 5 + seed, 300))
        numbers[numbers == len(names) - 1] = len(names) - 1
        expected = silhouette_score(rows.astype(np.float64), numbers, metric="cosine")
        assert silhouette(rows, numbers) == pytest.approx(expected, abs=1e-6)


def test_the_silhouette_of_a_cluster_of_one_is_0() -> None:
    from sklearn.metrics import silhouette_score

    rows = blobs(40)
    numbers = np.array([0] * 25 + [1] * 14 + [2])
    assert silhouette(rows, numbers) == pytest.approx(
        silhouette_score(rows.astype(np.float64), numbers, metric="cosine"), abs=1e-6
    )


@pytest.mark.parametrize("n", [40, 400])
def test_kmeans_finds_clusters_that_are_apart_and_each_vector_is_at_the_nearest_centre(n: int) -> None:
    numbers = np.random.default_rng(3)
    truth = numbers.permutation(np.arange(n) % 5)
    rows = np.eye(8, dtype=np.float32)[truth] + numbers.normal(0, 0.05, (n, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found, centres = kmeans.kmeans(rows, 5, seed=1)
    assert partition(found) == partition(truth)
    assert found.tolist() == (rows @ centres.T).argmax(1).tolist()
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1, atol=1e-6)


def test_kmeans_is_no_worse_than_scikit_learns_and_the_same_with_the_same_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.cluster import KMeans

    rows = blobs(3000, k=12, spread=0.8)

    def mean_cosine(found: Labels) -> float:
        return float(1 - np.nanmean(clusters.described(rows, found).distances))

    theirs = mean_cosine(KMeans(12, n_init=4, random_state=1).fit(rows).labels_)
    for few in (10_000, 500):  # by a sample, too
        monkeypatch.setattr(kmeans, "_FEW", few)
        found, centres = kmeans.kmeans(rows, 12, seed=1)
        assert mean_cosine(found) > theirs - 0.01
        assert found.tolist() == (rows @ centres.T).argmax(1).tolist()
        assert (kmeans.kmeans(rows, 12, seed=1)[0] == found).all()


def test_k_is_that_of_the_highest_silhouette() -> None:
    numbers = np.random.default_rng(4)
    rows = np.eye(9, dtype=np.float32)[np.arange(200) % 7] + numbers.normal(0, 0.05, (200, 9)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    scores = kmeans.silhouettes(rows, lambda k: kmeans.kmeans(rows, k, seed=1)[0])
    assert list(scores) == list(kmeans.CANDIDATES)
    assert kmeans.best(scores) == 7
    assert kmeans.best({}) == 1
    assert kmeans.best({2: 0.0, 3: -0.1}) == 1
    assert kmeans.best({3: 0.5, 4: 0.5, 2: 0.1}) == 3


@pytest.mark.parametrize("linkage", ["average", "complete", "single"])
def test_mergers_are_scikit_learns(linkage: str) -> None:
    from sklearn.cluster import AgglomerativeClustering

    rows = blobs(120, k=9, spread=0.6)
    tree = merging.Tree(rows, linkage)
    exact = rows.astype(np.float64)
    for k in (1, 2, 9, 60, 120):
        theirs = AgglomerativeClustering(k, metric="cosine", linkage=linkage).fit(exact).labels_
        assert partition(tree.into(k)) == partition(theirs)
    for threshold in (0.2, 0.5, 0.9):
        model = AgglomerativeClustering(None, metric="cosine", linkage=linkage, distance_threshold=1 - threshold)
        assert partition(tree.within(threshold)) == partition(model.fit(exact).labels_)


def test_mergers_of_ward_are_scikit_learns() -> None:
    from sklearn.cluster import AgglomerativeClustering

    rows = blobs(1100, k=9, spread=0.6)  # more than a block
    tree = merging.Tree(rows, merging.WARD)
    for k in (2, 9, 40):
        theirs = AgglomerativeClustering(k, linkage="ward").fit(rows.astype(np.float64)).labels_
        assert partition(tree.into(k)) == partition(theirs)


def test_the_memory_of_mergers_and_of_hdbscan() -> None:
    for module in (merging, density):
        most = module.most_items(10**9)
        assert module.memory_needed(most - 1) <= 10**9 < module.memory_needed(most + 2)


@pytest.mark.parametrize(("threshold", "min_size"), [(0.6, 2), (0.8, 5), (0.9, 10), (0.99, 2)])
@pytest.mark.parametrize("n", [60, 2500])
def test_communities_are_those_of_sentence_transformers(n: int, threshold: float, min_size: int) -> None:
    import torch
    from sentence_transformers.util import community_detection

    rows = blobs(n, k=40, spread=0.3)
    theirs = community_detection(torch.from_numpy(rows), threshold=threshold, min_community_size=min_size)
    done: list[int] = []
    found, centres = communities.communities(rows, threshold, min_size, report=done.append)
    assert partition(found) == {frozenset(community) for community in theirs}
    assert set(centres.tolist()) == {community[0] for community in theirs}
    assert [found[centre] for centre in centres] == list(range(len(centres)))
    assert done[-1] == n


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 4), st.sampled_from([0.5, 0.7, 0.95]), st.integers(2, 5), st.integers(0, 99))
def test_communities_are_those_of_brute_force(n: int, d: int, threshold: float, min_size: int, seed: int) -> None:
    rows = blobs(n, d, seed=seed)
    near = rows @ rows.T >= threshold - 1e-6
    np.fill_diagonal(near, val=True)
    left, expected = set(range(n)), set()
    for item in sorted(range(n), key=lambda item: -near[item].sum()):
        members = {other for other in left if near[item, other]}
        if item in left and near[item].sum() >= min_size and len(members) >= min_size:
            expected.add(frozenset(members))
            left -= members
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(communities, "_ROWS", 7)
        patch.setattr(communities, "_COLUMNS", 5)
        patch.setattr(communities, "_TURNS", 2)
        assert partition(communities.communities(rows, threshold, min_size)[0]) == expected


def test_hdbscan_is_scikit_learns_and_finds_noise() -> None:
    from sklearn.cluster import HDBSCAN

    numbers = np.random.default_rng(5)
    rows = np.concatenate([blobs(200, 6, 4, spread=0.05), blobs(30, 6, 30, seed=9)])[numbers.permutation(230)]
    found = density.hdbscan(rows, 8)
    assert partition(found) == partition(HDBSCAN(min_cluster_size=8, copy=True).fit(rows.astype(np.float64)).labels_)
    assert len(partition(found)) == 4
    assert 10 < (found < 0).sum() < 60
    assert (density.hdbscan(rows[:7], 8) == -1).all()
