"""Ctrl-C in a training: the first one asks for an end that loses nothing, the second ends the program at once."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def stop_at_interrupt(say: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether Ctrl-C was typed, to be asked now and then.

    Args:
        say: called once, by the first question after it.
    """
    caught = said = False

    def stop(*_: object) -> None:  # says nothing: it may have interrupted a write to stderr
        nonlocal caught
        caught = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def stopped() -> bool:
        nonlocal said
        if caught and not said:
            said = True
            say()
        return caught

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)
