"""A model that CTranslate2 has loaded, and the threads that compute it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError

LARGEST_LOGITS = 1 << 25
"""Numbers of logits in memory at once: 128 MiB."""

_MANY = 4  # texts for each thread: with so many, each thread computes texts of its own
_POLL = 0.001  # seconds


class Network:
    """A loaded model.

    A few texts are computed by all threads together. If there are many, each thread computes texts of its own, because threads
    that wait for each other after every matrix product take five times as long on a busy machine. The model is then reloaded.

    Args:
        load: returns a ``ctranslate2.Translator`` or a ``ctranslate2.Generator``, given the number of batches that are computed
            at the same time and the number of threads for each.
        threads: at most.
        is_small: a few texts are computed by one thread, since several would wait for each other.

    Attributes:
        model: what ``load`` returned.
        parts: batches that it computes at the same time.

    Raises:
        ModelError: it cannot be loaded.
    """

    def __init__(self, load: Callable[[int, int], Any], *, threads: int, is_small: bool) -> None:
        self._load, self._threads, self.parts = load, threads, 1
        self.model = load(1, 1 if is_small else threads)

    def divide_threads(self, n_texts: int) -> None:
        """Let each thread compute texts of its own from now on, if there are many."""
        if self._threads > self.parts and n_texts >= _MANY * self._threads:
            self.model = None  # free it before the next one is loaded
            self.model, self.parts = self._load(self._threads, 1), self._threads

    def run(self, name: str, texts: Sequence[Sequence[str]], *more: Any, **options: Any) -> list[Any]:
        """Return the results of a method of the model for a batch of texts, which the threads share out among themselves. The
        call is asynchronous: a synchronous one could not be interrupted by Ctrl-C before its end.

        Args:
            name: of the method.
            more, options: its further arguments.

        Raises:
            RuntimeError: the network cannot be run.
        """
        n_batch = -(-len(texts) // self.parts)
        pending = getattr(self.model, name)(texts, *more, max_batch_size=n_batch, **options, asynchronous=True)
        while not all(result.done() for result in pending):
            time.sleep(_POLL)
        return [result.result() for result in pending]


def loader(
    folder: Path, files: Mapping[str, bytes] | None, *, is_decoder: bool, compute_type: str
) -> Callable[[int, int], Any]:
    """Return the function that loads a converted model, as ``Network`` takes it. It raises a ModelError if the model cannot be
    loaded.

    Args:
        folder: of the copy; with ``files`` only a name for messages.
        files: name -> content, of a model that is no folder.
        compute_type: float32 | int8, of the matrices.
    """
    import ctranslate2

    model_class = ctranslate2.Generator if is_decoder else ctranslate2.Translator

    def load(parts: int, threads: int) -> Any:
        options: dict[str, Any] = {
            "inter_threads": parts,
            "intra_threads": threads,
            "files": dict(files) if files else None,
        }
        options |= {"device": "cpu", "compute_type": compute_type}
        try:
            # In a thread of its own: the library sets OpenMP's number of threads, which torch shares, for the thread that loads.
            with ThreadPoolExecutor(1) as thread:
                return thread.submit(model_class, str(folder), **options).result()
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"the converted copy in {folder} cannot be loaded: {error}",
                hint=f"rm -r {folder}: the next run makes it anew",
            ) from error

    return load
