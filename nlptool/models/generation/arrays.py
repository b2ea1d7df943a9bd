"""What a search asks of the library that a decoder computes with: numpy (``numpy_arrays``) or torch (``torch_arrays``).

Shapes: R sequences, V tokens in the vocabulary.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError

if TYPE_CHECKING:
    from nlptool.models.generation.decoding import Decoding

Array = Any
"""A numpy array, or a tensor of torch on any device."""

MOST_NUMBERS = 1 << 22
"""The softmax of many rows over a large vocabulary is computed in parts."""


class Arrays(Protocol):
    """The operations of one library. What is given and returned as ``NDArray`` is in the processor's memory."""

    def computing(self) -> AbstractContextManager[object]:
        """Return a context in which no gradients are recorded."""

    def copy(self, logits: Array) -> Array:
        """Return a copy."""

    def normalizers(self, logits: Array) -> NDArray[np.float32]:
        """Return log Σ exp of each row of ``logits`` (R, V), (R,): logits less this are log-probabilities.

        Raises:
            ModelError: one is NaN or infinite.
        """

    def most_probable(self, logits: Array) -> Array:
        """Return the token with the largest of the ``logits`` (R, V) in each row, (R,); the first of equal ones."""

    def sample(self, logits: Array, decoding: Decoding, uniform: NDArray[np.float64]) -> Array:
        """Draw a token for each row of ``logits`` (R, V), with temperature, top-k and top-p.

        Args:
            uniform: (R,) random numbers in [0, 1): see ``sampling.sample``.
        """

    def values(self, logits: Array, tokens: Array) -> NDArray[np.float32]:
        """Return the logit, (R,), of each row's token."""

    def ids(self, tokens: Array) -> NDArray[np.int64]:
        """Return tokens (R,)."""

    def rows(self, indices: NDArray[np.int64], like: Array) -> Array:
        """Return indices of rows, to index ``like`` with them."""


def no_numbers() -> ModelError:
    """Return the error for logits that are NaN or infinite."""
    return ModelError("the model gives no numbers (NaN or infinity): its weights are damaged, or of another precision")
