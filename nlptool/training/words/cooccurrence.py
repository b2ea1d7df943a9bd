"""Word vectors by counting: how often a word stands near each context word, and what can be made of that.

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

MOST = 1_000_000_000  # numbers in a matrix of counts


@dataclass(frozen=True, slots=True)
class CooccurrenceSettings:
    """The options of a count model."""

    method: str = "ppmi"  # counts | ppmi | svd
    dim: int = 100  # of svd
    window: int = 5  # words on each side
    contexts: tuple[str, ...] = ()  # context words
    n_contexts: int = 2000  # or so many of the most frequent
    smoothing: float = 0.75  # power of the contexts' counts
    center: bool = False  # take each vector's mean from it
    seed: int = 1


def train(
    corpus: Corpus,
    vocabulary: Vocabulary,
    settings: CooccurrenceSettings,
    *,
    report: Callable[[int], None] = lambda n_words: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[NDArray[np.float32], list[str]]:
    """Count vectors for all words of ``vocabulary``.

    Args:
        report, stop: see ``cooccurrences``.

    Returns:
        vectors: (V, D), and the context words: what the columns of counts and ppmi mean.

    Raises:
        RunError: a context word is not in the vocabulary, or the matrix would be too large or too small.
    """
    contexts = _places(vocabulary, settings)
    n_words, n_contexts = len(vocabulary.words), len(contexts)
    if settings.method == "svd":
        if settings.dim > min(n_words, n_contexts):
            raise RunError(
                f"--dim {settings.dim} is more than the {min(n_words, n_contexts):,} words or contexts there are",
                hint="give a smaller --dim",
            )
    elif n_words * n_contexts > MOST:
        raise RunError(
            f"{n_words:,} words × {n_contexts:,} contexts are {4 * n_words * n_contexts / 1e9:.1f} GB",
            hint="fewer --n-contexts, --max-words, or --method svd",
        )
    matrix = cooccurrences(corpus, vocabulary, contexts, settings.window, report=report, stop=stop)
    if settings.method != "counts":
        matrix = positive_pmi(matrix, smoothing=settings.smoothing)
    if settings.method == "svd":
        vectors = truncated_svd(matrix, settings.dim, seed=settings.seed)
    else:
        vectors = np.asarray(matrix.toarray(), np.float32)
        vectors = centred(vectors) if settings.center else vectors
    return vectors, [vocabulary.words[i] for i in contexts]


def _places(vocabulary: Vocabulary, settings: CooccurrenceSettings) -> NDArray[np.int64]:
    """Where the context words are in the vocabulary."""
    if not settings.contexts:
        return np.arange(min(settings.n_contexts, len(vocabulary.words)))
    places = {word: index for index, word in enumerate(vocabulary.words)}
    if missing := [word for word in settings.contexts if word not in places]:
        raise RunError(
            f"the vocabulary lacks the context words {', '.join(missing)}",
            hint="--min-count 1 takes every word of the corpus in",
        )
    return np.asarray([places[word] for word in dict.fromkeys(settings.contexts)])


def cooccurrences(
    corpus: Corpus,
    vocabulary: Vocabulary,
    contexts: NDArray[np.int64],
    window: int,
    *,
    report: Callable[[int], None] = lambda n_words: None,
    stop: Callable[[], bool] = lambda: False,
) -> scipy.sparse.csr_array:
    """How often each context word stands within ``window`` words of each word, in one sentence.

    Words that are not in the vocabulary take no place, as in word2vec.

    Args:
        contexts: (C,) indices of words.
        report: is told how many words of the corpus have been counted.
        stop: is asked after each million words; once it says yes the rest is left.

    Returns:
        counts[i, j]: (V, C) int64, of word i and context j.
    """
    n_words, n_contexts = len(vocabulary.words), len(contexts)
    column = np.full(n_words, -1, np.int64)
    column[contexts] = np.arange(n_contexts)
    total = scipy.sparse.csr_array((n_words, n_contexts), dtype=np.int64)
    n_done = 0
    for chunk, lengths in corpus.passes(vocabulary.index):
        ids, left = kept(chunk, lengths, chunk >= 0)
        sentence = np.repeat(np.arange(len(left)), left)
        for distance in range(1, min(window, len(ids) - 1) + 1):
            together = sentence[distance:] == sentence[:-distance]
            first, second = ids[:-distance][together], ids[distance:][together]
            for word, context in ((first, second), (second, first)):
                columns = column[context]
                near = columns >= 0
                ones = np.ones(int(near.sum()), np.int64)
                total += scipy.sparse.csr_array(
                    scipy.sparse.coo_array((ones, (word[near], columns[near])), shape=total.shape)
                )
        n_done += len(chunk)
        report(n_done)
        if stop():
            break
    return total


def positive_pmi(
    counts: scipy.sparse.csr_array, *, smoothing: float = 0.75, shift: float = 0.0
) -> scipy.sparse.csr_array:
    """Positive pointwise mutual information, max(0, log(P(w, c) / (P(w) P(c))) - shift), in nats.

    Args:
        counts: (V, C).
        smoothing: P(c) is of counts raised to this power, which takes weight from rare contexts; 1: as they are.
        shift: log k for k negative samples of word2vec.

    Returns:
        (V, C) float64, with the positive values alone.
    """
    table = scipy.sparse.coo_array(counts.astype(np.float64))
    words = np.asarray(counts.sum(axis=1), np.float64).ravel()
    contexts = np.asarray(counts.sum(axis=0), np.float64).ravel() ** smoothing
    rows, columns = table.coords
    values = np.log(table.data * contexts.sum() / (words[rows] * contexts[columns])) - shift
    above = values > 0
    return scipy.sparse.csr_array((values[above], (rows[above], columns[above])), shape=counts.shape)


def truncated_svd(matrix: Any, dim: int, *, power: float = 0.5, seed: int = 1) -> NDArray[np.float32]:
    """The ``dim`` strongest directions of ``matrix`` (V, C): U Σ**power, (V, dim) float32.

    Source: N. Halko, P. Martinsson, J. Tropp: Finding Structure with Randomness (SIAM Review 2011).
    """
    left, values, _ = randomized_svd(matrix, dim, n_iter=7, random_state=seed)
    return np.ascontiguousarray(left * values**power, dtype=np.float32)


def centred(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row less its own mean: the cosine of two rows is then Pearson's correlation of the originals."""
    return np.asarray(vectors - vectors.mean(axis=1, keepdims=True), np.float32)
