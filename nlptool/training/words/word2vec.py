"""word2vec and fastText, trained by gensim.

gensim gets the indices of words instead of the words, in sentences from which rare words and subsampled frequent words are
removed already: it does less for each word while it holds Python's lock, and it cannot split, drop or count words differently
from the vocabulary. The vectors, the order of updates, the learning rate and the random numbers of windows and negative samples
are gensim's.

Sources: T. Mikolov et al.: Efficient Estimation of Word Representations in Vector Space (2013); Distributed Representations of
Words and Phrases and their Compositionality (NIPS 2013); P. Bojanowski et al.: Enriching Word Vectors with Subword Information
(TACL 2017).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from gensim.models import FastText, Word2Vec
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.models.words.ngrams import Ngrams
from nlptool.storage.temp_files import disk_space
from nlptool.training.tokenized_corpus import Passes, Vocabulary, kept, sentences

Report = Callable[[int, int], None]
"""Called with the number of words that the trainer has got, and the total."""


@dataclass(frozen=True, slots=True)
class Word2VecSettings:
    """The options of a training; names as in gensim where the meaning is the same."""

    skipgram: bool = True  # or CBOW
    dimension: int = 100
    window: int = 5  # context words on each side; drawn between 1 and this for each word
    negative: int = 5  # negative samples; 0: hierarchical softmax
    sample: float = 1e-3  # words more frequent than this share of the corpus are subsampled; 0: none
    epochs: int = 5
    alpha: float = 0.025  # learning rate at the beginning; decays linearly to ``min_alpha``
    min_alpha: float = 0.0001
    subwords: tuple[int, int] | None = None  # shortest and longest n-gram of fastText, in characters
    buckets: int = 250_000  # hash buckets of the n-grams
    seed: int = 1
    threads: int = 1
    fast: bool = False  # gensim's file mode


@dataclass(frozen=True, slots=True)
class Trained:
    """Trained vectors, with counts of the words that were trained."""

    vectors: NDArray[np.float32]  # (V, D)
    ngrams: Ngrams | None
    n_trained: int  # words over all epochs, without those that were removed by subsampling
    n_thinned: int  # frequent words that subsampling removed, over all epochs; with ``fast``: as gensim reports
    interrupted: bool


def train(
    corpus: Passes,
    vocabulary: Vocabulary,
    settings: Word2VecSettings,
    *,
    report: Report = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train vectors for all words of ``vocabulary``.

    Args:
        stop: called now and then; once it returns True the training ends, and the result is as trained so far.

    Raises:
        RunError: the trainer counted another number of words than it was given.
    """
    model = _model(vocabulary, settings)
    if settings.fast:
        return _train_from_file(model, corpus, vocabulary, settings, report=report, stop=stop)
    keep = _keep_probabilities(vocabulary.counts, settings.sample)
    expected = max(1, round(float((vocabulary.counts * keep).sum())))
    total = expected * settings.epochs  # nearly: subsampling is random
    source = _Sentences(
        corpus, vocabulary, keep, seed=settings.seed, report=lambda n: report(min(n, total), total), stop=stop
    )
    model.wv.key_to_index = {index: index for index in range(len(vocabulary.words))}
    n_trained, n_seen = model.train(source, total_words=expected, epochs=settings.epochs)
    if source.failure is not None:
        raise source.failure
    n_due = settings.epochs * int(vocabulary.counts.sum()) - source.n_thinned
    if not n_trained == n_seen == source.n_given or (n_trained != n_due and not source.interrupted):
        raise RunError(f"gensim trained {n_trained:,} words, {n_due:,} were due; please report it")
    return Trained(model.wv.vectors, _ngrams(model, settings), n_trained, source.n_thinned, source.interrupted)


