"""The model that generates, chosen by ``options.generator``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nlptool import options
from nlptool.pipe import Pipe

if TYPE_CHECKING:
    from nlptool.models.generation import Generator, Prepared


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line says of the model: ``options.generator``."""

    model: str
    prefix: str = ""
    source_lang: str | None = None
    target_lang: str | None = None
    max_length: int | None = None  # tokens of a source; as the model says
    engine: str = "auto"
    device: str = "auto"
    batch_tokens: int | None = None
    threads: int | None = None
    deterministic: bool = False
    offline: bool = False
    allow_pickle: bool = False


def prepare(pipe: Pipe, choice: Choice, *, needs: str = "search") -> Prepared:
    """Find the model, and convert it if that has not been done.

    Args:
        needs: what it is to do: search | sampling | attention.

    Raises:
        ModelError: it is not there, is damaged, or cannot do that.
        RunError: the device is not there.
    """
    from nlptool.models import generation

    settings = generation.Settings(
        prefix=choice.prefix,
        source_lang=choice.source_lang,
        target_lang=choice.target_lang,
        max_length=choice.max_length,
        batch_tokens=choice.batch_tokens,
        threads=choice.threads or options.processors(),
        deterministic=choice.deterministic,
    )
    with pipe.bar as bar:
        return generation.prepare(
            choice.model, settings, needs=needs, engine=choice.engine, device=choice.device, offline=choice.offline,
            allow_pickle=choice.allow_pickle, note=pipe.note,
            report=lambda there, total, _: bar.transfer(choice.model, there, total),
        )  # fmt: skip


def load(pipe: Pipe, choice: Choice, *, needs: str = "search") -> Generator:
    """Prepare and open in one step."""
    return prepare(pipe, choice, needs=needs).open()
