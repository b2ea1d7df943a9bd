"""The n-gram language model: the probability of a token, given at most n - 1 tokens before it.

The model is kept in the form of S. Katz (Estimation of Probabilities from Sparse Data, 1987), in which ARPA files are written
too:

    P(w | h) = probability of the n-gram h w, if it is there
             = backoff(h) P(w | h without its first token) otherwise; backoff(h) is 1 if the n-gram h is not there

An interpolated model is one of these: the probabilities of its n-grams have the share of the lower orders in them, and its
backoff is the weight of the lower orders (S. Chen, J. Goodman: An Empirical Study of Smoothing Techniques for Language
Modeling, 1998, section 2.8). ``training/language/kneser_ney`` estimates such a model; ``arpa`` reads those of KenLM, SRILM and
others.

A token is a number from 0 to V - 1. Two of them are markers: ``begin`` stands before a document, is a context and never
predicted; ``end`` stands behind it and is predicted. Unknown words are a token like all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.models.language.ngram_trie import Ids, Level


class NgramModel:
    """An n-gram language model in arrays.

    Args:
        levels: the n-grams of each order from 1; at order 1, those of the whole vocabulary.
        begin: token before a document. Its probability is 0.
        end: token behind a document.
        discounts: of modified Kneser-Ney smoothing, those of the counts 1, 2, and 3 and more at each order, (N, 3); None if the
            model was not estimated here.
    """

    def __init__(
        self, levels: Sequence[Level], begin: int, end: int, discounts: NDArray[np.float64] | None = None
    ) -> None:
        self.levels = tuple(levels)
        self.begin, self.end, self.discounts = begin, end, discounts

    @property
    def order(self) -> int:
        """Tokens of the longest n-grams, N."""
        return len(self.levels)

    @property
    def n_words(self) -> int:
        """Tokens of the vocabulary, V, markers included."""
        return len(self.levels[0])

    @property
    def n_ngrams(self) -> tuple[int, ...]:
        """The number of n-grams of each order, from 1."""
        return tuple(map(len, self.levels))

    def score(self, ids: NDArray[Any], lengths: NDArray[Any] | None = None) -> NDArray[np.float64]:
        """Return the log-probability of each token, given those before it in its sequence.

        A document as the model has learned it begins with ``begin`` and ends with ``end``. A sequence without them is a piece
        from
        somewhere: its first tokens have a shorter context.

        Args:
            ids: the tokens of all sequences, one after another, (T,) whole numbers.
            lengths: tokens of each sequence, (S,), together T; None for one sequence. Sequences that begin with ``begin`` need
                no lengths: no context reaches beyond it.

        Returns:
            Natural logarithms, at most 0, (T,); 0 for ``begin``, which is given and not predicted.

        Raises:
            ValueError: a number is no token, or the lengths are not those of ``ids``.
        """
        tokens = self._tokens(ids)
        starts = self._starts(lengths, len(tokens))
        probabilities = self.levels[0].probabilities[tokens].astype(np.float64)
        ending = tokens  # the index of the n-gram that ends at each token, -1 if it is not there
        for above, level in zip(self.levels, self.levels[1:], strict=False):
            contexts = np.full(len(tokens), -1, np.int64)  # the n-gram that ends before each token
            contexts[1:] = ending[:-1]
            contexts[starts] = -1
            known = np.flatnonzero(contexts >= 0)
            if not len(known):
                break
            contexts = contexts[known]
            found = level.find(contexts, tokens[known])
            is_seen = found >= 0
            probabilities[known[is_seen]] = level.probabilities[found[is_seen]]
            probabilities[known[~is_seen]] *= above.backoffs[contexts[~is_seen]]
            ending = np.full(len(tokens), -1, np.int64)
            ending[known] = found
        probabilities[tokens == self.begin] = 1
        with np.errstate(divide="ignore"):  # a model from elsewhere can give a probability of 0
            return np.log(probabilities)

    def distribution(self, context: NDArray[Any] | Sequence[int]) -> NDArray[np.float64]:
        """Return the probability of each token after a context, (V,) float64; they sum to 1, and that of ``begin`` is 0.

        Args:
            context: tokens, of which the last N - 1 count; at the beginning of a document, ``begin`` alone.

        Raises:
            ValueError: a number is no token.
        """
        tokens = self._tokens(np.asarray(context, np.int64))[-self.order :].tolist()
        probabilities = self.levels[0].probabilities.astype(np.float64)
        for length in range(1, min(len(tokens), self.order - 1) + 1):
            node = self._node(tokens[-length:])
            if node >= 0:
                level = self.levels[length]
                place = level.children(node)
                probabilities *= self.levels[length - 1].backoffs[node]
                probabilities[level.words[place]] = level.probabilities[place]
        return probabilities

    def _node(self, tokens: list[int]) -> int:
        """Return the index of an n-gram in its level, -1 if it is not there."""
        node = tokens[0]
        for level, token in zip(self.levels[1:], tokens[1:], strict=False):
            node = level.index(node, token)
            if node < 0:
                break
        return node

    def _tokens(self, ids: NDArray[Any]) -> Ids:
        """Return numbers as int64; a ValueError if one is no token."""
        tokens = np.asarray(ids, np.int64)
        if tokens.ndim != 1 or (len(tokens) and (tokens.min() < 0 or tokens.max() >= self.n_words)):
            raise ValueError(f"tokens are a row of numbers from 0 to {self.n_words - 1}")
        return tokens

    @staticmethod
    def _starts(lengths: NDArray[Any] | None, n_tokens: int) -> Ids:
        """Return where sequences begin among the tokens."""
        if lengths is None:
            return np.zeros(min(n_tokens, 1), np.int64)
        ends = np.cumsum(lengths, dtype=np.int64)
        if (np.asarray(lengths) < 0).any() or (int(ends[-1]) if len(ends) else 0) != n_tokens:
            raise ValueError("the lengths of the sequences do not add up to the tokens")
        starts = np.concatenate([[0], ends[:-1]])[: len(ends)]
        return starts[starts < n_tokens]
