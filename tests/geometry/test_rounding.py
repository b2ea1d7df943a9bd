"""Numbers with six significant digits are those that Python's formatting gives."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nlptool.geometry.rounding import as_json, significant

NUMBERS = st.lists(st.floats(-1e15, 1e15).filter(lambda x: x == 0 or abs(x) > 1e-12), max_size=9)


@given(NUMBERS)
def test_six_digits_are_left(values: list[float]) -> None:
    for value, found in zip(values, significant(np.array(values)).tolist(), strict=True):
        assert math.isclose(found, value, rel_tol=5.0001e-6)
        assert float(f"{found:.6g}") == found or math.isclose(found, float(f"{found:.6g}"), rel_tol=1e-15)


def test_what_json_cannot_hold_is_null() -> None:
    assert as_json(np.array([0.1, 2 / 3, np.inf, -np.inf, np.nan, 1234567.0, 0.0])) == [
        0.1, 0.666667, None, None, None, 1234570.0, 0.0,
    ]  # fmt: skip
