"""The encoders that are open in this process, each with the batches that it embeds."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from nlptool.cli.serve.batches import Batches, Embedded
from nlptool.cli.serve.errors import Refused
from nlptool.errors import ModelError, NlptoolError

_MOST_OPEN = 4


class Encoders:
    """Opens encoders when they are wanted; the one that was used longest ago is closed when there are too many."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="encoder")
        self._open: OrderedDict[str, asyncio.Task[Batches]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    async def embed(self, model: str, texts: Sequence[str]) -> Embedded:
        """Embed texts with a model.

        Raises:
            Refused: the model cannot be opened, or fails.
        """
        opening = self._open.get(model)
        if opening is None:
            while len(self._open) >= _MOST_OPEN:
                _, oldest = self._open.popitem(last=False)
                oldest.add_done_callback(_close)
            opening = self._open[model] = asyncio.create_task(self._batches(model))
        self._open.move_to_end(model)
        try:
            batches = await asyncio.shield(opening)
        except NlptoolError as error:
            if self._open.get(model) is opening:
                del self._open[model]
            raise Refused(404 if isinstance(error, ModelError) else 422, error.with_hint, param="model") from error
        return await batches.embed(texts)

    async def _batches(self, model: str) -> Batches:
        encode = await asyncio.get_running_loop().run_in_executor(self._thread, _opened, model)
        return Batches(encode, self._thread)


def _close(opening: asyncio.Task[Batches]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _opened(model: str) -> Callable[[Sequence[str]], Any]:
    """Open an encoder; return the function that embeds texts."""
    from nlptool.specs import EncoderSpec
    from nlptool.tasks.encoding import open_encoder
    from nlptool.tasks.open_model import locate_model

    return open_encoder(locate_model(EncoderSpec(model, offline=True)))
