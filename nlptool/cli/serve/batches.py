"""Texts of several requests, embedded together by one encoder that is open in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nlptool.cli.serve.errors import Refused

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LARGEST = 256  # texts of a batch; a request with more is a batch of its own
_LONGEST = 0.005  # seconds after its first text at which a batch is closed at the latest


@dataclass(frozen=True, slots=True)
class Embedded:
    """The texts of a request, embedded."""

    vectors: NDArray[np.float32]  # (N, D)
    n_tokens: list[int]
    truncated: list[bool]
    failed: dict[int, str]  # index of a text that has no vector -> why


@dataclass(eq=False)
class _Waiting:
    texts: Sequence[str]
    answer: asyncio.Future[Embedded]


class Batches:
    """Gathers texts and embeds them in a thread.

    Args:
        encode: texts to ``Embeddings``.
        thread: runs it.
    """

    def __init__(self, encode: Callable[[Sequence[str]], Any], thread: ThreadPoolExecutor) -> None:
        self._encode = encode
        self._thread = thread
        self._waiting: asyncio.Queue[_Waiting | None] = asyncio.Queue()
        self._n_last = 1  # texts of the last batch
        self._working = asyncio.get_running_loop().create_task(self._work())

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed the texts of a request, together with those of others."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(texts, loop.create_future())
        self._waiting.put_nowait(waiting)
        if self._working.done():  # it was closed at this moment
            self._working = loop.create_task(self._work())
        return await waiting.answer

    def close(self) -> None:
        """Answer what waits, and end."""
        self._waiting.put_nowait(None)

    async def _work(self) -> None:
        while (batch := await self._gathered()) is not None:
            if not batch:
                continue
            texts = [text for each in batch for text in each.texts]
            try:
                found = await asyncio.get_running_loop().run_in_executor(self._thread, self._encode, texts)
            except Exception as error:  # noqa: BLE001  # it is the error of these requests, and others follow
                _fail(batch, error)
                continue
            start = 0
            for each in batch:
                if not each.answer.done():  # its client is gone
                    each.answer.set_result(_part(found, start, start + len(each.texts)))
                start += len(each.texts)

    async def _gathered(self) -> list[_Waiting] | None:
        """Return the requests of the next batch; None: there are no more.

        A batch begins when half as many texts are there as in the last one. The others come while the encoder works: clients that
        each wait for their answer become two groups that take turns.
        """
        while (first := await self._waiting.get()) is None:
            if self._waiting.empty():
                return None
        batch, n_texts = [first], len(first.texts)
        ends = asyncio.get_running_loop().time() + _LONGEST
        with contextlib.suppress(TimeoutError):
            while n_texts < _LARGEST and (n_texts < self._n_last // 2 or not self._waiting.empty()):
                async with asyncio.timeout_at(ends):
                    each = await self._waiting.get()
                if each is None:
                    self._waiting.put_nowait(None)  # for the next call
                    break
                batch.append(each)
                n_texts += len(each.texts)
        self._n_last = n_texts
        return [each for each in batch if not each.answer.done()]


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for each in batch:
        if not each.answer.done():
            each.answer.set_exception(Refused(500, f"the model failed: {error}"))


def _part(found: Any, start: int, end: int) -> Embedded:
    """Return what belongs to some of the texts of a batch."""
    failed = {**found.no_vector, **{index: error.message for index, error in found.errors.items()}}
    return Embedded(
        found.vectors[start:end],
        found.n_tokens[start:end],
        found.truncated[start:end],
        {index - start: reason for index, reason in failed.items() if start <= index < end},
    )
