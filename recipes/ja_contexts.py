"""Word vectors by counting, without a training: what stands around a word, told in the vectors of other words.

``windows`` gives each word the mean of the known vectors of the words beside it, weighted by their positive pointwise mutual
information: the words of a corpus are put into a space in which other words are known already. ``topics`` does so with the
paragraphs and documents a word stands in: a capital meets the words of its country there.

Sources: M. Khodak et al.: A La Carte Embedding (ACL 2018); O. Levy, Y. Goldberg, I. Dagan: Improving Distributional Similarity
with Lessons Learned from Word Embeddings (TACL 2015).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from ja_units import Part, Units
from numpy.typing import NDArray

SEED = 20
WINDOW = 5  # words on each side; the weight falls with the distance
N_CONTEXTS = 24_000  # the most frequent words
OLD_SHARE = 0.4  # of the old works
SAMPLE = 1e-5  # more frequent words are left out at random, as in word2vec
LEAST_PMI, SHIFT = 0.7, 0.35
TOO_FREQUENT = 300  # words that say nothing about the topic

Floats = NDArray[np.float32]


def windows(
    units: Units,
    words: NDArray[np.int64],
    counts: NDArray[np.float64],
    known: Floats,
    times: Mapping[str, float],
    *,
    work: Path,
) -> Floats:
    """Return the sum of the vectors of the words beside each word, weighted by PPMI, (V, D).

    Args:
        words: (V,) numbers of units, the most frequent first.
        counts: (V,) their frequencies.
        known: (V, D) vectors of the words, zeros if unknown.
        times: how often a source of the modern text counts.
    """
    path = work / "windows.npz"
    if not path.exists():
        sp.save_npz(path, _cooccurrences(units, words, counts, times), compressed=False)
    matrix = sp.load_npz(path)
    rows = np.asarray(matrix.sum(axis=1), np.float32).ravel()
    columns = np.asarray(matrix.sum(axis=0)).ravel() ** 0.75
    columns = (columns / columns.sum()).astype(np.float32)
    row_of = np.repeat(np.arange(len(rows), dtype=np.int32), np.diff(matrix.indptr))
    rows[rows == 0] = 1
    pmi = np.log(matrix.data / (rows[row_of] * columns[matrix.indices] + 1e-12))
    is_kept = pmi > LEAST_PMI
    ends = np.concatenate([[0], np.cumsum(is_kept)])[matrix.indptr]
    weights = sp.csr_matrix((pmi[is_kept] - SHIFT, matrix.indices[is_kept], ends), shape=matrix.shape)
    return np.asarray(weights @ known[:N_CONTEXTS], np.float32)


def _cooccurrences(
    units: Units, words: NDArray[np.int64], counts: NDArray[np.float64], times: Mapping[str, float]
) -> sp.csr_matrix:
    """Count the context words (C) around each word (V), with the compounds of the modern text joined, and again apart."""
    rng = np.random.default_rng(SEED)
    rank = np.full(len(units.surfaces), -1)
    rank[words] = np.arange(len(words))
    share = counts / counts.sum()
    kept = np.minimum(1, np.sqrt(SAMPLE / share) + SAMPLE / share)
    total = sp.csr_matrix((len(words), N_CONTEXTS), dtype=np.float32)
    for name, joined in (("modern", 1.0), ("modern", 0.0), ("old", 0.5)):
        part = units.parts[name]
        ranks, lines = _ranks(part, joined, rank, rng)
        line_weight = np.repeat([times.get(source, 1.0) for source in part.sources], part.n_lines)
        if name == "old":
            is_used = np.repeat(rng.random(len(part.sources)) < OLD_SHARE, part.n_lines)[lines]
            ranks, lines, line_weight = ranks[is_used], lines[is_used], np.ones(len(line_weight))
        is_drawn = (ranks >= 0) & (rng.random(len(ranks)) < np.where(ranks >= 0, kept[ranks], 0))
        ranks, lines = ranks[is_drawn], lines[is_drawn]
        for distance in range(1, WINDOW + 1):
            is_same = lines[:-distance] == lines[distance:]
            left, right = ranks[:-distance][is_same], ranks[distance:][is_same]
            weight = line_weight[lines[:-distance][is_same]] * ((WINDOW + 1 - distance) / WINDOW / 2)
            for word, context in ((left, right), (right, left)):
                is_context = context < N_CONTEXTS
                pairs = (weight[is_context].astype(np.float32), (word[is_context], context[is_context]))
                total = total + sp.coo_matrix(pairs, shape=total.shape).tocsr()
    return total


def _ranks(
    part: Part, joined: float, rank: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the rank of each word of a view, -1 for one that has none, and its line."""
    words, ends = part.view(joined, rng)
    return rank[words].astype(np.int32), np.repeat(np.arange(len(ends), dtype=np.int32), np.diff(ends, prepend=0))


