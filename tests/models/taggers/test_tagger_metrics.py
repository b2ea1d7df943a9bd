"""Metrics of entities and tags: those of seqeval and scikit-learn, and worked examples."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score, classification_report
from seqeval.scheme import IOB2, IOBES
from sklearn import metrics as sklearn_metrics

from nlptool.models.taggers.errors import differences
from nlptool.models.taggers.metrics import EntityScores, TagScores
from nlptool.models.taggers.schemes import spans_of
from nlptool.text.spans import Span

THEIRS = {"iob2": IOB2, "bioes": IOBES}


@st.composite
def tagged(draw: st.DrawFn, prefixes: str) -> tuple[list[list[str]], list[list[str]]]:
    """Gold and predicted tags of a few sentences, any tags with these prefixes."""
    tag = st.one_of(st.just("O"), st.builds("{}-{}".format, st.sampled_from(prefixes), st.sampled_from(("PER", "LOC"))))
    lengths = draw(st.lists(st.integers(1, 7), min_size=1, max_size=4))
    gold, predicted = ([draw(st.lists(tag, min_size=n, max_size=n)) for n in lengths] for _ in range(2))
    return gold, predicted


@pytest.mark.parametrize(("prefixes", "scheme"), [("BIES", None), ("BI", "iob2"), ("BIES", "bioes")])
@given(data=st.data())
def test_scores_are_those_of_seqeval(prefixes: str, scheme: str | None, data: st.DataObject) -> None:
    gold, predicted = data.draw(tagged(prefixes))
    scores = EntityScores(*([spans_of(tags, scheme) for tags in side] for side in (gold, predicted)))
    if not scores.labels:
        return
    more = {"mode": "strict", "scheme": THEIRS[scheme]} if scheme else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = classification_report(gold, predicted, output_dict=True, zero_division=0, **more)
    names = {"precision": "precision", "recall": "recall", "f1": "f1-score"}
    found = scores.scores()
    for ours, name in names.items():
        assert found[ours] == pytest.approx(theirs["micro avg"][name])
        assert found[f"macro_{ours}"] == pytest.approx(theirs["macro avg"][name])
    counts = scores.counts()
    for place, label in enumerate(scores.labels):
        assert counts.gold[place] == theirs[label]["support"]
        for ours, name in names.items():
            assert getattr(counts, ours)[place] == pytest.approx(theirs[label][name])


@given(tagged("BI"))
def test_tags_have_the_accuracy_of_seqeval_and_the_f1_of_scikit_learn(
    pair: tuple[list[list[str]], list[list[str]]],
) -> None:
    gold, predicted = pair
    flat = [[tag for tags in side for tag in tags] for side in pair]
    found = TagScores(gold, predicted).scores()
    assert found["accuracy"] == pytest.approx(accuracy_score(gold, predicted))
    assert found["macro_f1"] == pytest.approx(sklearn_metrics.f1_score(*flat, average="macro", zero_division=0))


def test_a_worked_example() -> None:
    gold = [[Span(0, 2, "PER"), Span(3, 4, "LOC")], [Span(0, 1, "ORG")]]
    predicted = [[Span(0, 2, "PER"), Span(3, 4, "ORG"), Span(5, 6, "LOC")], []]
    scores = EntityScores(gold, predicted)
    assert scores.labels == ("LOC", "ORG", "PER")
    assert scores.scores() == pytest.approx(
        {
            "precision": 1 / 3,
            "recall": 1 / 3,
            "f1": 1 / 3,
            "macro_precision": 1 / 3,
            "macro_recall": 1 / 3,
            "macro_f1": 1 / 3,
        }
    )
    assert scores.counts(np.array([2, 0])).gold.tolist() == [2, 0, 2]


def test_intervals_are_those_of_the_resamples() -> None:
    random = np.random.default_rng(5)
    gold = [[Span(place, place + 1, "AB"[place % 2]) for place in range(random.integers(1, 5))] for _ in range(40)]
    predicted = [[span for span in spans if random.random() < 0.7] for spans in gold]
    found = EntityScores(gold, predicted).intervals(resamples=200, seed=3)
    draws = np.random.default_rng(3)
    each = []
    for _ in range(200):
        drawn = draws.integers(0, 40, 40)
        each.append(EntityScores([gold[i] for i in drawn], [predicted[i] for i in drawn]).scores()["f1"])
    assert found["f1"] == pytest.approx(tuple(np.quantile(each, [0.025, 0.975])))
    assert EntityScores(gold, predicted).intervals(resamples=0) == {}
    tags = [[span.label for span in spans] for spans in gold]
    other = [["A" for _ in spans] for spans in gold]
    low, high = TagScores(tags, other).intervals(resamples=100)["accuracy"]
    assert 0 < low < TagScores(tags, other).scores()["accuracy"] < high < 1


def test_without_entities_all_scores_are_0() -> None:
    scores = EntityScores([[], []], [[], []])
    assert set(scores.scores().values()) == {0.0}
    assert scores.intervals(resamples=5)["f1"] == (0.0, 0.0)


def test_different_numbers_of_sentences_or_words_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        EntityScores([[], []], [[]])
    with pytest.raises(ValueError, match="not of the same words"):
        TagScores([["A"], ["B", "C"]], [["A", "B"], ["C"]])


def test_the_kinds_of_differences() -> None:
    gold = [Span(0, 2, "A"), Span(3, 5, "A"), Span(6, 8, "A"), Span(9, 11, "A"), Span(12, 13, "B")]
    predicted = [Span(0, 2, "A"), Span(3, 5, "B"), Span(7, 8, "A"), Span(10, 12, "B"), Span(20, 21, "A")]
    found = differences([gold], [predicted])
    assert found.gold == {"right": 1, "label": 1, "borders": 1, "both": 1, "alone": 1}
    assert found.predicted == {"right": 1, "label": 1, "borders": 1, "both": 1, "alone": 1}
    assert sorted(found.aligned, key=str) == sorted(
        [("A", "A"), ("A", "B"), ("A", None), ("A", None), ("B", None), (None, "A"), (None, "A"), (None, "B")], key=str
    )


SPANS = st.lists(
    st.builds(
        lambda start, length, label: Span(start, start + length, label),
        st.integers(0, 12),
        st.integers(1, 5),
        st.sampled_from("AB"),
    ),
    max_size=6,
)


@given(st.lists(st.tuples(SPANS, SPANS), max_size=3))
def test_every_entity_is_of_one_kind(sentences: list[tuple[list[Span], list[Span]]]) -> None:
    gold, predicted = [pair[0] for pair in sentences], [pair[1] for pair in sentences]
    found = differences(gold, predicted)
    n_right = sum(len({*ours} & {*theirs}) for ours, theirs in sentences)
    assert found.gold["right"] == found.predicted["right"] == n_right
    assert sum(found.gold.values()) == sum(len({*spans}) for spans in gold)
    assert sum(found.predicted.values()) == sum(len({*spans}) for spans in predicted)
    labels = [[label for label, _ in found.aligned if label], [label for _, label in found.aligned if label]]
    for side, seen in zip((gold, predicted), labels, strict=True):
        assert sorted(seen) == sorted(span.label for spans in side for span in {*spans})
    swapped = differences(predicted, gold)
    assert (swapped.gold, swapped.predicted) == (found.predicted, found.gold)
    for kind in ("label", "borders", "both", "alone"):  # by comparing all with all
        slow = 0
        for ours, theirs in sentences:
            wrong = {*theirs} - {*ours}
            for span in {*ours} - {*theirs}:
                near = [other for other in wrong if other.start < span.end and span.start < other.end]
                kinds = ["label" for other in near if other[:2] == span[:2]] + [
                    "borders" for other in near if other.label == span.label
                ]
                kinds = ["label"] if "label" in kinds else ["borders"] if kinds else ["both" if near else "alone"]
                slow += kinds == [kind]
        assert found.gold[kind] == slow
