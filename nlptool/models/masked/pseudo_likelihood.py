"""Pseudo-log-likelihood: how likely a masked language model finds each piece of a text, given all the others.

J. Salazar et al.: Masked Language Model Scoring (ACL 2020), https://aclanthology.org/2020.acl-main.240: each piece is masked in
turn, and the log-probabilities of what stood there are added up. Pieces of one word give each other away, so that rare long words
look too likely; C. Kauf, A. Ivanova: A Better Way to Do Masked Language Model Scoring (ACL 2023),
https://aclanthology.org/2023.acl-short.80, mask the pieces to the right of the scored one in its word as well (PLL-word-l2r).

A text of n pieces is n rows of the network. Rows are made as they are needed: memory does not grow with a text's length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nlptool.models.masked.model import scored
from nlptool.models.scoring.measures import perplexity

if TYPE_CHECKING:
    from nlptool.models.masked.model import MaskedModel
    from nlptool.models.masked.tokenizer import MaskedLmTokenizer, ModelInput, TokenizedText


@dataclass(frozen=True, slots=True)
class Likelihood:
    """A text, piece by piece."""

    ids: list[int]  # (n,)
    log_probabilities: NDArray[np.float32]  # (n,), natural; NaN: a special token of the text, read and not scored
    scored: NDArray[np.bool_]  # (n,), which pieces are: all but special tokens; [UNK] is
    n_unknown: int  # pieces that are [UNK]
    window: int | None  # pieces that the network saw of a text that is too long; None: all
    truncated: bool = False  # these are its first pieces alone

    @property
    def n_pieces(self) -> int:
        """Return the number of pieces that are scored."""
        return int(self.scored.sum())

    @property
    def total(self) -> float:
        """Return the pseudo-log-likelihood, a natural logarithm, at most 0: higher is more likely."""
        return float(self.log_probabilities[self.scored].sum(dtype=np.float64))

    @property
    def perplexity(self) -> float:
        """Return the pseudo-perplexity."""
        return perplexity(self.total, self.n_pieces)


def likelihoods(
    model: MaskedModel,
    texts: Sequence[str],
    *,
    within_word: bool = False,
    truncate: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[Likelihood]:
    """Score every piece of every text; the order is kept.

    Of a text that is longer than the model takes, each piece is scored in a window of its own, with as much text before it as
    behind it where there is so much.

    Args:
        within_word: mask the pieces to the right in the same word too (Kauf and Ivanova 2023).
        truncate: score no more of a text than the model takes at once, its first pieces.
        report: is told how many pieces of how many are scored.
    """
    max_pieces = model.texts.max_pieces()
    whole = model.texts.tokenize(texts)
    tokenized_texts = [_beginning(model.texts, tokenized, max_pieces) for tokenized in whole] if truncate else whole
    unscored = model.texts.special_ids - {model.texts.unknown_id}
    is_scored = [np.array([piece not in unscored for piece in tokenized.ids], bool) for tokenized in tokenized_texts]
    log_probabilities_of = [np.full(len(tokenized.ids), np.nan, np.float32) for tokenized in tokenized_texts]
    rows = (
        (_row(model.texts, tokenized, int(position), max_pieces, within_word), (number, int(position)))
        for number, tokenized in enumerate(tokenized_texts)
        for position in np.flatnonzero(is_scored[number])
    )
    total = sum(int(known.sum()) for known in is_scored)
    for done, ((number, position), log_probabilities) in enumerate(scored(model, rows)):  # (1, V)
        report(done, total)
        log_probabilities_of[number][position] = log_probabilities[0, tokenized_texts[number].ids[position]]
    return [
        Likelihood(
            tokenized.ids,
            values,
            known,
            tokenized.n_unknown,
            max_pieces if len(tokenized.ids) > max_pieces else None,
            len(tokenized.ids) < len(all_of_it.ids),
        )
        for tokenized, all_of_it, values, known in zip(
            tokenized_texts, whole, log_probabilities_of, is_scored, strict=True
        )
    ]


def _beginning(texts: MaskedLmTokenizer, tokenized: TokenizedText, max_pieces: int) -> TokenizedText:
    """Return as much of a text as the model takes at once."""
    if len(tokenized.ids) <= max_pieces:
        return tokenized
    ids = tokenized.ids[:max_pieces]
    n_unknown = 0 if texts.unknown_id is None else ids.count(texts.unknown_id)
    return replace(tokenized, ids=ids, words=tokenized.words[:max_pieces], n_unknown=n_unknown)


def _row(
    texts: MaskedLmTokenizer, tokenized: TokenizedText, position: int, max_pieces: int, within_word: bool
) -> ModelInput:
    """Return the text, or the window of it around the piece at ``position``, with that piece masked and its logits asked for."""
    start = max(0, min(position - max_pieces // 2, len(tokenized.ids) - max_pieces))
    shown = tokenized.ids[start : start + max_pieces]
    masked = position - start
    shown[masked] = texts.mask_id
    if within_word:
        word = tokenized.words[position]
        for right in range(masked + 1, len(shown)):
            if tokenized.words[start + right] != word:
                break
            shown[right] = texts.mask_id
    return texts.model_input(shown, positions=[masked])
