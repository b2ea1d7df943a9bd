"""Whether one text follows another: pairs of texts for BERT's next-sentence head.

J. Devlin et al.: BERT (NAACL 2019). The head has two outputs: 0, the second text follows the first; 1, it comes from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nlptool.models.masked.tokenizer import MaskedLmTokenizer, ModelInput, TokenizedText

_CHARACTERS_PER_PIECE = 50  # many times more than there are in any text but one of blanks


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts as the network reads them."""

    row: ModelInput
    truncated: bool  # not all of both fits
    n_unknown: int  # pieces that the vocabulary lacks
    n_first: int  # pieces of the first text, all of them
    n_second: int


def read(texts: MaskedLmTokenizer, pairs: Sequence[tuple[str, str]]) -> list[Pair]:
    """Tokenize pairs of texts, and fit each pair into one sequence."""
    max_pieces = texts.max_pieces(pair=True)
    firsts = _tokenize(texts, [first for first, _ in pairs], max_pieces, end=True)
    seconds = _tokenize(texts, [second for _, second in pairs], max_pieces, end=False)
    return [_pair(texts, first, second, max_pieces) for first, second in zip(firsts, seconds, strict=True)]


def _tokenize(texts: MaskedLmTokenizer, some: Sequence[str], max_pieces: int, *, end: bool) -> list[TokenizedText]:
    """Tokenize texts; of one much longer than ``max_pieces`` only its end or its beginning, if that is enough."""
    limit = _CHARACTERS_PER_PIECE * max_pieces
    tokenized_texts = texts.tokenize([text[-limit:] if end else text[:limit] for text in some])
    for index, text in enumerate(some):
        if len(text) > limit and len(tokenized_texts[index].ids) <= max_pieces:
            tokenized_texts[index] = texts.tokenize([text])[0]
    return tokenized_texts


def _pair(texts: MaskedLmTokenizer, first: TokenizedText, second: TokenizedText, max_pieces: int) -> Pair:
    end, beginning = fitted(first.ids, second.ids, max_pieces)
    truncated = len(end) + len(beginning) < len(first.ids) + len(second.ids)
    n_unknown = first.n_unknown + second.n_unknown
    return Pair(texts.model_input(end, beginning), truncated, n_unknown, len(first.ids), len(second.ids))


def fitted(first: Sequence[int], second: Sequence[int], max_pieces: int) -> tuple[Sequence[int], Sequence[int]]:
    """Truncate two texts to ``max_pieces`` together: the end of the first and the beginning of the second stay.

    The longer one gives way first, as with ``longest_first`` of transformers. That truncates both at their ends, and loses where
    they meet.
    """
    half = max_pieces // 2
    n_first = len(first) if len(first) <= half else max(half, max_pieces - len(second))
    first = first[max(0, len(first) - n_first) :]
    return first, second[: max_pieces - len(first)]


def margins(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N,) from the (N, 2) logits of the head: that of *is next* less that of *not next*; 0: undecided."""
    return logits[:, 0] - logits[:, 1]


def probabilities(margins: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N,) probabilities that the second text follows; of ``-margins``, that it does not. The softmax of two logits."""
    small = np.exp(-np.abs(margins))  # never overflows
    return np.where(margins >= 0, 1 / (1 + small), small / (1 + small)).astype(np.float32)
