"""Metrics of answers, against worked examples and a slow reading of the definitions."""

from __future__ import annotations

import math
import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptool.models.readers import metrics
from nlptool.models.readers.metrics import METRICS


def scored(answer: str | None, gold: list[str], metric: str) -> tuple[float, float]:
    found = metrics.scores([answer], [gold], metric)
    return float(found.exact[0]), float(found.f1[0])


@pytest.mark.parametrize(
    ("metric", "answer", "gold", "exact", "f1"),
    [
        ("squad", "The Denver Broncos!", ["Denver Broncos"], 1, 1),
        ("squad", "in a  U.S. city", ["us city", "city"], 0, 4 / 5),  # in, us, city
        ("squad", "Denver Denver", ["Denver"], 0, 2 / 3),
        ("squad", "then", ["the n"], 0, 0),  # then; n
        ("squad", "an-other", ["another"], 1, 1),
        ("squad", "a", ["the"], 1, 0),  # both are nothing, and have no word in common
        ("squad2", "a", ["the"], 1, 1),
        ("squad2", "", [], 1, 1),
        ("squad2", ".", [], 1, 1),
        ("squad2", "Denver", [], 0, 0),
        ("squad2", "", ["Denver"], 0, 0),
        ("squad2", "", ["the", "Denver"], 0, 0),  # a gold answer of nothing is none beside another
        ("squad2", "", ["the"], 1, 1),
        ("squad2", None, [], 0, 0),
        ("squad", "東京 タワー", ["東京タワー"], 0, 0),
        ("jsquad", "東京 タワー", ["東京タワー"], 0, 10 / 11),  # the blank counts
        ("jsquad", "東京タワー。。", ["東京タワー"], 1, 1),
        ("jsquad", "東京。 ", ["東京"], 0, 4 / 5),  # no full stop at the end, before blanks are removed
        ("jsquad", "The U.S.", ["the u.s."], 1, 1),  # articles and punctuation stay
        ("jsquad", "7月", ["5月から7月", "7月頃"], 0, 4 / 5),
        ("jsquad", "月月", ["月"], 0, 2 / 3),
        ("jsquad", "", [], 1, 1),
        ("jsquad", "。", [], 1, 1),
    ],
)
def test_worked_examples(metric: str, answer: str | None, gold: list[str], exact: float, f1: float) -> None:
    assert scored(answer, gold, metric) == (exact, pytest.approx(f1))


def slowly(answer: str, gold: list[str], metric: str) -> tuple[float, float]:
    """The definitions of the papers, letter by letter."""

    def units(text: str) -> list[str]:
        text = text.lower()
        if metric == "jsquad":
            while text.endswith("。"):
                text = text[:-1]
            return list(" ".join(text.split()))
        kept = "".join(letter for letter in text if letter not in string.punctuation)
        words = [""]
        for letter in kept:  # an article is a run of word characters
            if (letter.isalnum() or letter == "_") == (words[-1][-1:].isalnum() or words[-1][-1:] == "_"):
                words[-1] += letter
            else:
                words.append(letter)
        return "".join(" " if word in ("a", "an", "the") else word for word in words).split()

    wanted = [units(text) for text in gold]
    if metric != "squad":
        wanted = [each for each in wanted if each] or [[]]
    found = units(answer)
    f1s = []
    for each in wanted:
        rest = list(each)
        n_both = 0
        for unit in found:
            if unit in rest:
                rest.remove(unit)
                n_both += 1
        if metric != "squad" and (not found or not each):
            f1s.append(float(found == each))
        else:
            f1s.append(2 * n_both / (len(found) + len(each)) if n_both else 0.0)
    return float(found in wanted), max(f1s)


TEXT = st.one_of(
    st.text(st.sampled_from("aAnthe .,-_9é東京。\u3000\n"), max_size=14),
    st.lists(st.sampled_from(["the", "a", "cat", "Cat", "an", "mat.", "東京", "。"]), max_size=5).map(" ".join),
)


@given(TEXT, st.lists(TEXT, min_size=1, max_size=3), st.sampled_from(METRICS))
@settings(max_examples=600, deadline=None)
def test_scores_are_those_of_the_definitions(answer: str, gold: list[str], metric: str) -> None:
    assert scored(answer, gold, metric) == pytest.approx(slowly(answer, gold, metric))