class _Sentences:
    """The corpus as gensim reads it, once an epoch: lists of indices, without words that are not trained."""

    def __init__(
        self,
        corpus: Passes,
        vocabulary: Vocabulary,
        keep: NDArray[np.float64],
        *,
        seed: int,
        report: Callable[[int], None],
        stop: Callable[[], bool],
    ) -> None:
        self.n_given = 0
        self.n_thinned = 0
        self.interrupted = False
        self.failure: Exception | None = None
        self._corpus = corpus
        self._index = vocabulary.index
        self._keep = np.append(keep, 0.0)  # the last is for -1: a word that is not in the vocabulary
        self._subsamples = bool((keep < 1).any())
        self._random = np.random.default_rng(seed)
        self._report = report
        self._stop = stop

    def __iter__(self) -> Iterator[list[int]]:
        try:
            yield from self._epoch()
        except Exception as error:  # noqa: BLE001  # raised in gensim's thread it would leave the others waiting for ever
            self.failure, self.interrupted = error, True

    def _epoch(self) -> Iterator[list[int]]:
        for chunk, lengths in self._corpus.passes(self._index):
            in_vocabulary = chunk >= 0
            chosen = self._random.random(len(chunk)) < self._keep[chunk] if self._subsamples else in_vocabulary
            words, n_words = kept(chunk, lengths, chosen)
            if self._stops():
                return
            self.n_thinned += int(in_vocabulary.sum()) - len(words)
            n_checked = self.n_given
            for sentence in sentences(words, n_words):
                if self.n_given - n_checked > 20_000:
                    n_checked = self.n_given
                    if self._stops():
                        return
                self.n_given += len(sentence)
                yield sentence
        self._report(self.n_given)

    def _stops(self) -> bool:
        self._report(self.n_given)
        self.interrupted = self.interrupted or self._stop()
        return self.interrupted


def _model(vocabulary: Vocabulary, settings: Word2VecSettings) -> Any:
    shared = {
        "vector_size": settings.dimension, "window": settings.window, "sg": int(settings.skipgram), "epochs": settings.epochs,
        "hs": int(settings.negative == 0), "negative": settings.negative, "alpha": settings.alpha,
        "min_alpha": settings.min_alpha, "sample": settings.sample if settings.fast else 0, "seed": settings.seed,
        "workers": settings.threads, "min_count": 1, "sorted_vocab": 0,
    }  # fmt: skip
    if settings.subwords is None:
        model = Word2Vec(**shared)
    else:
        model = FastText(**shared, min_n=settings.subwords[0], max_n=settings.subwords[1], bucket=settings.buckets)
    model.build_vocab_from_freq(dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True)))
    return model


def _keep_probabilities(counts: NDArray[np.int64], sample: float) -> NDArray[np.float64]:
    """Return the probability that an occurrence of each word is trained, (V,): the formula of word2vec.c, which differs a
    little from the paper's."""
    if not sample:
        return np.ones(len(counts))
    ratio = sample * counts.sum() / counts
    return np.asarray(np.minimum(1.0, np.sqrt(ratio) + ratio))


def _train_from_file(
    model: Any,
    corpus: Passes,
    vocabulary: Vocabulary,
    settings: Word2VecSettings,
    *,
    report: Report,
    stop: Callable[[], bool],
) -> Trained:
    """Train in gensim's file mode: its threads read the text themselves, without Python's lock, each from its own position on.
    The file holds indices as digits, so that it can be split at its spaces only."""
    total = int(vocabulary.counts.sum())
    n_trained = n_seen = n_epochs = 0
    with disk_space(), tempfile.NamedTemporaryFile("w", prefix="nlptool-", suffix=".txt") as file:
        for chunk, lengths in corpus.passes(vocabulary.index):
            for sentence in sentences(*kept(chunk, lengths, chunk >= 0)):
                file.write(" ".join(map(str, sentence)) + "\n")
        file.flush()
        model.wv.key_to_index = {str(index): index for index in range(len(vocabulary.words))}
        rates = np.linspace(settings.alpha, min(settings.min_alpha, settings.alpha), settings.epochs + 1)
        for n_epochs, (start, end) in enumerate(pairwise(rates), 1):  # one by one, to be able to stop
            report((n_epochs - 1) * total, settings.epochs * total)
            trained, seen = model.train(
                corpus_file=file.name, total_words=total, epochs=1, start_alpha=float(start), end_alpha=float(end)
            )
            n_trained, n_seen = n_trained + trained, n_seen + seen
            if stop():
                break
    interrupted = n_epochs < settings.epochs
    return Trained(model.wv.vectors, _ngrams(model, settings), n_trained, n_seen - n_trained, interrupted)


def _ngrams(model: Any, settings: Word2VecSettings) -> Ngrams | None:
    return None if settings.subwords is None else Ngrams(model.wv.vectors_ngrams, *settings.subwords)
