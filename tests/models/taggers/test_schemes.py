"""Schemes of tags: spans equal seqeval's, in both of its ways; conversion, detection, transitions."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, Entities

from nlptool.models.taggers.detection import PLAIN, detect
from nlptool.models.taggers.schemes import SCHEMES, converted, parts_of, spans_of, tags_of, violations
from nlptool.models.taggers.transitions import transitions
from nlptool.text.spans import Span

THEIRS = {"iob1": (IOB1, "BI"), "iob2": (IOB2, "BI"), "bioes": (IOBES, "BIES"), "bilou": (BILOU, "BILU")}
LABELS = ("PER", "LOC", "A-B")


def tags(prefixes: str) -> st.SearchStrategy[list[str]]:
    """Any tags with these prefixes, whether a scheme allows them or not."""
    tag = st.builds("{}-{}".format, st.sampled_from(prefixes), st.sampled_from(LABELS))
    return st.lists(st.one_of(st.just("O"), tag), max_size=12)


@st.composite
def entities(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Entities that do not overlap, and the number of words."""
    n_words = draw(st.integers(0, 12))
    ends = sorted(draw(st.sets(st.integers(0, n_words))))
    spans = [Span(start, end, draw(st.sampled_from(LABELS))) for start, end in pairwise(ends) if draw(st.booleans())]
    return spans, n_words


@given(tags("BIES"))
def test_lenient_spans_are_those_of_seqeval(found: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = [Span(start, end + 1, label) for label, start, end in get_entities(found)]
    assert spans_of(found) == theirs


@pytest.mark.parametrize("scheme", THEIRS)
@given(data=st.data())
def test_strict_spans_are_those_of_seqeval(scheme: str, data: st.DataObject) -> None:
    their_scheme, prefixes = THEIRS[scheme]
    found = data.draw(tags(prefixes))
    theirs = Entities([found], their_scheme).entities[0]
    assert spans_of(found, scheme) == [Span(entity.start, entity.end, entity.tag) for entity in theirs]


@pytest.mark.parametrize(
    ("found", "scheme", "spans"),
    [
        ("B-PER I-PER O B-LOC", None, [(0, 2, "PER"), (3, 4, "LOC")]),
        ("I-PER I-LOC O I-LOC", None, [(0, 1, "PER"), (1, 2, "LOC"), (3, 4, "LOC")]),
        ("I-PER I-LOC O I-LOC", "iob2", []),
        ("I-PER B-PER I-PER", "iob1", [(0, 1, "PER"), (1, 3, "PER")]),
        ("B-PER I-PER O S-LOC", "bioes", [(3, 4, "LOC")]),  # without its end
        ("B-PER L-PER U-LOC", None, [(0, 2, "PER"), (2, 3, "LOC")]),
        ("B-PER M-PER E-PER S-LOC", None, [(0, 3, "PER"), (3, 4, "LOC")]),
        ("PER PER LOC O", None, [(0, 2, "PER"), (2, 3, "LOC")]),
        ("PER PER LOC O PER", "io", [(0, 2, "PER"), (2, 3, "LOC"), (4, 5, "PER")]),
        ("B I O B", None, [(0, 2, "_"), (3, 4, "_")]),
        ("B_PER I_PER B-creative-work", None, [(0, 2, "PER"), (2, 3, "creative-work")]),
    ],
)
def test_worked_examples(found: str, scheme: str | None, spans: list[tuple[int, int, str]]) -> None:
    assert spans_of(found.split(), scheme) == [Span(*span) for span in spans]


def test_a_prefix_of_another_scheme_is_refused_when_tags_are_read_strictly() -> None:
    with pytest.raises(ValueError, match="the tag E-PER is none of iob2"):
        spans_of(["B-PER", "E-PER"], "iob2")


@pytest.mark.parametrize("scheme", ["iob2", "iob1", "bioes", "bilou"])
@given(found=entities())
def test_spans_become_tags_and_spans_again(scheme: str, found: tuple[list[Span], int]) -> None:
    spans, n_words = found
    made = tags_of(spans, n_words, scheme)
    assert len(made) == n_words
    assert spans_of(made) == spans
    assert spans_of(made, scheme) == (spans if scheme != "iob1" else spans_of(made, "iob1"))
    assert violations(made, scheme) == []
    allowed = transitions(sorted({*made, "O"}), scheme)
    places = [sorted({*made, "O"}).index(tag) for tag in made]
    if places:
        assert allowed.first[places[0]] and allowed.last[places[-1]]
        assert all(allowed.pairs[pair] for pair in pairwise(places))


@given(entities())
def test_in_the_scheme_io_neighbours_of_one_label_become_one(found: tuple[list[Span], int]) -> None:
    spans, n_words = found
    made = tags_of(spans, n_words, "io")
    covered = [next((span.label for span in spans if span.start <= place < span.end), None) for place in range(n_words)]
    assert [None if tag == "O" else parts_of(tag).label for tag in made] == covered
    assert {parts_of(tag).prefix for tag in made} <= {"I", "O"}


@given(tags("BIES"), st.sampled_from(SCHEMES[:4]))
def test_any_tags_can_be_converted(found: list[str], scheme: str) -> None:
    assert spans_of(converted(found, scheme)) == spans_of(found)
    assert converted(converted(found, scheme)) == converted(found)


@pytest.mark.parametrize(
    "spans", [[Span(0, 2, "A"), Span(1, 3, "B")], [Span(1, 1, "A")], [Span(2, 4, "A")], [Span(-1, 1, "A")]]
)
def test_spans_that_cannot_be_tags_are_refused(spans: list[Span]) -> None:
    with pytest.raises(ValueError, match="overlaps another one, is empty, or is beyond 3 words"):
        tags_of(spans, 3)


@pytest.mark.parametrize(
    ("found", "scheme", "places"),
    [
        ("B-A I-A O I-A", "iob2", [3]),
        ("I-A B-A B-B", "iob1", [2]),
        ("B-A O", "bioes", [1]),
        ("B-A", "bioes", [1]),
        ("E-A S-A I-A", "bioes", [0, 2, 3]),
        ("B-A I-A", "io", [0]),
    ],
)
def test_violations_have_their_places(found: str, scheme: str, places: list[int]) -> None:
    assert violations(found.split(), scheme) == places


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        (["B-A I-A O", "O B-B"], "iob2"),
        (["I-A I-A B-A O", "I-B O"], "iob1"),
        (["I-A O I-B"], "io"),
        (["A A O O B O"], "io"),
        (["B-A E-A O", "S-B O"], "bioes"),
        (["B-A L-A O", "U-B O"], "bilou"),
        (["B M E S B E"], "bioes"),
        (["NOUN VERB PUNCT"], PLAIN),
        (["S E RD B V FF", "S V"], PLAIN),  # of Italian treebanks
        (["O O", ""], ""),
    ],
)
def test_the_scheme_is_found_out(sentences: list[str], scheme: str) -> None:
    assert detect([sentence.split() for sentence in sentences]).scheme == scheme


