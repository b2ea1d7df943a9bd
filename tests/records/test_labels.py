"""Labels: which values are which, and what task they are for."""

from __future__ import annotations

from typing import Any

import pytest

from nlptool.errors import RunError
from nlptool.records.labels import Label, as_classes, as_numbers, as_set, class_name, kind_of, label_of


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", "x"),
        (" 肯定　", "肯定"),
        (1, "1"),
        (-1, "-1"),
        (2**63, "9223372036854775808"),
        (True, "true"),
        (False, "false"),
        (3.8, 3.8),
        (0.0, 0.0),
        ("3.8", "3.8"),
        ([], ()),
        (["b", "a", "b"], ("b", "a")),
        ([1, 2.5, True, " x "], ("1", "2.5", "true", "x")),
    ],
)
def test_values_become_labels(value: Any, expected: Label) -> None:
    found = label_of(value)
    assert found == expected
    assert type(found) is type(expected)


def test_a_number_is_the_same_class_whether_it_is_a_cell_or_json() -> None:
    assert {class_name(label_of(value)) for value in (1, 1.0, "1", " 1")} == {"1"}  # type: ignore[arg-type]
    assert class_name(2.5) == "2.5"
    assert class_name(label_of("1.10")) == "1.10"  # type: ignore[arg-type]
    assert as_set(2.0) == as_set("2") == as_set(("2",)) == ("2",)


@pytest.mark.parametrize(
    ("labels", "kind", "reason"),
    [
        (["a", "b", "a", "c"], "classification", "3 different labels"),
        (["a"], "classification", "1 different label"),
        (["0", "1", "1"], "classification", "2 different labels"),
        ([0.0, 1.0], "classification", "2 different labels"),
        ([0.0, 3.8, 5.0], "regression", "label is a number with decimals, 0 to 5"),
        (["1", "2", "4.5"], "regression", "label is a number with decimals, 1 to 4.5"),
        ([str(number) for number in range(20)], "classification", "20 different labels"),
        ([str(number) for number in range(-1, 20)], "regression", "label is a number, 21 different ones, -1 to 19"),
        ([1.5, "x"], "classification", "2 different labels, numbers and words"),
        (["nan", "1.5"], "classification", "2 different labels, numbers and words"),
        ([f"{one}_{two}" for one in range(5) for two in range(5)], "classification", "25 different labels"),
        ([("a",), ()], "multilabel", "label is a list"),
        (["a", ("a", "b")], "multilabel", "label is a list"),
        ([], "classification", "0 different labels"),
    ],
)
def test_the_kind_of_task_shows_in_the_labels(labels: list[Label], kind: str, reason: str) -> None:
    assert kind_of(labels) == (kind, reason)


def test_words_are_no_scores_and_the_first_of_them_are_named() -> None:
    assert as_numbers(["1", 2.5, "-3e1"]) == [1.0, 2.5, -30.0]
    with pytest.raises(
        RunError, match="a regression needs numbers, and 4 of 5 labels are none: `good`, `nan`"
    ) as refused:
        as_numbers(["good", 1.0, "nan", "good", ("a", "b")])
    assert refused.value.hint == "--kind multilabel"
    with pytest.raises(RunError, match="1 of 2 labels are none: `x`") as refused:
        as_numbers(["x", "1"])
    assert refused.value.hint == "--kind classification"


def test_scores_are_no_classes_but_a_few_numbers_are() -> None:
    assert as_classes(["1", 2.0, 2.5, "x"]) == ["1", "2", "2.5", "x"]
    assert as_classes([str(number) for number in range(100)])[-1] == "99"
    with pytest.raises(
        RunError, match="a classification needs classes, and the label is a number with decimals, 0 to 5"
    ) as no:
        as_classes([number / 10 for number in range(51)])
    assert no.value.hint == "--kind regression"
    with pytest.raises(RunError, match="one class for each example, and 1 of 2 labels are lists") as no:
        as_classes(["a", ("a",)])
    assert no.value.hint == "--kind multilabel"
