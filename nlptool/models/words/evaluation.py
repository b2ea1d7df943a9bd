"""Word vectors against gold data: analogies, and similarities that people gave.

Sources: T. Mikolov et al.: Efficient Estimation of Word Representations in Vector Space (2013), questions-words.txt;
L. Finkelstein et al.: Placing Search in Context (2002), WordSim-353.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nlptool.models.words.vectors import WordVectors

_TOGETHER = 1024  # questions in one matrix product


class Vocabulary:
    """The words that count: the first so many of the vectors', by a rule for capital letters.

    Args:
        cut: words at most.
        fold: take capital and small letters as the same.
    """

    def __init__(self, vectors: WordVectors, cut: int | None, *, fold: bool) -> None:
        self.vectors = vectors
        self.size = min(cut or vectors.n_words, vectors.n_words)
        self._fold = fold

    def spellings(self, words: Sequence[str]) -> list[list[int]]:
        """For each of ``words`` its places in the vocabulary, the most frequent spelling first; none if it is not known."""
        known, asked = (self._folded(each) for each in (self.vectors.words[: self.size], words))
        places: dict[str, list[int]] = {word: [] for word in asked}
        for index, word in enumerate(known):
            if word in places:
                places[word].append(index)
        return [places[word] for word in asked]

    def _folded(self, words: Sequence[str]) -> Sequence[str]:
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
        product: by 3CosMul instead of 3CosAdd.
        report: is told how many questions have been answered.

    Returns:
        (Q,): 1 right, 0 wrong, -1 where one of the four words is not in the vocabulary.
    """
    vectors = vocabulary.vectors
    flat = vocabulary.spellings([word for question in questions for word in question])
    places = [flat[start : start + 4] for start in range(0, len(flat), 4)]
    known = [index for index, four in enumerate(places) if all(four)]
    found = np.full(len(questions), -1, np.int8)
    for start in range(0, len(known), _TOGETHER):
        some = known[start : start + _TOGETHER]
        three = np.asarray([[spellings[0] for spellings in places[i][:3]] for i in some])  # (q, 3)
        names, where = np.unique(three, return_inverse=True)
        units = vectors.unit(names)[where.reshape(three.shape)]  # (q, 3, D)
        exclude = [[index for spellings in places[i][:3] for index in spellings] for i in some]
        if product:
            best, _ = vectors.nearest_by_product(
                units[:, [1, 2]], units[:, [0]], 1, exclude=exclude, restrict=vocabulary.size
            )
        else:
            sums = units[:, 1] - units[:, 0] + units[:, 2]
            best, _ = vectors.nearest(sums, 1, exclude=exclude, restrict=vocabulary.size)
        for i, answer in zip(some, best[:, 0], strict=True):
            found[i] = answer in places[i][3]
        report(start + len(some))
    return found


def similarities(vocabulary: Vocabulary, pairs: Sequence[tuple[str, str]]) -> Iterator[float | None]:
    """The cosine of each pair; None where one of the two is not in the vocabulary."""
    flat = vocabulary.spellings([word for pair in pairs for word in pair])
    for start in range(0, len(flat), 2):
        places = flat[start : start + 2]
        if all(places):
            first, second = vocabulary.vectors.unit([spellings[0] for spellings in places])
            yield float(first @ second)
        else:
            yield None
