"""One small tree of errors, each with its exit code.

A ``RunError`` ends the run. A ``RecordError`` belongs to one record: it travels with it, is written in its place, and
the run goes on. Usage errors are click's own (exit 2).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

EXIT_FAILED = 1

EXIT_USAGE = 2
EXIT_RECORDS_FAILED = 3
EXIT_NO_MODEL = 4


class NlptoolError(Exception):
    """What was wrong, and the next thing to type."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class RunError(NlptoolError):
    """The run cannot go on."""

    exit_code = EXIT_FAILED


class WrongUsage(NlptoolError):
    """Options or arguments do not go together. The command line shows it as its own mistakes, with exit code 2."""

    exit_code = EXIT_USAGE


class ModelError(RunError):
    """A model or a dictionary is not there, or is damaged."""

    exit_code = EXIT_NO_MODEL


class NotConvertible(ModelError):
    """A model does not run in onnxruntime or CTranslate2, only in torch. The message says why."""


class RecordError(NlptoolError):
    """One record cannot be processed. ``type`` is a word for programs, ``message`` a sentence for people.

    ``raw`` holds the record's own bytes where ``text`` cannot hold them; ``details`` are fields that the record's error
    has besides.
    """

    def __init__(
        self, type: str, message: str, *, hint: str = "", raw: bytes = b"", details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.type = type
        self.raw = raw
        self.details = details or {}

    def __reduce__(self) -> tuple[Callable[..., RecordError], tuple[str, str]]:
        """Workers send it through a pipe."""
        return functools.partial(RecordError, hint=self.hint, raw=self.raw, details=self.details), (
            self.type,
            self.message,
        )
