"""Texts that end a generation: --stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stopped:
    """A generated text that holds a stop text.

    Attributes:
        text: what stands before it.
        stop: the stop text.
    """

    text: str
    stop: str


class StopTexts:
    """Texts that end a generation; none is empty."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops

    def find(self, text: str) -> Stopped | None:
        """Return where a text ends: before the stop text that is complete first; of two that are complete at the same character,
        the longer one. None: it holds none."""
        found = [(start + len(stop), start, stop) for stop in self._stops if (start := text.find(stop)) >= 0]
        if not found:
            return None
        _, start, stop = min(found)
        return Stopped(text[:start], stop)

    def shown(self, text: str) -> str:
        """Return what can be shown of an unfinished text that holds no stop text: its end may be the beginning of one."""
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        for start in range(max(0, len(text) - longest), len(text)):
            if any(stop.startswith(text[start:]) for stop in self._stops):
                return text[:start]
        return text
