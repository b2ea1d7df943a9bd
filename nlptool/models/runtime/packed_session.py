"""A network in onnxruntime whose weights may be in 8 bits."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.models.runtime import onnx as onnx_runtime
from nlptool.models.runtime import runs
from nlptool.models.store import int8_weights
from nlptool.models.store.kinds import INT8_WEIGHTS

_QUICK_BATCHES = 8  # before matrices of 8 bits are arranged anew, which takes as long as it saves in so many


class PackedSession:
    """A session of a graph. With weights in 8 bits it answers a few batches before its matrices are arranged anew in memory:
    that makes products faster, changes their last digits, and takes longer than a few texts do.

    Args:
        about: the manifest of the graph. With ``initializers``, the names of the tensors that the graph asks for, the weights
            are in 8 bits.
        graph, weights, threads, deterministic: as of ``onnx.session``.
    """

    def __init__(
        self, about: Mapping[str, Any], graph: Path, weights: Path, *, threads: int = 0, deterministic: bool = False
    ) -> None:
        self._initializers: dict[str, NDArray[np.float32]] = {}  # the session reads them where they are
        if names := about.get("initializers"):
            self._initializers = int8_weights.initializers(weights / INT8_WEIGHTS, names)
        self._open = functools.partial(
            onnx_runtime.session, graph, weights,
            initializers=self._initializers, threads=threads, deterministic=deterministic,
        )  # fmt: skip
        self._is_packed_later = bool(self._initializers) and not deterministic
        self._n_batches, self._run = 0, runs.current()
        self._quick: Any = self._open(prepack=False) if self._is_packed_later else None
        self._packed: Any = None if self._is_packed_later else self._open(prepack=True)

    def run(
        self, feeds: Mapping[str, NDArray[np.int64]], outputs: Sequence[str] | None = None
    ) -> list[NDArray[np.float32]]:
        """Return the outputs of the graph.

        Args:
            outputs: their names; what the others need is not computed. None: all, in the order of the graph.
        """
        if self._run != runs.current():  # a run of its own would begin with the quick session
            self._n_batches, self._run = 0, runs.current()
        session = self._session_of_batch()
        self._n_batches += 1
        return session.run(outputs, feeds, onnx_runtime.only_needed(outputs))  # type: ignore[no-any-return]

    def _session_of_batch(self) -> Any:
        if self._is_packed_later and self._n_batches < _QUICK_BATCHES:
            return self._quick
        if self._packed is None:
            if not self._run:  # nobody needs the quick one again, and two at once hold the weights twice
                self._quick = None
            self._packed = self._open(prepack=True)
        return self._packed
