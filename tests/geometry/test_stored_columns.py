"""Columns in files: what is read is what was written, and damage is said, whatever it is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.errors import RunError
from nlptool.geometry import stored_columns
from nlptool.geometry.ngram_counts import Rows
from nlptool.storage.column_file import ColumnFile, ColumnWriter

NUMBERS = st.lists(st.one_of(st.integers(0, 3), st.integers(0, 2**62)), max_size=20)
WORDS = st.lists(st.text(max_size=5), max_size=12)
ROWS = st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 300), st.integers(1, 2**40)), max_size=15)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_columns, "BLOCK", 4)


def written(numbers: list[int], words: list[str], rows: list[tuple[int, int, int]]) -> bytes:
    data = bytearray()
    writer = ColumnWriter(data.extend)
    stored_columns.write_numbers(writer, "n", np.array(numbers, np.int64))
    stored_columns.write_words(writer, "w", words)
    columns = [np.array([row[place] for row in rows], np.int64) for place in range(3)]
    ids = (columns[0].astype(np.uint32), columns[1].astype(np.uint32))
    stored_columns.write_rows(writer, "r", iter([Rows(ids, columns[2])] if rows else []))
    writer.finish({"about": words[:1]})
    return bytes(data)


def read(data: bytes) -> tuple[list[int], list[str], list[tuple[int, int, int]], object]:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        opened = ColumnFile(file.name, "counts")
        rows: Iterator[Rows] = stored_columns.rows(opened, "r", 2, 2)
        found = [
            row
            for each in rows
            for row in zip(*(column.tolist() for column in (*each.columns, each.counts)), strict=True)
        ]
        return stored_columns.numbers(opened, "n").tolist(), stored_columns.texts(opened, "w"), found, opened.about


@given(NUMBERS, WORDS, ROWS)
def test_what_is_read_is_what_was_written(
    numbers: list[int], words: list[str], rows: list[tuple[int, int, int]]
) -> None:
    assert read(written(numbers, words, rows)) == (numbers, words, rows, {"about": words[:1]})


@given(st.data())
def test_damage_is_said(data: st.DataObject) -> None:
    whole = written([1, 5, 9, 9, 3, 2**50], ["a", "猫", "", "𠮷", "z"], [(1, 2, 3), (1, 3, 1), (7, 0, 2)])
    place = data.draw(st.integers(0, len(whole) - 1))
    change = data.draw(st.sampled_from(["cut", "byte", "longer", "twice"]))
    damaged = {
        "cut": whole[:place],
        "byte": whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :],
        "longer": whole[:place] + b"x" + whole[place:],
        "twice": whole[place:] + whole,
    }[change]
    try:
        assert read(damaged) == read(whole)  # the beginning of the file alone is not looked at
    except RunError as error:
        assert "counts is damaged" in error.message


@pytest.mark.parametrize("data", [b"", b"x", b"nlptool columns 1\n", b"{}" * 100])
def test_a_file_of_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(RunError, match="is damaged, or no file of counts"):
        read(data)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot read counts: No such file"):
        ColumnFile(str(tmp_path / "none"), "counts")


def test_an_index_of_something_else_is_refused() -> None:
    data = bytearray()
    writer = ColumnWriter(data.extend)
    writer.add("n", b"\x01\x02\x03", 7, "<u4")
    writer.add("w", b"\x01\x02\x03\x04", 1, "words")
    writer.finish({})
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        opened = ColumnFile(file.name, "counts")
        for reads in (
            lambda: stored_columns.numbers(opened, "n"),
            lambda: stored_columns.texts(opened, "w"),
            lambda: stored_columns.texts(opened, "n"),
            lambda: stored_columns.numbers(opened, "w"),
        ):
            with pytest.raises(RunError, match="counts is damaged"):
                reads()
