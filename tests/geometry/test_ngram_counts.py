"""n-grams of arrays against a dict of tuples, and runs that are merged from temporary files."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.geometry.ngram_counts import Rows, count, ngrams
from nlptool.geometry.ngram_runs import Runs, merged

TEXTS = st.lists(st.lists(st.sampled_from([0, 1, 2, 7, 2**32 - 1]), max_size=9), max_size=7)


def as_dict(rows: Rows) -> dict[tuple[int, ...], int]:
    """The rows, which must be in ascending order."""
    keys = list(zip(*(column.tolist() for column in rows.columns), strict=True))
    assert keys == sorted(set(keys))
    return dict(zip(keys, rows.counts.tolist(), strict=True))


def slow(texts: list[list[int]], n: int, *, grouped: bool) -> Counter[tuple[int, ...]]:
    return Counter(
        (*text[start : start + n], *([number % 2] if grouped else []))
        for number, text in enumerate(texts)
        for start in range(len(text) - n + 1)
    )


@given(TEXTS, st.sampled_from([(1,), (2,), (4,), (1, 2, 3, 4), (2, 5), (1, 3)]), st.booleans())
def test_the_counts_are_those_of_a_loop(texts: list[list[int]], lengths: tuple[int, ...], grouped: bool) -> None:
    ids = np.array([id for text in texts for id in text], np.uint32)
    places = np.array([place for text in texts for place in range(len(text))], np.int64)
    groups = np.array([number % 2 for number, text in enumerate(texts) for _ in text], np.uint32)
    found = list(ngrams(ids, places, lengths, groups if grouped else None))
    assert [as_dict(rows) for rows in found] == [slow(texts, n, grouped=grouped) for n in lengths]


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), max_size=40), st.data())
def test_rows_that_come_several_times_are_added_up(rows: list[tuple[int, ...]], data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(1, 2**40), min_size=len(rows), max_size=len(rows)))
    expected: Counter[tuple[int, ...]] = Counter()
    for row, n in zip(rows, counts, strict=True):
        expected[row] += n
    columns = [np.array(column, np.uint32) for column in zip(*rows, strict=True)] or [np.zeros(0, np.uint32)] * 3
    assert as_dict(count(columns, np.array(counts, np.int64))) == expected


@pytest.mark.parametrize("n_columns", [1, 2, 3])
@pytest.mark.parametrize(("most_held", "block"), [(10, 7), (60, 1), (10_000, 50)])
def test_runs_that_are_merged_are_one(n_columns: int, most_held: int, block: int) -> None:
    random = np.random.default_rng(n_columns)
    runs, expected = Runs(most_held=most_held), Counter[tuple[int, ...]]()
    for _ in range(20):
        columns = [random.integers(0, 9, 30).astype(np.uint32) for _ in range(n_columns)]
        runs.add(count(columns))
        expected.update(zip(*(column.tolist() for column in columns), strict=True))
    blocks = [as_dict(rows) for rows in runs.merged(block)]
    found = {row: n for rows in blocks for row, n in rows.items()}
    assert found == expected
    assert list(found) == sorted(found)
    assert sum(map(len, blocks)) == len(found)
    firsts = [{row[0] for row in rows} for rows in blocks]
    assert len(set.union(*firsts)) == sum(map(len, firsts))  # all rows with one first id are in one block
    assert len(blocks) > 1 or block > 7


def test_no_run_gives_no_block() -> None:
    runs = Runs()
    runs.add(count([np.zeros(0, np.uint32)] * 2))
    assert list(runs.merged()) == []


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("step", [1, 3, 100])
@pytest.mark.parametrize("n_runs", [1, 2, 5])
def test_portions_of_runs_are_merged_side_by_side(n_runs: int, step: int, in_order: bool) -> None:
    random = np.random.default_rng(n_runs)
    expected = Counter[tuple[int, ...]]()
    runs = []
    for _ in range(n_runs):
        rows = count([random.integers(0, most, 60).astype(np.uint32) for most in (6, 40)], np.ones(60, np.int64))
        expected.update(
            dict(
                zip(zip(*(column.tolist() for column in rows.columns), strict=True), rows.counts.tolist(), strict=True)
            )
        )
        if not in_order:  # the numbers of groups in a file are not those of all files
            rows = rows[np.lexsort([random.permutation(len(rows)), rows.columns[0]])]
        runs.append(iter([rows[start : start + step] for start in range(0, len(rows), step)]))
    blocks = [as_dict(rows) for rows in merged(runs, in_order=in_order)]
    assert {row: n for rows in blocks for row, n in rows.items()} == expected
    firsts = [{row[0] for row in rows} for rows in blocks]
    assert [first for each in firsts for first in sorted(each)] == sorted({row[0] for row in expected})
