"""The masked language model that a command asks, chosen by ``options.bert``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nlptool import options
from nlptool.catalogue import DEFAULT_BERT
from nlptool.pipe import Pipe

if TYPE_CHECKING:
    from nlptool.models.masked import MaskedModel, Prepared


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line says of the model: ``options.bert``."""

    model: str = DEFAULT_BERT
    max_length: int | None = None  # tokens; as the model says
    engine: str = "auto"
    device: str = "auto"
    batch_tokens: int | None = None
    threads: int | None = None
    deterministic: bool = False
    offline: bool = False
    allow_pickle: bool = False


def prepare(pipe: Pipe, choice: Choice, *, head: str) -> Prepared:
    """Find the model, and convert it if that has not been done.

    Args:
        head: what it must be able to do: mlm | nsp.

    Raises:
        ModelError: it is not there, is damaged, or has no such head.
        RunError: the device is not there.
    """
    from nlptool.models import masked

    settings = masked.Settings(
        max_length=choice.max_length,
        batch_tokens=choice.batch_tokens,
        threads=choice.threads or options.processors(),
        deterministic=choice.deterministic,
    )
    with pipe.bar as bar:
        return masked.prepare(
            choice.model, settings, head=head, engine=choice.engine, device=choice.device, offline=choice.offline,
            allow_pickle=choice.allow_pickle, note=pipe.note,
            report=lambda there, total, _: bar.transfer(choice.model, there, total),
        )  # fmt: skip


def load(pipe: Pipe, choice: Choice, *, head: str) -> MaskedModel:
    """Prepare and open in one step."""
    return prepare(pipe, choice, head=head).open()
