"""The models that generate and are open in this process; one request runs after the other, in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from nlptool.cli.serve.errors import Refused
from nlptool.errors import ModelError, NlptoolError

if TYPE_CHECKING:
    from nlptool.models.generation.decoding import Decoding
    from nlptool.models.generation.generator import GeneratedText, Generator
    from nlptool.models.generation.tokenizer import Source
    from nlptool.specs import DecodingSpec
    from nlptool.tasks.open_models import OpenModels

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for."""

    model: str
    prompts: list[str]
    decoding: DecodingSpec
    seed: int


@dataclass(frozen=True, slots=True)
class Completed:
    """The texts of a prompt, the best first."""

    texts: list[GeneratedText]
    n_prompt_tokens: int
    is_truncated: bool  # the prompt was too long


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the text of a prompt.

    Attributes:
        index: of the prompt.
        completed: the whole text; the last piece has it.
    """

    index: int
    text: str = ""
    completed: Completed | None = None


class Generators:
    """Opens models when they are wanted.

    Args:
        memory: bytes that this process may hold before it closes one.
    """

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="generator")
        self._models: OpenModels | None = None

    def __len__(self) -> int:
        return len(self._models) if self._models is not None else 0

    async def complete(self, asked: Asked) -> list[Completed]:
        """Complete the prompts of a request.

        Raises:
            Refused: the model cannot be opened, or cannot do it.
        """
        return await self._run(lambda: self._complete(asked))

    async def stream(self, asked: Asked) -> AsyncIterator[Piece]:
        """Give the text of one prompt after another, piece by piece. The thread stops when nobody takes the pieces any more.

        Raises:
            Refused: as of ``complete``.
        """
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        is_wanted = threading.Event()
        is_wanted.set()

        def work() -> None:
            try:
                self._stream(asked, is_wanted, lambda piece: loop.call_soon_threadsafe(pieces.put_nowait, piece))
            finally:
                loop.call_soon_threadsafe(pieces.put_nowait, None)

        running = asyncio.ensure_future(self._run(work))
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            await running
        finally:
            is_wanted.clear()
            running.cancel()

    async def _run(self, work: Callable[[], Value]) -> Value:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except NlptoolError as error:
            raise Refused(404 if isinstance(error, ModelError) else 400, error.with_hint) from error

    def _opened(self, asked: Asked, *, streams: bool) -> tuple[Generator, Decoding, list[Source]]:
        """Open the model, if it is not open, and read the prompts as it does.

        Raises:
            Refused: a prompt is empty, and the model does not begin from nothing.
        """
        from dataclasses import replace

        from nlptool.models.runtime.one_by_one import loading
        from nlptool.specs import GeneratorSpec
        from nlptool.tasks.open_model import decoding_of, locate_model
        from nlptool.tasks.open_models import OpenModels

        if self._models is None:
            self._models = OpenModels(lambda: self._memory)
        spec = GeneratorSpec(asked.model, offline=True)
        resolved = decoding_of(spec, asked.decoding, streams=streams)
        located = locate_model(replace(spec, needs=resolved.needs))
        with loading(located.name):
            generator: Generator = self._models.get(located)
        sources = generator.tokenize(asked.prompts)
        for number, (prompt, source) in enumerate(zip(asked.prompts, sources, strict=True)):
            if not source.ids or not (generator.begins_empty or prompt.strip()):
                raise Refused(400, f"prompt {number} is empty, and {asked.model} needs a text", param="prompt")
        return generator, resolved.decoding, sources

    def _complete(self, asked: Asked) -> list[Completed]:
        generator, decoding, sources = self._opened(asked, streams=False)
        seeds = [[asked.seed, number] for number in range(len(sources))] if decoding.sample else None
        found = generator.generate(sources, decoding, seeds=seeds)
        if decoding.sample:
            found = [sorted(texts, key=lambda text: -text.log_probability) for texts in found]
        return [_completed(source, texts) for source, texts in zip(sources, found, strict=True)]

    def _stream(self, asked: Asked, is_wanted: threading.Event, give: Callable[[Piece], Any]) -> None:
        generator, decoding, sources = self._opened(asked, streams=True)
        for index, source in enumerate(sources):
            for piece in generator.stream(source, decoding, seed=[asked.seed, index] if decoding.sample else None):
                if not is_wanted.is_set():
                    return
                if isinstance(piece, str):
                    give(Piece(index, piece))
                else:
                    give(Piece(index, completed=_completed(source, [piece])))


def _completed(source: Source, texts: list[GeneratedText]) -> Completed:
    return Completed(texts, source.n_tokens, source.truncated)
