"""Readers by a network: questions with contexts to the places of their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.models.heads.batches import BatchedNetwork, Network
from nlptool.models.readers.spans import MOST_TOKENS, FoundSpans, best_spans
from nlptool.models.readers.windows import QuestionWindows, Window
from nlptool.specs import ReaderSpec


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What a reader found in a context.

    Attributes:
        found: the best answers; None if the network gave NaN or infinity.
        n_tokens: that the network read, special tokens included.
        n_windows: in which it read them.
        is_cut: the question is longer than it may be, and its beginning was read.
    """

    found: FoundSpans | None
    n_tokens: int
    n_windows: int
    is_cut: bool


class Reader:
    """A reader by windows and a network.

    Attributes:
        threshold: probability of there being no answer above which none is given; None: the model has learned no questions
            without an answer, or does not say.
    """

    def __init__(
        self,
        windows: QuestionWindows,
        network: Network,
        about: Mapping[str, Any],
        spec: ReaderSpec,
        *,
        name: str,
        device: str,
    ) -> None:
        self.name, self.device, self.engine = name, device, network.engine
        self.threshold: float | None = about.get("threshold")
        self._windows = windows
        self._network = BatchedNetwork(network, about, spec)

    def read(self, items: Sequence[tuple[str, str]], *, k: int, most_tokens: int = MOST_TOKENS) -> list[ReadContext]:
        """Return the ``k`` best answers to questions, each with its context.

        Args:
            most_tokens: of an answer.
        """
        windows = [self._windows.of(question, context) for question, context in items]
        logits = self._logits([window for of_item in windows for window in of_item.windows])
        found, first = [], 0
        for (_, context), of_item in zip(items, windows, strict=True):
            of_windows = logits[first : first + len(of_item.windows)]
            first += len(of_item.windows)
            is_finite = all(np.isfinite(of_window).all() for of_window in of_windows)
            best = best_spans(of_item, of_windows, context, k=k, most_tokens=most_tokens) if is_finite else None
            found.append(ReadContext(best, of_item.n_tokens, len(of_item.windows), of_item.is_cut))
        return found

    def _logits(self, windows: Sequence[Window]) -> list[NDArray[np.float32]]:
        """Return the logits (T, 2) of the start and the end at each token of each window."""
        return self._network.logits(windows)
