"""The model that generates, chosen by ``options.generator``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nlptool.models.runtime import devices
from nlptool.records.pipe import Pipe
from nlptool.specs import GeneratorSpec

if TYPE_CHECKING:
    from nlptool.models.generation.generator import Generator
    from nlptool.models.generation.loading import LocatedGenerator


def prepare(pipe: Pipe, choice: GeneratorSpec, *, needs: str = "search") -> LocatedGenerator:
    """Find the model, and convert it if that has not been done.

    Args:
        needs: what it is to do: search | sampling | attention.

    Raises:
        ModelError: it is not there, is damaged, or cannot do that.
        RunError: the device is not there.
    """
    from nlptool.models.generation import generator
    from nlptool.models.generation import loading as generator_loading

    settings = generator.GeneratorSettings(
        prefix=choice.prefix,
        source_lang=choice.source_lang,
        target_lang=choice.target_lang,
        max_length=choice.max_length,
        batch_tokens=choice.batch_tokens,
        threads=choice.threads or devices.processors(),
        deterministic=choice.deterministic,
    )
    with pipe.bar as bar:
        return generator_loading.prepare(
            choice.model, settings, needs=needs, engine=choice.engine, device=choice.device, offline=choice.offline,
            allow_pickle=choice.allow_pickle, note=pipe.note,
            report=lambda there, total, _: bar.transfer(choice.model, there, total),
        )  # fmt: skip


def load(pipe: Pipe, choice: GeneratorSpec, *, needs: str = "search") -> Generator:
    """Prepare and open in one step."""
    return prepare(pipe, choice, needs=needs).open()
