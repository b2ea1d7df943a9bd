"""The masked language model that a command asks, chosen by ``options.bert``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nlptool.models.runtime import devices
from nlptool.records.pipe import Pipe
from nlptool.specs import MaskedModelSpec

if TYPE_CHECKING:
    from nlptool.models.masked.loading import LocatedMaskedModel
    from nlptool.models.masked.model import MaskedModel


def prepare(pipe: Pipe, choice: MaskedModelSpec, *, head: str) -> LocatedMaskedModel:
    """Find the model, and convert it if that has not been done.

    Args:
        head: what it must be able to do: mlm | nsp.

    Raises:
        ModelError: it is not there, is damaged, or has no such head.
        RunError: the device is not there.
    """
    from nlptool.models.masked import loading as masked_loading
    from nlptool.models.masked import model as masked_models

    settings = masked_models.MaskedModelSettings(
        max_length=choice.max_length,
        batch_tokens=choice.batch_tokens,
        threads=choice.threads or devices.processors(),
        deterministic=choice.deterministic,
    )
    with pipe.bar as bar:
        return masked_loading.prepare(
            choice.model, settings, head=head, engine=choice.engine, device=choice.device, offline=choice.offline,
            allow_pickle=choice.allow_pickle, note=pipe.note,
            report=lambda there, total, _: bar.transfer(choice.model, there, total),
        )  # fmt: skip


def load(pipe: Pipe, choice: MaskedModelSpec, *, head: str) -> MaskedModel:
    """Prepare and open in one step."""
    return prepare(pipe, choice, head=head).open()
