"""A model that fails at some items: those are found, the others keep their results, and what is no item's fault is raised."""

from __future__ import annotations

import errno
import math
import pickle
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.errors import ModelError, RecordError, RunError
from nlptool.models.runtime.one_by_one import OneByOne, each, failing, reason_of


class Square:
    """Squares numbers; fails at a batch that holds one of ``bad``, and remembers what it was asked."""

    def __init__(self, bad: Sequence[int] = (), error: BaseException | None = None) -> None:
        self.bad, self.error = set(bad), error or RuntimeError("no such number\nand more")
        self.asked: list[list[int]] = []

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.asked.append(list(numbers))
        if self.bad.intersection(numbers):
            raise self.error
        return [number**2 for number in numbers]


def runner(run: Square, good: int = -1) -> OneByOne[int, Sequence[int]]:
    return OneByOne(run, good, name="squarer", engine="onnx")


@given(st.integers(0, 40), st.sets(st.integers(0, 39)))
def test_every_item_has_its_result_or_its_error(n: int, bad: set[int]) -> None:
    run = Square(sorted(bad))
    found = each(runner(run), range(n))
    assert [number for number, outcome in enumerate(found) if isinstance(outcome, RecordError)] == sorted(
        number for number in bad if number < n
    )
    assert [outcome for outcome in found if not isinstance(outcome, RecordError)] == [
        number**2 for number in range(n) if number not in bad
    ]
    n_bad = len([number for number in bad if number < n])
    assert len(run.asked) <= 2 + 2 * n_bad * math.ceil(math.log2(max(2, n)))


def test_an_item_that_fails_is_named_by_the_model_and_the_reason() -> None:
    (error,) = each(runner(Square([7])), [7])
    assert isinstance(error, RecordError)
    assert (error.type, error.message) == ("ModelFailed", "squarer fails at this text: no such number")
    assert pickle.loads(pickle.dumps(error)).message == error.message


def test_a_model_that_fails_at_a_good_text_too_is_broken_and_not_asked_for_each() -> None:
    run = Square(range(-1, 1000))
    with pytest.raises(ModelError, match="squarer cannot be run: no such number") as caught:
        each(runner(run), range(1000))
    assert (len(run.asked), caught.value.hint) == (2, "--engine torch may run it")
    with pytest.raises(ModelError, match="no torch"):
        each(runner(Square([-1, 3], ModelError("no torch"))), range(9))


def test_what_our_own_code_says_of_an_item_is_its_error_word_for_word() -> None:
    for error in (RecordError("TooLong", "too long", hint="cut it"), ModelError("too long", hint="cut it")):
        first, found, last = each(runner(Square([2], error)), [1, 2, 3])
        assert isinstance(found, RecordError)
        assert (first, found.message, found.hint, last) == (1, "too long", "cut it", 9)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("can't start new thread"),
        OSError(errno.EIO, "Input/output error"),
        RunError("more beams than tokens"),
        KeyboardInterrupt(),
        KeyError("a bug of ours"),
    ],
    ids=repr,
)
def test_what_is_no_items_fault_ends_the_run(error: BaseException) -> None:
    if isinstance(error, KeyError):  # as if the line that raises it were ours
        globals()["__name__"] = "nlptool.tests"
    try:
        with pytest.raises(type(error)):
            each(runner(Square([2], error)), [1, 2, 3])
    finally:
        globals()["__name__"] = "test_one_by_one"


def test_a_library_that_panics_fails_like_others() -> None:
    class PanicException(BaseException):
        """As those of pyo3, which are no Exceptions."""

    first, error, last = each(runner(Square([2], PanicException("assertion failed"))), [1, 2, 3])
    assert isinstance(error, RecordError)
    assert (first, error.message, last) == (1, "squarer fails at this text: assertion failed", 9)


def test_where_texts_cannot_be_told_apart_the_model_fails_as_a_whole() -> None:
    with pytest.raises(ModelError, match="squarer cannot be run: no such number"), failing("squarer"):
        Square([1])([1])
    with pytest.raises(MemoryError), failing("squarer"):
        raise MemoryError


def test_the_reason_is_in_words_of_a_reader() -> None:
    beyond = (
        "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Non-zero status code returned while running Gather node. Name:'e' "
    )
    beyond += "Status Message: indices element out of data bounds, idx=11 must be within the inclusive range [-11,10]"
    assert reason_of(RuntimeError(beyond)) == "one of its tokens has the number 11, and the network has 11 embeddings"
    assert "no embedding" in reason_of(IndexError("index out of range in self"))
    assert reason_of(RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : bad shape\nmore")) == "bad shape"
    assert reason_of(ValueError()) == "ValueError"
