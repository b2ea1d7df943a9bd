"""Splits of labelled examples: no text in both parts, and each class in both."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptool.training.splits import groups_of, stratified

WORD = st.sampled_from("abcdefghijklmnopqrstuvwxyz")
EXAMPLES = st.lists(
    st.tuples(st.one_of(st.tuples(WORD), st.tuples(WORD, WORD), st.tuples(st.uuids().map(str))), st.sampled_from("xyz")),
    max_size=60,
)  # fmt: skip


@given(EXAMPLES, st.floats(0.01, 0.99), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_no_text_is_in_both_parts_and_no_stratum_gives_too_much(
    examples: list[tuple[tuple[str, ...], str]], share: float, seed: int
) -> None:
    texts, strata = [each for each, _ in examples], [stratum for _, stratum in examples]
    out = stratified(texts, strata, share, seed)
    assert (out.shape, out.dtype) == ((len(texts),), np.bool_)
    parts: list[set[str]] = [set(), set()]
    for each, is_out in zip(texts, out.tolist(), strict=True):
        parts[is_out].update(each)
    assert not parts[0] & parts[1]
    held_out = Counter(stratum for stratum, is_out in zip(strata, out.tolist(), strict=True) if is_out)
    for stratum, n in Counter(strata).items():
        assert held_out[stratum] <= min(math.ceil(share * n), n - 1)
    assert out.tolist() == stratified(texts, strata, share, seed).tolist()


@pytest.mark.parametrize(("sizes", "share"), [((50, 30, 7), 0.1), ((1000, 10, 11), 0.2), ((2, 2, 2, 2, 2), 0.5)])
def test_single_texts_give_the_share_of_each_class(sizes: tuple[int, ...], share: float) -> None:
    strata = [stratum for stratum, size in enumerate(sizes) for _ in range(size)]
    out = stratified([(str(number),) for number in range(len(strata))], strata, share, seed=1)
    held_out = Counter(stratum for stratum, is_out in zip(strata, out.tolist(), strict=True) if is_out)
    assert all(abs(held_out[stratum] - share * size) < 1 for stratum, size in enumerate(sizes))
    assert abs(out.sum() - share * len(strata)) < 1


def test_many_classes_of_few_examples_give_the_share_together() -> None:
    strata = [number % 100 for number in range(400)]
    out = stratified([(str(number),) for number in range(400)], strata, 0.1, seed=1)
    held_out = Counter(stratum for stratum, is_out in zip(strata, out.tolist(), strict=True) if is_out)
    assert out.sum() == 40
    assert max(held_out.values()) == 1


def test_a_class_with_one_example_is_learned_and_takes_its_group_along() -> None:
    texts = [("a", "b"), ("b", "c"), ("d",), ("e",), ("f",), ("g",)]
    strata = ["common", "rare", "common", "common", "common", "common"]
    for seed in range(20):
        out = stratified(texts, strata, 0.4, seed)
        assert (out[:2].any(), int(out.sum())) == (False, 2)


def test_pairs_that_share_sentences_keep_the_shares_of_the_classes() -> None:
    """Premises with three hypotheses each, some of which are premises again."""
    draw = random.Random(0)
    texts = [
        (f"p{number // 3}", f"p{draw.randrange(900)}" if number % 5 == 0 else f"h{number}") for number in range(900)
    ]
    strata = [draw.choices("abc", (6, 3, 1))[0] for _ in texts]
    sizes = Counter(strata)
    first, second = stratified(texts, strata, 0.2, 1), stratified(texts, strata, 0.2, 2)
    assert first.tolist() != second.tolist()
    for out in (first, second):
        held_out = Counter(stratum for stratum, is_out in zip(strata, out.tolist(), strict=True) if is_out)
        assert all(abs(held_out[stratum] - 0.2 * size) <= 2 for stratum, size in sizes.items())
        assert len({*groups_of(texts)[out].tolist()}) > 20  # not a few large groups


def test_groups_are_the_connected_components() -> None:
    assert groups_of([]).tolist() == []
    groups = groups_of([("a", "b"), ("c",), ("b", "d"), ("e", "e"), ("d",), ("c", "f")]).tolist()
    assert groups[0] == groups[2] == groups[4]
    assert groups[1] == groups[5]
    assert len(set(groups)) == 3


def test_everything_connected_is_not_held_out() -> None:
    assert not stratified([("a", str(number)) for number in range(10)], [0, 1] * 5, 0.3, 1).any()
    assert not stratified([], [], 0.3, 1).any()
