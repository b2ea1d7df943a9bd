"""Files cut into pieces that end with lines."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from nlptool.storage import compression
from nlptool.tasks.shards.plan import pieces


@given(
    st.lists(st.binary(max_size=6).map(lambda line: line.replace(b"\n", b"")), max_size=30),
    st.booleans(),
    st.integers(1, 40),
)
def test_pieces_are_the_file_and_end_with_lines(lines: list[bytes], ends: bool, size: int) -> None:
    data = b"\n".join(lines) + (b"\n" if ends else b"")
    found = list(pieces(io.BytesIO(data), size, b"\n"))
    assert b"".join(data[start:end] for start, end, _ in found) == data
    assert [start for start, _, _ in found] == [0, *[end for _, end, _ in found[:-1]]][: len(found)]
    for start, end, line in found:
        assert line == 1 + data[:start].count(b"\n")
        assert data[start:end].endswith(b"\n") or end == len(data)
        assert end - start >= size or end == len(data)
        assert b"\n" not in data[start + size - 1 : end - 1]


def test_pieces_of_a_file_that_is_longer_than_a_chunk() -> None:
    line = b"x" * 99 + b"\n"
    data = line * (3 * compression.CHUNK // 100)
    found = list(pieces(io.BytesIO(data), 100_000, b"\n"))
    assert [(start, end) for start, end, _ in found[:2]] == [(0, 100_000), (100_000, 200_000)]
    assert [number for _, _, number in found] == [1 + 1000 * n for n in range(len(found))]
    assert found[-1][1] == len(data)
