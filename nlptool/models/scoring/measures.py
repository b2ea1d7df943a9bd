"""Measures of how probable a text is."""

from __future__ import annotations

import math


def perplexity(log_likelihood: float, n_tokens: int) -> float:
    """Return exp(-log_likelihood / n_tokens), at least 1: lower is better, as if so many tokens were equally likely at each
    position. Infinite where no float holds it; NaN of no tokens."""
    try:
        return math.exp(-log_likelihood / n_tokens) if n_tokens else math.nan
    except OverflowError:
        return math.inf