def test_means_are_of_all_questions_and_of_both_parts() -> None:
    found = metrics.scores(["cat", "", "mat", None], [["cat"], [], [], ["dog"]], "squad2")
    assert found.means() == {
        "exact": 0.5, "f1": 0.5, "has_answer_exact": 0.5, "has_answer_f1": 0.5, "no_answer_exact": 0.5, "no_answer_f1": 0.5,
    }  # fmt: skip
    assert metrics.scores(["cat"], [["cat"]], "squad2").means() == {"exact": 1.0, "f1": 1.0}


def test_a_question_above_the_threshold_is_not_answered() -> None:
    raw = metrics.scores(["cat", "mat", "x"], [["cat"], [], []], "squad2")
    found = raw.with_threshold(np.array([0.5, 0.6, 0.5]), 0.5)
    assert found.exact.tolist() == [1, 1, 0]
    assert found.is_answered.tolist() == [True, False, True]
    assert raw.with_threshold(np.array([0.9, 1.0, 0.2])).exact.tolist() == [
        1,
        0,
        0,
    ]  # the default refuses none of these


def test_what_has_no_score_is_refused() -> None:
    for answers, gold in (([], []), (["a"], [])):
        with pytest.raises(ValueError, match="answers to 0 questions"):
            metrics.scores(answers, gold, "squad2")
    with pytest.raises(ValueError, match="has no score in SQuAD"):
        metrics.scores(["a", "b"], [["a"], []], "squad")


def best_slowly(
    values: list[float], has_answer: list[bool], answers: list[str], no_answer: dict[str, float]
) -> tuple[float, float]:
    """The best of all prefixes of the questions, sorted by their probability, that are answered."""
    sequence = sorted(no_answer, key=lambda id: no_answer[id])
    best, threshold = -math.inf, 0.0
    for n_answered in range(len(sequence) + 1):
        total = 0.0
        for place, id in enumerate(sequence):
            index = int(id)
            is_right = values[index] if has_answer[index] or not answers[index] else 0.0
            total += is_right if place < n_answered else not has_answer[index]
        if total > best + 1e-12:
            best, threshold = total, no_answer[sequence[n_answered - 1]] if n_answered else 0.0
    return best / len(values), threshold


@given(st.data(), st.integers(1, 12))
@settings(max_examples=300, deadline=None)
def test_the_best_threshold_is_the_best_of_all(data: st.DataObject, n: int) -> None:
    has_answer = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    gold = [["cat mat"] if each else [] for each in has_answer]
    answers = data.draw(st.lists(st.sampled_from(["", "cat", "cat mat", "dog"]), min_size=n, max_size=n))
    order = data.draw(st.permutations(range(n)))
    numbers = data.draw(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0]), min_size=n, max_size=n))
    found = metrics.scores(answers, gold, "squad2")
    by_id = {str(index): numbers[index] for index in order}
    ranks = np.argsort(np.array(order))
    for values in (found.exact, found.f1):
        best = metrics.best_threshold(values, found, np.array(numbers), ranks)
        expected = best_slowly(list(map(float, values)), has_answer, answers, by_id)
        assert best[0] == pytest.approx(expected[0])
        assert best[1] == expected[1]
    if len(set(numbers)) == n:  # then a threshold gives what is promised
        best_f1, threshold = metrics.best_threshold(found.f1, found, np.array(numbers))
        cuts = [-1.0, *numbers]
        reached = [found.with_threshold(np.array(numbers), cut).means()["f1"] for cut in cuts]
        assert best_f1 == pytest.approx(max(reached))
        if best_f1 > np.mean(~found.has_answer) + 1e-9:
            assert found.with_threshold(np.array(numbers), threshold).means()["f1"] == pytest.approx(best_f1)


def test_intervals_are_those_of_resampled_questions() -> None:
    random = np.random.default_rng(0)
    answers = [["cat", "", "dog mat"][index] for index in random.integers(0, 3, 80)]
    gold = [[["cat"], [], ["mat"]][index] for index in random.integers(0, 3, 80)]
    found = metrics.scores(answers, gold, "squad2")
    intervals = found.intervals(resamples=300, seed=5)
    random = np.random.default_rng(5)
    means = [
        metrics.scores([answers[i] for i in drawn], [gold[i] for i in drawn], "squad2").means()
        for drawn in random.integers(0, 80, (300, 80))
    ]
    for name, interval in intervals.items():
        assert interval == pytest.approx(np.quantile([each[name] for each in means], [0.025, 0.975]))
    assert set(found.intervals(resamples=0, seed=0).values()) == {None}