def topics(units: Units, words: NDArray[np.int64], known: Floats, times: Mapping[str, float]) -> tuple[Floats, Floats]:
    """Return the sums of the topics of the modern paragraphs, and of the documents, in which each word stands, (V, D) both.

    A topic is the sum of the ``known`` vectors of the words that are there, weighted by tf-idf.
    """
    ranks, lines, documents, often = _modern(units, words, times)
    of_paragraphs = _topics(ranks, lines, known, np.repeat(often, units.parts["modern"].n_lines))
    return of_paragraphs, _topics(ranks, documents, known, often)


def documents(units: Units, words: NDArray[np.int64], times: Mapping[str, float]) -> sp.csr_matrix:
    """Return which modern documents each word stands in: unit rows (V, N) of tf-idf, so that long documents weigh less."""
    ranks, _, places, often = _modern(units, words, times)
    matrix, lengths = _tf_idf(ranks, places, (len(words), len(often)))
    matrix = matrix @ sp.diags(np.sqrt(often / lengths).astype(np.float32)).tocsr()
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()) + 1e-6
    return (sp.diags((1 / norms).astype(np.float32)).tocsr() @ matrix).astype(np.float32)


def _modern(
    units: Units, words: NDArray[np.int64], times: Mapping[str, float]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], Floats]:
    """Return for each word of the modern text that is not too frequent its rank, its line and its document, (T,) each; and how
    often each document counts, (N,)."""
    rank = np.full(len(units.surfaces), -1)
    rank[words] = np.arange(len(words))
    part = units.parts["modern"]
    ranks, lines = _ranks(part, 0.5, rank, np.random.default_rng(SEED))
    is_used = ranks >= TOO_FREQUENT
    ranks, lines = ranks[is_used], lines[is_used]
    documents = np.repeat(np.arange(len(part.sources), dtype=np.int32), part.n_lines)[lines]
    often = np.array([times.get(source, 1.0) for source in part.sources], np.float32)
    return ranks, lines, documents, often


def _tf_idf(
    ranks: NDArray[np.int32], places: NDArray[np.int32], shape: tuple[int, int]
) -> tuple[sp.csr_matrix, Floats]:
    """Return (1 + log tf) × idf of the words and places, (V, N), and the lengths of the places, (N,)."""
    matrix = sp.coo_matrix((np.ones(len(ranks), np.float32), (ranks, places)), shape=shape).tocsr()
    matrix.data = 1 + np.log(matrix.data)
    idf = np.log(shape[1] / np.maximum(np.diff(matrix.indptr), 1) + 1).astype(np.float32)
    matrix = sp.diags(idf).tocsr() @ matrix
    return matrix, np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel()) + 1e-6


def _topics(ranks: NDArray[np.int32], places: NDArray[np.int32], known: Floats, weights: Floats) -> Floats:
    """Return the weighted sums of the topics of the places of each word.

    Args:
        ranks, places: (T,) the words of the text, and where each stands.
        weights: of the places.
    """
    matrix, lengths = _tf_idf(ranks, places, (len(known), len(weights)))
    told = unit(matrix.T.tocsr() @ known)
    return np.asarray(matrix @ sp.diags(np.sqrt(weights / lengths).astype(np.float32)).tocsr() @ told, np.float32)


def unit(vectors: Floats) -> Floats:
    """Return vectors of length 1 (or 0)."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths == 0, 1, lengths), np.float32)
