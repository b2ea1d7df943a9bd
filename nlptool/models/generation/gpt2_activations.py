"""Activation functions in numpy, under the names that transformers has for them. Each may change the array that it is given."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_ERF = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
_ERF_STEP = 0.3275911
"""M. Abramowitz, I. A. Stegun: Handbook of Mathematical Functions (1964), formula 7.1.26; its error is at most 1.5e-7."""


def gelu_tanh(values: Floats) -> Floats:
    """Return x / 2 (1 + tanh(√(2/π) (x + 0.044715 x³))): D. Hendrycks, K. Gimpel: Gaussian Error Linear Units (2016)."""
    inner = values * values
    inner *= 0.044715
    inner += 1
    inner *= values
    inner *= math.sqrt(2 / math.pi)
    np.tanh(inner, out=inner)
    inner += 1
    inner *= values
    inner *= 0.5
    return inner


def gelu(values: Floats) -> Floats:
    """Return x / 2 (1 + erf(x / √2))."""
    distance = np.abs(values)
    distance *= math.sqrt(0.5)
    step = 1 / (1 + _ERF_STEP * distance)
    polynomial = np.zeros_like(step)
    for factor in reversed(_ERF):
        polynomial += factor
        polynomial *= step
    polynomial *= np.exp(-distance * distance)  # 1 - erf of the distance
    found: Floats = 0.5 * values * (1 + np.copysign(1 - polynomial, values))
    return found


def relu(values: Floats) -> Floats:
    return np.maximum(values, 0, out=values)


def silu(values: Floats) -> Floats:
    """Return x times its logistic function."""
    return values * _logistic(values)


def quick_gelu(values: Floats) -> Floats:
    """Return x times the logistic function of 1.702 x."""
    return values * _logistic(1.702 * values)


def tanh(values: Floats) -> Floats:
    return np.tanh(values, out=values)


def _logistic(values: Floats) -> Floats:
    found: Floats = 0.5 * (1 + np.tanh(0.5 * values))  # which does not overflow
    return found


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "gelu": gelu,
    "gelu_fast": gelu_tanh,
    "gelu_new": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "quick_gelu": quick_gelu,
    "relu": relu,
    "silu": silu,
    "swish": silu,
    "tanh": tanh,
}
