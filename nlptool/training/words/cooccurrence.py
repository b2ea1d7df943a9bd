"""Word vectors by counting: co-occurrences of words with context words, their PPMI, and its truncated SVD.

Sources: K. Church, P. Hanks: Word Association Norms, Mutual Information, and Lexicography (1990); J. Bullinaria, J. Levy:
Extracting Semantic Representations from Word Co-occurrence Statistics (2007); O. Levy, Y. Goldberg, I. Dagan: Improving
Distributional Similarity with Lessons Learned from Word Embeddings (TACL 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from nlptool.errors import RunError
from nlptool.training.tokenized_corpus import Corpus, Vocabulary, kept

MAX_CELLS = 1_000_000_000  # of a dense matrix


@dataclass(frozen=True, slots=True)
class CooccurrenceSettings:
    """The options of a count-based model."""

    method: str = "ppmi"  # counts | ppmi | svd
    dimension: int = 100  # of svd
    window: int = 5  # context words on each side
    contexts: tuple[str, ...] = ()  # context words
    n_contexts: int = 2000  # number of the most frequent words that are context words otherwise
    smoothing: float = 0.75  # power of the contexts' counts
    center: bool = False  # subtract each vector's mean
    seed: int = 1


def train(
    corpus: Corpus,
    vocabulary: Vocabulary,
    settings: CooccurrenceSettings,
    *,
    report: Callable[[int], None] = lambda n_words: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[NDArray[np.float32], list[str]]:
    """Compute vectors for all words of ``vocabulary`` from co-occurrence counts.

    Args:
        report, stop: see ``cooccurrences``.

    Returns:
        The vectors (V, D) float32, and the context words, which are the columns of counts and ppmi.

    Raises:
        RunError: a context word is not in the vocabulary, or the matrix would be too large or too small.
    """
    contexts = _context_indices(vocabulary, settings)
    n_words, n_contexts = len(vocabulary.words), len(contexts)
    if settings.method == "svd":
        if settings.dimension > min(n_words, n_contexts):
            raise RunError(
                f"--dimension {settings.dimension} is more than the {min(n_words, n_contexts):,} words or contexts there are",
                hint="give a smaller --dimension",
            )
    elif n_words * n_contexts > MAX_CELLS:
        raise RunError(
            f"{n_words:,} words × {n_contexts:,} contexts are {4 * n_words * n_contexts / 1e9:.1f} GB",
            hint="fewer --n-contexts, --max-words, or --method svd",
        )
    matrix = cooccurrences(corpus, vocabulary, contexts, settings.window, report=report, stop=stop)
    if settings.method != "counts":
        matrix = positive_pmi(matrix, smoothing=settings.smoothing)
    if settings.method == "svd":
        vectors = truncated_svd(matrix, settings.dimension, seed=settings.seed)
    else:
        vectors = np.asarray(matrix.toarray(), np.float32)
        vectors = centred(vectors) if settings.center else vectors
    return vectors, [vocabulary.words[i] for i in contexts]


def _context_indices(vocabulary: Vocabulary, settings: CooccurrenceSettings) -> NDArray[np.int64]:
    """Return the indices of the context words in the vocabulary, (C,)."""
    if not settings.contexts:
        return np.arange(min(settings.n_contexts, len(vocabulary.words)))
    indices = {word: index for index, word in enumerate(vocabulary.words)}
    if missing := [word for word in settings.contexts if word not in indices]:
        raise RunError(
            f"the vocabulary lacks the context words {', '.join(missing)}",
            hint="--min-count 1 takes every word of the corpus in",
        )
    return np.asarray([indices[word] for word in dict.fromkeys(settings.contexts)])


def cooccurrences(
    corpus: Corpus,
    vocabulary: Vocabulary,
    contexts: NDArray[np.int64],
    window: int,
    *,
    report: Callable[[int], None] = lambda n_words: None,
    stop: Callable[[], bool] = lambda: False,
) -> scipy.sparse.csr_array:
    """Count how often each context word is within ``window`` words of each word, in the same sentence.

    Words that are not in the vocabulary are removed first, as in word2vec.

    Args:
        contexts: (C,) indices of words.
        report: called with the number of words that have been counted.
        stop: called after each million words; once it returns True the rest is skipped.

    Returns:
        counts[i, j]: (V, C) int64, of word i and context j.
    """
    n_words, n_contexts = len(vocabulary.words), len(contexts)
    column = np.full(n_words, -1, np.int64)
    column[contexts] = np.arange(n_contexts)
    total = scipy.sparse.csr_array((n_words, n_contexts), dtype=np.int64)
    n_done = 0
    for chunk, lengths in corpus.passes(vocabulary.index):
        ids, n_kept = kept(chunk, lengths, chunk >= 0)
        sentence = np.repeat(np.arange(len(n_kept)), n_kept)
        for distance in range(1, min(window, len(ids) - 1) + 1):
            same = sentence[distance:] == sentence[:-distance]
            first, second = ids[:-distance][same], ids[distance:][same]
            for word, context in ((first, second), (second, first)):
                columns = column[context]
                is_context = columns >= 0
                ones = np.ones(int(is_context.sum()), np.int64)
                total += scipy.sparse.csr_array(
                    scipy.sparse.coo_array((ones, (word[is_context], columns[is_context])), shape=total.shape)
                )
        n_done += len(chunk)
        report(n_done)
        if stop():
            break
    return total


def positive_pmi(counts: scipy.sparse.csr_array, *, smoothing: float = 0.75) -> scipy.sparse.csr_array:
    """Return the positive pointwise mutual information, max(0, log(P(w, c) / (P(w) P(c)))), in nats.

    Args:
        counts: (V, C).
        smoothing: P(c) is computed from counts raised to this power, which gives rare contexts less PMI; 1: none.

    Returns:
        (V, C) float64, sparse: positive values only.
    """
    table = scipy.sparse.coo_array(counts.astype(np.float64))
    words = np.asarray(counts.sum(axis=1), np.float64).ravel()
    contexts = np.asarray(counts.sum(axis=0), np.float64).ravel() ** smoothing
    rows, columns = table.coords
    values = np.log(table.data * contexts.sum() / (words[rows] * contexts[columns]))
    positive = values > 0
    return scipy.sparse.csr_array((values[positive], (rows[positive], columns[positive])), shape=counts.shape)


def truncated_svd(matrix: Any, dim: int, *, seed: int = 1) -> NDArray[np.float32]:
    """Return the truncated SVD of ``matrix`` (V, C): U √Σ with the ``dim`` largest singular values, (V, dim) float32.

    Source: N. Halko, P. Martinsson, J. Tropp: Finding Structure with Randomness (SIAM Review 2011).
    """
    left, values, _ = randomized_svd(matrix, dim, n_iter=7, random_state=seed)
    return np.ascontiguousarray(left * values**0.5, dtype=np.float32)


def centred(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Subtract each row's mean: the cosine of two rows is then Pearson's correlation of the originals."""
    return np.asarray(vectors - vectors.mean(axis=1, keepdims=True), np.float32)
