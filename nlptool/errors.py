"""The errors, each with its exit code.

A ``RunError`` ends the run. A ``RecordError`` belongs to one record: it is written in the record's place, and the run goes
on. ``WrongUsage`` is what tasks raise for options that contradict each other.
"""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable, Mapping
from typing import Any

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_RECORDS_FAILED = 3
EXIT_NO_MODEL = 4


class NlptoolError(Exception):
    """An error with a message (what was wrong) and a hint (the next thing to type)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def with_hint(self) -> str:
        """The message, and the hint on a line of its own."""
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class RunError(NlptoolError):
    """The run cannot go on."""

    exit_code = EXIT_FAILED


class WrongUsage(NlptoolError):
    """Options or arguments do not go together. The command line shows it as its own mistakes, with exit code 2."""

    exit_code = EXIT_USAGE


class ModelError(RunError):
    """A model or a dictionary is not there or is damaged, or an index is damaged."""

    exit_code = EXIT_NO_MODEL


class NotConvertible(ModelError):
    """A model does not run in onnxruntime, CTranslate2 or numpy, only in torch. The message says why."""


class OutOfMemory(RunError):
    """The memory that the system gives does not suffice, or the threads."""


class RecordError(NlptoolError):
    """One record cannot be processed.

    Args:
        type: a word for programs.
        message: a sentence for people.
        raw: the record's bytes where its text cannot hold them.
        details: further fields of the record's error.
    """

    def __init__(
        self, type: str, message: str, *, hint: str = "", raw: bytes = b"", details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.type = type
        self.raw = raw
        self.details = details or {}

    def __reduce__(self) -> tuple[Callable[..., RecordError], tuple[str, str]]:
        """Pickle it: workers send it through a pipe."""
        return functools.partial(RecordError, hint=self.hint, raw=self.raw, details=self.details), (
            self.type,
            self.message,
        )


def first_line(error: BaseException) -> str:
    """Return the first line of what an error of a library says that is not blank; the name of its class if it says nothing."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


_NOTHING_CAN_BE_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether an error, or one that caused it, says that nothing can be written: the disk is full, say, or read-only."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NOTHING_CAN_BE_WRITTEN:
            return True
        error = error.__cause__
    return False


_OUT_OF_MEMORY = (
    "std::bad_alloc", "Cannot allocate memory", "can't allocate memory", "not enough memory", "Failed to allocate memory",
    "out of memory", "can't start new thread", "failed to map segment", "Unable to allocate",
)  # fmt: skip


def is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether an error, or one that caused it, is the lack of memory or of threads, in the words of whichever library."""
    while error is not None:
        if isinstance(error, MemoryError | OutOfMemory) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if not isinstance(error, NlptoolError) and any(words in str(error) for words in _OUT_OF_MEMORY):
            return True
        error = error.__cause__
    return False
