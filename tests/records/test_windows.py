"""Windows and packing: nothing is lost, nothing is over the budget, order is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.models.runtime.batching import pack
from nlptool.records import windows as windows_module
from nlptool.records.record import Record
from nlptool.records.windows import LARGEST_TEXT, joined, windows

lists_of_texts = st.lists(st.lists(st.text(max_size=5), max_size=9), max_size=30)


@given(st.lists(st.integers(0, 300)), st.integers(1, 600))
def test_a_batch_fits_the_budget_and_every_index_comes_once(lengths: list[int], budget: int) -> None:
    batches = list(pack(lengths, budget))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(1, *(lengths[index] for index in batch))
        assert len(batch) == 1 or len(batch) * longest <= budget
    flat = [lengths[index] for batch in batches for index in batch]
    assert flat == sorted(flat, reverse=True)


@given(lists_of_texts, st.integers(1, 7))
def test_windows_keep_order_and_count(texts: list[list[str]], largest: int) -> None:
    lists = [[Record(text, "", 1) for text in each] for each in texts]
    cut = list(windows(iter(lists), largest=largest))
    assert [record for window in cut for record in window] == [record for each in lists for record in each]
    assert all(len(window) <= largest for window in cut)
    assert sum(not window for window in cut) == sum(not each for each in texts)


def test_an_empty_list_closes_a_window_and_the_first_ones_are_small() -> None:
    record = Record("x", "", 1)
    assert [len(w) for w in windows([[record], [record], [], [record]])] == [2, 0, 1]
    assert [len(w) for w in windows([numbered(10_000)])] == [64, 256, 1024, 4096, 4096, 464]


@given(st.integers(0, 6), st.integers(1, 3000))
def test_windows_that_begin_where_others_ended_are_the_same(n_done: int, n_each: int) -> None:
    records = numbered(12_000)
    lists = [records[start : start + n_each] for start in range(0, len(records), n_each)]
    whole = list(windows(lists))
    skipped = sum(map(len, whole[:n_done]))
    rest = [[record for record in each if record.number >= skipped] for each in lists]
    assert list(windows([each for each in rest if each])) == whole[n_done:]


def numbered(n_records: int) -> list[Record]:
    records = [Record("x", "", 1) for _ in range(n_records)]
    for number, record in enumerate(records):
        record.number = number
    return records


def test_long_texts_make_small_windows() -> None:
    long = Record("x" * (LARGEST_TEXT // 2), "", 1)
    assert [len(w) for w in windows([[long] * 5])] == [2, 2, 1]


@given(lists_of_texts)
def test_joined_lists_keep_order_and_pass_small_lists_on_at_once(texts: list[list[str]]) -> None:
    lists = [[Record(text, "", 1) for text in each] for each in texts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows_module, "_LARGE_LIST", 8)
        patch.setattr(windows_module, "_LARGEST_JOINED", 20)
        given = []
        for found in joined(given.append(each) or each for each in lists):
            seen = [record for each in given for record in each]
            assert found == seen[len(seen) - len(found) :] or sum(len(record.text) for record in given[-1]) < 8
        cut = list(joined(iter(lists)))
    assert [record for each in cut for record in each] == [record for each in lists for record in each]
    assert sum(not each for each in cut) == sum(not each for each in texts)
    assert all(sum(len(record.text) for record in each) < 20 + 9 * 5 for each in cut)
