"""What the server counts, in the text format of Prometheus."""

from __future__ import annotations

import re
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """Counts requests and records.

    Args:
        commands: the last parts of the paths that are counted by their names; all others are ``other``.
        n_waiting: returns the number of requests that wait.
    """

    def __init__(self, commands: frozenset[str], n_waiting: Callable[[], int]) -> None:
        self._commands = commands
        self._registry = CollectorRegistry()
        of_requests = ("command", "status")
        self._requests = Counter("nlptool_requests", "Requests answered.", of_requests, registry=self._registry)
        self._seconds = Histogram(
            "nlptool_request_seconds", "Seconds of a request.", ("command",), buckets=_SECONDS, registry=self._registry
        )
        self._records = Counter("nlptool_records", "Records written.", ("command",), registry=self._registry)
        waiting = Gauge("nlptool_queue_length", "Requests that wait for a process.", registry=self._registry)
        waiting.set_function(n_waiting)
        self._models = Gauge("nlptool_open_models", "Models that are open.", registry=self._registry)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request; status 499: its client went before there was an answer."""
        command = self._name(path)
        self._requests.labels(command, str(status or 499)).inc()
        self._seconds.labels(command).observe(seconds)

    def wrote(self, command: str, n_records: int) -> None:
        """Count records."""
        self._records.labels(command).inc(n_records)

    def text(self, n_models: int) -> bytes:
        """Return all that was counted."""
        self._models.set(n_models)
        return generate_latest(self._registry)

    def _name(self, path: str) -> str:
        match = re.fullmatch(r"/(?:v1/)?([a-z-]+)", path)
        return match[1] if match and match[1] in self._commands else "other"
