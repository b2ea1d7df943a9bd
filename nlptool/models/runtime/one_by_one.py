"""A model run on many texts: those at which it fails are found, and the others keep their results.

What a library raises for a batch (onnxruntime, torch, tokenizers, CTranslate2, MeCab) does not say which text is to blame. The
batch is halved until the text stands alone, so that a text that fails costs few further runs of the others. Before that the
model gets a text that every model can read: if it fails at this one too, it is the model that is damaged.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from nlptool.errors import ModelError, NlptoolError, OutOfMemory, RecordError, is_out_of_memory

Item = TypeVar("Item")
Result = TypeVar("Result")

GOOD_TEXT = "a"
"""A text that every model can read."""

_MISTAKES = (TypeError, AttributeError, NameError, LookupError, AssertionError)
_ONNX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_BEYOND = re.compile(r"idx=(\d+) must be within the inclusive range \[-(\d+),|index out of range in self")


class OneByOne(Generic[Item, Result]):
    """Runs a model on items (texts, pairs of texts, ...), and finds those at which it fails.

    Args:
        run: returns the result of some items. It is called again with a part of them if it fails.
        good: an item at which no model fails that is whole.
        name: of the model, for messages.
        engine: that runs it; if it has another, the message of a model that fails says so.
    """

    def __init__(self, run: Callable[[Sequence[Item]], Result], good: Item, *, name: str, engine: str = "") -> None:
        self._run = run
        self._good = good
        self._name = name
        self._hint = "--engine torch may run it" if engine in ("onnx", "ct2") else ""

    def parts(self, items: Sequence[Item]) -> Iterator[tuple[int, Result | RecordError]]:
        """Yield the results of parts of ``items``, in order, each with the index of the first item of the part. For an item at
        which the model fails there is the error, which is raised if it is none of that item: lack of memory, a bug of ours.

        Raises:
            ModelError: the model fails at every text.
        """
        waiting = [(0, len(items))] if items else []
        is_whole = False
        while waiting:
            start, end = waiting.pop()
            outcome: Result | RecordError
            try:
                outcome = self._run(items[start:end])
            except BaseException as error:
                if not is_of_model(error) and not isinstance(error, RecordError):
                    raise
                is_whole = is_whole or self._is_whole()
                if end - start > 1:
                    middle = (start + end) // 2
                    waiting += [(middle, end), (start, middle)]
                    continue
                outcome = self._error(error)
            yield start, outcome

    def _is_whole(self) -> bool:
        try:
            self._run([self._good])
        except RecordError:
            pass  # the text is not to the model's liking, which is a word of ours
        except ModelError:
            raise
        except BaseException as error:
            if is_of_model(error):
                reason = f"{self._name} cannot be run: {reason_of(error)}"
                raise ModelError(reason, hint=self._hint or "nlptool models verify finds what is damaged") from error
            raise
        return True

    def _error(self, error: BaseException) -> RecordError:
        if isinstance(error, RecordError):
            return error
        if isinstance(error, ModelError):
            return RecordError("ModelFailed", error.message, hint=error.hint)
        return RecordError("ModelFailed", f"{self._name} fails at this text: {reason_of(error)}")


def each(runner: OneByOne[Item, Sequence[Result]], items: Sequence[Item]) -> list[Result | RecordError]:
    """Return the result or the error of each item, of a runner that gives a result for each."""
    found: list[Result | RecordError] = []
    for _, outcome in runner.parts(items):
        found += [outcome] if isinstance(outcome, RecordError) else outcome
    return found


@contextmanager
def failing(name: str) -> Iterator[None]:
    """Raise a ModelError where a model fails whose texts cannot be told apart.

    Args:
        name: of the model.
    """
    try:
        yield
    except NlptoolError:
        raise
    except BaseException as error:
        if is_of_model(error):
            raise ModelError(f"{name} cannot be run: {reason_of(error)}") from error
        raise


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Raise a ModelError for whatever a library, or our own code, makes of the files of a damaged model, and OutOfMemory for one
    that is too large.

    Args:
        name: of the model.
    """
    try:
        yield
    except (OutOfMemory, BrokenPipeError):
        raise
    except BaseException as error:
        if is_out_of_memory(error):
            raise OutOfMemory(
                f"{name} does not fit into memory, or a library that it needs",
                hint="a smaller model needs less: nlptool models list",
            ) from error
        if isinstance(error, NlptoolError) or not (isinstance(error, Exception) or is_of_model(error)):
            raise
        if isinstance(error, OSError) and (error.errno == errno.ENOSPC or error.filename is None):
            raise
        reason = (
            f"{error.filename}: {error.strerror}"
            if isinstance(error, OSError)
            else f"{type(error).__name__}: {reason_of(error)}"
        )
        raise ModelError(f"{name} cannot be loaded: {reason}", hint="--debug shows where") from error


def is_of_model(error: BaseException) -> bool:
    """Return whether it says that a model fails, by a library or by us: no lack of memory, no failing file, no bug of ours."""
    if type(error).__name__ == "PanicException":  # of libraries in Rust; no Exception, as they say
        return True
    if not isinstance(error, Exception) or is_out_of_memory(error):
        return False
    if isinstance(error, NlptoolError | OSError):
        return isinstance(error, ModelError)
    return not (isinstance(error, _MISTAKES) and _raised_by(error).startswith("nlptool."))


def _raised_by(error: BaseException) -> str:
    """Return the name of the module whose line raised it: that of the last frame, functions in C having none."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return str(trace.tb_frame.f_globals.get("__name__", "")) if trace is not None else ""


def reason_of(error: BaseException) -> str:
    """Return what a library says of its failure, in a line."""
    text = str(error).strip()
    if beyond := _BEYOND.search(text):
        number, rows = beyond.groups()
        return (
            f"one of its tokens has the number {number}, and the network has {rows} embeddings"
            if number
            else "one of its tokens has a number for which the network has no embedding"
        )
    lines = _ONNX.sub("", text).splitlines()
    return lines[0][:200] if lines else type(error).__name__
