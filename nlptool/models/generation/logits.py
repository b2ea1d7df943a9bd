"""Penalties and exclusions: what is changed of the logits of the next token before one is chosen.

They are those of the LogitsProcessors of transformers, in their order: penalties on what the source and the text have, n-grams,
sequences of tokens that are never generated, the least length, and tokens that do not begin a text.

Source of the penalty: N. S. Keskar et al.: CTRL, A Conditional Transformer Language Model for Controllable Generation (2019);
here logits below 0 are multiplied by it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nlptool.models.generation.arrays import Array
from nlptool.models.generation.constraints import DecoderConstraints
from nlptool.models.generation.decoding import Decoding


class Processor:
    """Changes the logits of a batch.

    Args:
        sources: token ids; what texts repeat of them is penalized or excluded.
        prefixes: the tokens that stand before the text of each source.

    Attributes:
        penalizes: logits are changed that stay possible.
    """

    def __init__(
        self,
        decoding: Decoding,
        constraints: DecoderConstraints,
        sources: Sequence[Sequence[int]],
        prefixes: Sequence[Sequence[int]],
    ) -> None:
        self._decoding = decoding
        self._prefixes = [list(prefix) for prefix in prefixes]
        self._sources = [np.array(source) for source in sources]
        self._ends = list(constraints.end_ids)
        self._never = [ids[0] for ids in constraints.suppressed if len(ids) == 1]
        self._sequences = [ids for ids in constraints.suppressed if len(ids) > 1]
        self.penalizes = decoding.repetition_penalty != 1 or decoding.source_repetition_penalty != 1

    def __call__(self, logits: Array, texts: NDArray[np.int64], sources: NDArray[np.int64]) -> None:
        """Change logits (R, V) in place; what must not come next is -inf. Tokens that the vocabulary lacks, as those of a source
        in another one, are left out.

        Args:
            texts: (R, n), the tokens so far.
            sources: (R,), the index of each row's source.
        """
        self._penalize(logits, texts, sources)
        decoding, length = self._decoding, texts.shape[1]
        tokens = [*self._never, *(self._ends if length < (decoding.min_new_tokens or 0) else ())]
        if not length:
            tokens += decoding.not_first
        n_tokens = logits.shape[1]
        logits[:, [id for id in tokens if id < n_tokens]] = -np.inf
        if self._sequences or decoding.no_repeat_ngram or decoding.no_repeat_source_ngram:
            for row, (text, source) in enumerate(zip(texts.tolist(), sources, strict=True)):
                excluded = self._excluded(self._prefixes[source] + text, self._sources[source])
                logits[row, [id for id in excluded if id < n_tokens]] = -np.inf

    def _penalize(self, logits: Array, texts: NDArray[np.int64], sources: NDArray[np.int64]) -> None:
        for row, (text, source) in enumerate(zip(texts.tolist(), sources, strict=True)) if self.penalizes else ():
            for ids, penalty in (
                (self._sources[source].tolist(), 1 / self._decoding.source_repetition_penalty),
                (self._prefixes[source] + text, self._decoding.repetition_penalty),
            ):
                known = sorted(id for id in set(ids) if id < logits.shape[1]) if penalty != 1 else []
                if known:
                    values = logits[row, known]
                    negative = values < 0
                    values[negative] *= penalty
                    values[~negative] /= penalty
                    logits[row, known] = values

    def _excluded(self, tokens: list[int], source: NDArray[np.int64]) -> list[int]:
        """Return the tokens that must not follow ``tokens``, the prefix and the text so far."""
        excluded = [ids[-1] for ids in self._sequences if tuple(tokens[1 - len(ids) :]) == ids[:-1]]
        text = np.array(tokens)
        for inside, size in ((text, self._decoding.no_repeat_ngram), (source, self._decoding.no_repeat_source_ngram)):
            if size:
                excluded += _completing(text, inside, size).tolist()
        return excluded


def _completing(text: NDArray[np.int64], inside: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the tokens that after ``text`` (n,) would complete an n-gram of ``size`` tokens that is in ``inside`` (m,)."""
    if len(inside) < size or len(text) < size - 1:
        return text[:0]
    windows = np.lib.stride_tricks.sliding_window_view(inside, size)  # (m - size + 1, size)
    same: NDArray[np.bool_] = (windows[:, :-1] == text[len(text) + 1 - size :]).all(1)
    following: NDArray[np.int64] = windows[same, -1]
    return following
