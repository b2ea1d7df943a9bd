"""Evaluation of word vectors: analogies, and word similarity against human ratings.

Sources: T. Mikolov et al.: Efficient Estimation of Word Representations in Vector Space (2013), questions-words.txt;
L. Finkelstein et al.: Placing Search in Context (2002), WordSim-353.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nlptool.models.words.vectors import WordVectors

_BATCH_SIZE = 1024  # questions in one matrix product


class Vocabulary:
    """The most frequent words of word vectors, with a rule for capital letters.

    Args:
        limit: number of words; None: all.
        fold: ignore case.
    """

    def __init__(self, vectors: WordVectors, limit: int | None, *, fold: bool) -> None:
        self.vectors = vectors
        self.size = min(limit or vectors.n_words, vectors.n_words)
        self._fold = fold

    def indices(self, words: Sequence[str]) -> list[list[int]]:
        """Return for each of ``words`` the indices of its spellings, the most frequent first; [] for an unknown word."""
        words = self._fold_case(words)
        indices: dict[str, list[int]] = {word: [] for word in words}
        for index, word in enumerate(self._fold_case(self.vectors.words[: self.size])):
            if word in indices:
                indices[word].append(index)
        return [indices[word] for word in words]

    def _fold_case(self, words: Sequence[str]) -> Sequence[str]:
        return [word.casefold() for word in words] if self._fold else words


def analogies(
    vocabulary: Vocabulary,
    questions: Sequence[tuple[str, str, str, str]],
    *,
    product: bool = False,
    report: Callable[[int], None] = lambda done: None,
) -> NDArray[np.int8]:
    """Answer each question a : b :: c : d with the word nearest to b - a + c that is none of the three.

    Args:
        product: use 3CosMul instead of 3CosAdd.
        report: is called with the number of questions answered so far.

    Returns:
        (Q,) int8: 1 right, 0 wrong, -1 if one of the four words is not in the vocabulary.
    """
    vectors = vocabulary.vectors
    flat = vocabulary.indices([word for question in questions for word in question])
    spellings = [flat[start : start + 4] for start in range(0, len(flat), 4)]  # of the four words of each question
    known = [i for i, four in enumerate(spellings) if all(four)]
    results = np.full(len(questions), -1, np.int8)
    for start in range(0, len(known), _BATCH_SIZE):
        batch = known[start : start + _BATCH_SIZE]
        three = np.asarray([[word[0] for word in spellings[i][:3]] for i in batch])  # (q, 3)
        distinct, inverse = np.unique(three, return_inverse=True)
        units = vectors.unit(distinct)[inverse.reshape(three.shape)]  # (q, 3, D)
        exclude = [[index for word in spellings[i][:3] for index in word] for i in batch]
        if product:
            best, _ = vectors.nearest_by_product(
                units[:, [1, 2]], units[:, [0]], 1, exclude=exclude, restrict=vocabulary.size
            )
        else:
            sums = units[:, 1] - units[:, 0] + units[:, 2]
            best, _ = vectors.nearest(sums, 1, exclude=exclude, restrict=vocabulary.size)
        for i, answer in zip(batch, best[:, 0], strict=True):
            results[i] = answer in spellings[i][3]
        report(start + len(batch))
    return results


def similarities(vocabulary: Vocabulary, pairs: Sequence[tuple[str, str]]) -> Iterator[float | None]:
    """Yield the cosine of each pair; None if one of the two words is not in the vocabulary."""
    flat = vocabulary.indices([word for pair in pairs for word in pair])
    for start in range(0, len(flat), 2):
        spellings = flat[start : start + 2]
        if all(spellings):
            first, second = vocabulary.vectors.unit([word[0] for word in spellings])
            yield float(first @ second)
        else:
            yield None
