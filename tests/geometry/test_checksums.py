"""Checksums of blocks: every kind of damage shows, and only what is read is compared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nlptool.geometry.checksums import CheckedBytes, checksum, checksums


def random_bytes(n: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, n).astype(np.uint8)


@settings(deadline=None)
@given(
    st.integers(1, 20_000),
    st.lists(
        st.tuples(st.integers(0, 19_999), st.integers(1, 255)), min_size=1, max_size=3, unique_by=lambda c: c[0] // 8
    ),
)
def test_up_to_three_changed_words_always_show(n: int, changes: list[tuple[int, int]]) -> None:
    block = random_bytes(n)
    before = checksum(block)
    for place, flipped in changes:
        block[place % n] ^= flipped
    unchanged = bool((block == random_bytes(n)).all())  # two changes at one place may cancel
    assert (checksum(block) == before) == unchanged


def test_changes_that_cancel_in_a_plain_sum_show() -> None:
    """The sign of one number is set and that of another is cleared."""
    values = np.ones(4096, "<f4")
    values[2001] = -1
    harmed = values.copy()
    harmed[[7, 2001]] *= -1
    assert harmed.view("<u8").sum() == values.view("<u8").sum()
    assert checksum(harmed.view(np.uint8)) != checksum(values.view(np.uint8))


@pytest.mark.parametrize("harm", ["zeros", "pages exchanged", "rows exchanged", "shifted", "cut", "longer by zeros"])
def test_larger_damage_shows(harm: str) -> None:
    block = random_bytes(1 << 20)
    harmed = {
        "zeros": lambda: np.concatenate([block[:8192], np.zeros(4096, np.uint8), block[12288:]]),
        "pages exchanged": lambda: np.concatenate([block[4096:8192], block[:4096], block[8192:]]),
        "rows exchanged": lambda: np.concatenate([block[512:1024], block[:512], block[1024:]]),
        "shifted": lambda: np.roll(block, 1),
        "cut": lambda: block[:-1],
        "longer by zeros": lambda: np.concatenate([block, np.zeros(4096, np.uint8)]),
    }[harm]()
    assert checksum(np.ascontiguousarray(harmed)) != checksum(block)


def test_only_what_is_read_is_compared_and_only_once() -> None:
    data = random_bytes(50_000)
    sums = checksums(data, 4096)
    assert len(sums) == 8 * 13
    data[[5000, 49_999]] ^= 1
    checked = CheckedBytes(data, sums, 4096)
    assert list(checked.damaged(0, 4096)) == []
    assert list(checked.damaged(8192, 49_152)) == []
    assert list(checked.damaged(4095, 4097)) == [(4096, 8192)]
    assert list(checked.damaged(0, 50_000)) == [(4096, 8192), (49_152, 50_000)]
    data[0] ^= 1  # was compared before
    assert list(checked.damaged(0, 4096)) == []


def test_nothing_has_no_blocks() -> None:
    empty = np.empty(0, np.uint8)
    assert checksums(empty, 4096) == b""
    assert list(CheckedBytes(empty, b"", 4096).damaged(0, 0)) == []


def test_checksums_of_other_bytes_are_refused() -> None:
    data = random_bytes(5000)
    for sums, size in ((checksums(data, 4096)[:-1], 4096), (checksums(data, 4096), 2048), (checksums(data, 4096), 0)):
        with pytest.raises(ValueError, match="bytes of checksums for 5,000 bytes"):
            CheckedBytes(data, sums, size)
