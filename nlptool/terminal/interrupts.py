"""Ctrl-C in a training: the first one stops it at the next checkpoint, the second ends the program at once."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator


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
        signal.signal(signal.SIGINT, signal.default_int_handler)

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
