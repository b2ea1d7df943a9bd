"""The encoder of a deep autoencoder in numpy: a stack of layers of logistic units, whose last is the code.

It computes in float64, so that what a batch changes in the last digits changes no bit, but for one in billions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class CodeNetwork:
    """The layers from the input to the code.

    Args:
        layers: the weights (n_in, n_out) and biases (n_out,) of each layer.
    """

    def __init__(self, layers: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> None:
        self._layers = [(weights.astype(np.float64), bias.astype(np.float64)) for weights, bias in layers]

    def values(self, inputs: Array) -> Array:
        """Return the inputs of the units of the code, (N, B): the code itself if its units are linear."""
        found = inputs
        for number, (weights, bias) in enumerate(self._layers):
            found = found @ weights + bias
            if number < len(self._layers) - 1:
                found = logistic(found)
        return found

    def bits(self, inputs: Array) -> NDArray[np.bool_]:
        """Return binary codes, (N, B): which units of the code are 0.5 or more."""
        return self.values(inputs) >= 0


def logistic(values: Array) -> Array:
    """Return 1 / (1 + exp(-x)), without an overflow."""
    found: Array = 0.5 * (1.0 + np.tanh(0.5 * values))
    return found
