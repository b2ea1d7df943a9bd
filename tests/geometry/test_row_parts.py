"""Rows of several arrays are those of one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nlptool.geometry.row_parts import RowParts


@given(ends=st.lists(st.integers(0, 20), max_size=5), first=st.integers(0, 25), length=st.integers(0, 25))
def test_any_rows_of_any_arrays(ends: list[int], first: int, length: int) -> None:
    whole = np.arange(60, dtype=np.float32).reshape(20, 3)
    pieces = [whole[begin:end] for begin, end in pairwise([0, *sorted(ends), 20])]
    rows = RowParts([len(piece) for piece in pieces], 3, pieces.__getitem__)
    assert (rows.shape, len(rows)) == ((20, 3), 20)
    assert np.array_equal(rows[first : first + length], whole[first : first + length])
    rows.release()
    assert np.array_equal(rows[first : first + length], whole[first : first + length])


def test_rows_of_one_array_are_not_copied() -> None:
    pieces = [np.zeros((4, 2), np.float32), np.ones((4, 2), np.float32)]
    rows = RowParts([4, 4], 2, pieces.__getitem__)
    assert np.shares_memory(rows[5:7], pieces[1])
    assert not np.shares_memory(rows[3:7], pieces[1])
    assert rows[8:9].shape == (0, 2)
