"""Numbers rounded for people and for JSON."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def significant(values: NDArray[np.float64], digits: int = 6) -> NDArray[np.float64]:
    """Return numbers with so many significant digits; infinite ones and NaN stay as they are."""
    with np.errstate(divide="ignore", invalid="ignore"):
        exponents = np.where(np.isfinite(values) & (values != 0), np.floor(np.log10(np.abs(values))), 0)
        places = digits - 1 - exponents
        scale = 10.0 ** np.abs(places)  # exact up to 1e22: what is divided by it is the nearest number to its decimals
        fine, coarse = np.round(values * scale) / scale, np.round(values / scale) * scale
    rounded: NDArray[np.float64] = np.where(np.isfinite(values), np.where(places >= 0, fine, coarse), values)
    return rounded


def as_json(values: NDArray[np.float64], digits: int = 6) -> list[float | None]:
    """Return numbers for JSON: rounded, and None for what is infinite or NaN."""
    rounded = significant(values, digits)
    finite = np.isfinite(rounded)
    numbers: list[float | None] = rounded.tolist()
    if not finite.all():
        for index in np.flatnonzero(~finite).tolist():
            numbers[index] = None
    return numbers
