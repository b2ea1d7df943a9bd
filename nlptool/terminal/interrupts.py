"""Ctrl-C: it is remembered; in a training the first one stops at the next checkpoint, and the second ends the program at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

TYPE_CHECKING = (
    False  # as of typing, whose import would take a seventh of the start of a command that a warm server runs
)
if TYPE_CHECKING:
    from typing import NoReturn

_came: list[int] = []  # the signals


def remember() -> None:
    """Remember Ctrl-C from now on, beside raising KeyboardInterrupt: a library that is in the middle of something may raise
    something else for it, as an extension module that is being imported does (ImportError: initialization failed)."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # elsewhere it is ignored, as behind nohup
        signal.signal(signal.SIGINT, _interrupt)


def die_of(number: int) -> NoReturn:
    """End this process by a signal itself, so that the shell sees 130 or 141 and its loops stop."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    sys.exit(128 + number)


def forget() -> None:
    """Forget what was remembered: another run begins in this process."""
    _came.clear()


@contextlib.contextmanager
def raised_as_such() -> Iterator[None]:
    """Raise KeyboardInterrupt for an error that comes after Ctrl-C, whatever it is called; but a closed pipe stays one."""
    try:
        yield
    except BrokenPipeError:
        raise
    except Exception as error:
        if _came:
            raise KeyboardInterrupt from error
        raise


def _interrupt(number: int, frame: FrameType | None) -> None:
    _came.append(number)
    signal.default_int_handler(number, frame)


@contextlib.contextmanager
def stop_at_interrupt(say: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Give a function that returns whether Ctrl-C was typed, to be called now and then.

    Args:
        say: called once, in the first such call after Ctrl-C.
    """
    caught = announced = False

    def stop(*_: object) -> None:  # writes nothing: it may have interrupted a write to stderr
        nonlocal caught
        caught = True
        signal.signal(signal.SIGINT, _interrupt)

    def stopped() -> bool:
        nonlocal announced
        if caught and not announced:
            announced = True
            say()
        return caught

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)