@pytest.mark.parametrize("scheme", ["iob2", "bioes", "bilou"])
def test_the_scheme_that_tags_were_made_in_is_found_out(scheme: str) -> None:
    random = np.random.default_rng(1)
    sentences = []
    for _ in range(50):
        ends = sorted({*random.integers(0, 20, 6)})
        sentences.append([Span(int(start), int(end), str(random.choice(LABELS))) for start, end in pairwise(ends)][::2])
    found = detect([tags_of(spans, 20, scheme) for spans in sentences])
    assert (found.scheme, found.n_violations, found.n_tags) == (scheme, 0, 1000)


def test_tags_that_break_the_rules_are_counted() -> None:
    found = detect([["B-A", "I-A", "O", "I-A"], ["I-B", "B-A", "I-A"], ["X", "B-A"]])
    assert (found.scheme, found.n_violations, found.n_inside) == ("iob2", 3, 3)  # X is a label inside, too
    assert found.without_prefix == (("X", 1),)
    assert detect([["B-A", "I-A"]], "bioes").n_violations == 1


def test_transitions_of_plain_tags_allow_everything() -> None:
    allowed = transitions(["NOUN", "VERB"], PLAIN)
    assert allowed.first.all() and allowed.pairs.all() and allowed.last.all()


def test_transitions_of_bioes() -> None:
    names = ["O", "B-A", "I-A", "E-A", "S-A", "E-B"]
    allowed = transitions(names, "bioes")
    assert allowed.first.tolist() == [True, True, False, False, True, False]
    assert allowed.last.tolist() == [True, False, False, True, True, True]
    assert allowed.pairs[1].tolist() == [False, False, True, True, False, False]
    assert allowed.pairs[3].tolist() == [True, True, False, False, True, False]
