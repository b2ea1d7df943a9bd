"""Interpolated modified Kneser-Ney smoothing as its formulas say, with dictionaries and recursion: slow, and short.

S. Chen, J. Goodman: An Empirical Study of Smoothing Techniques for Language Modeling (1998), sections 2.7 and 3.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

Gram = tuple[int, ...]


class Direct:
    """A model of documents: the probability of a token, by recursion over the orders."""

    def __init__(
        self,
        documents: Sequence[Sequence[int]],
        n_words: int,
        order: int,
        *,
        begin: int = 0,
        end: int = 1,
        least: Sequence[int] = (),
        discounts: Sequence[Sequence[float]] | None = None,
    ) -> None:
        self.n_words, self.order, self.begin = n_words, order, begin
        sequences = [(begin, *document, end) for document in documents]
        self.occurrences = Counter(
            sequence[start : start + n]
            for sequence in sequences
            for n in range(1, order + 1)
            for start in range(len(sequence) - n + 1)
        )
        before: dict[Gram, set[int]] = defaultdict(set)
        for gram in self.occurrences:
            before[gram[1:]].add(gram[0])
        self.adjusted = {  # of n-grams
            gram: n if len(gram) == order or gram[0] == begin else len(before[gram])
            for gram, n in self.occurrences.items()
            if gram != (begin,)
        }
        self.followers: dict[Gram, list[Gram]] = defaultdict(list)
        for gram in self.adjusted:
            self.followers[gram[:-1]].append(gram)
        self.least = [*least, *[least[-1] if least else 1] * order]
        self.discounts = discounts or [self._discounts(n) for n in range(1, order + 1)]

    def _discounts(self, n: int) -> list[float]:
        t = Counter(count for gram, count in self.adjusted.items() if len(gram) == n)
        found = []
        for k, fallback in ((1, 0.5), (2, 1.0), (3, 1.5)):
            if t[1] and t[k] and t[k + 1]:
                y = t[1] / (t[1] + 2 * t[2])
                discount = k - (k + 1) * y * t[k + 1] / t[k]
                found.append(discount if discount > 0 else fallback)
            else:
                found.append(fallback)
        return found

    def probability(self, word: int, context: Sequence[int]) -> float:
        if word == self.begin:
            return 0.0
        return self._probability(word, tuple(context)[max(0, len(context) - self.order + 1) :])

    def _probability(self, word: int, context: Gram) -> float:
        n = len(context) + 1
        lower = self._probability(word, context[1:]) if context else 1 / (self.n_words - 1)
        followers = {gram: self.adjusted[gram] for gram in self.followers[context]}
        total = sum(followers.values())
        if not total:
            return lower
        own = weight = 0.0
        for gram, count in followers.items():
            discount = self.discounts[n - 1][min(count, 3) - 1]
            if self.occurrences[gram] < self.least[n - 1]:
                discount = count
            weight += discount / total
            if gram[-1] == word:
                own = (count - discount) / total
        return own + weight * lower
