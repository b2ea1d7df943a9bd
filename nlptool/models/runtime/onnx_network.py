"""A network in onnxruntime: token ids to the outputs of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from nlptool.models.runtime import inputs
from nlptool.models.runtime.onnx import BATCH_TOKENS
from nlptool.models.runtime.packed_session import PackedSession


class OnnxNetwork:
    """A graph that takes token ids, and what its manifest says beside them.

    Args:
        about: the manifest: ``masks``, ``types``, and what ``PackedSession`` reads of it.
        graph, weights, threads, deterministic: as of ``PackedSession``.
    """

    engine = "onnx"
    batch_tokens = BATCH_TOKENS

    def __init__(
        self, about: Mapping[str, Any], graph: Path, weights: Path, *, threads: int = 0, deterministic: bool = False
    ) -> None:
        self._about = about
        self._session = PackedSession(about, graph, weights, threads=threads, deterministic=deterministic)

    def __call__(
        self, ids: NDArray[Any], mask: NDArray[Any], types: NDArray[Any], **more: NDArray[Any]
    ) -> list[NDArray[Any]]:
        """Return the outputs of the graph, float32.

        Args:
            ids, mask, types: as of ``inputs.named``.
            more: other inputs of the graph, by their names.
        """
        return self._session.run(inputs.named(self._about, ids, mask, types) | more)
