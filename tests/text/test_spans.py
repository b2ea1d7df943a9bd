"""Labelled spans: overlaps, and the way from characters to words and back."""

from __future__ import annotations

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from nlptool.text.spans import Span, in_characters, in_words, without_overlaps

SPANS = st.lists(
    st.builds(
        lambda start, length, label: Span(start, start + length, label),
        st.integers(0, 30),
        st.integers(1, 9),
        st.sampled_from("AB"),
    ),
    max_size=10,
)


@st.composite
def words(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Places of words, with gaps between some of them."""
    steps = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), max_size=12))
    ends = list(accumulate(gap + length for gap, length in steps))
    return [(end - length, end) for end, (_, length) in zip(ends, steps, strict=True)]


@given(SPANS)
def test_what_is_kept_does_not_overlap_and_what_goes_is_no_longer_than_what_it_overlaps(spans: list[Span]) -> None:
    kept = without_overlaps(spans)
    assert kept == sorted(kept) and {*kept} <= {*spans}
    assert all(before.end <= after.start for before, after in pairwise(kept))
    for span in {*spans} - {*kept}:
        overlapping = [other for other in kept if other.start < span.end and span.start < other.end]
        assert max(other.end - other.start for other in overlapping) >= span.end - span.start


def test_the_outermost_of_nested_spans_is_kept() -> None:
    assert without_overlaps([Span(0, 2, "A"), Span(0, 6, "B"), Span(3, 6, "C"), Span(7, 8, "D")]) == [
        Span(0, 6, "B"),
        Span(7, 8, "D"),
    ]


@given(words(), st.data())
def test_spans_of_words_are_the_same_behind_the_way_through_characters(
    places: list[tuple[int, int]], data: st.DataObject
) -> None:
    ends = st.integers(0, len(places))
    pairs = data.draw(st.lists(st.tuples(ends, ends, st.sampled_from("AB")), max_size=4))
    spans = [Span(min(pair[:2]), max(pair[:2]), pair[2]) for pair in pairs if pair[0] != pair[1]]
    assert in_words(in_characters(spans, places), places) == (spans, 0)


@given(words(), SPANS)
def test_a_span_of_characters_becomes_all_words_that_it_touches(
    places: list[tuple[int, int]], spans: list[Span]
) -> None:
    found, n_cut = in_words(spans, places)
    expected, n_expected = [], 0
    for start, end, label in spans:
        touched = [place for place, (first, last) in enumerate(places) if first < end and start < last]
        if touched:
            expected.append(Span(touched[0], touched[-1] + 1, label))
            n_expected += any(first < border < last for border in (start, end) for first, last in places)
    assert (found, n_cut) == (expected, n_expected)
