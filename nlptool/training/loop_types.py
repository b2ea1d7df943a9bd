"""What the training loop asks of the batches of a training, and the options of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypedDict, TypeVar

from nlptool.training.settings import LoopSettings


class SizedBatch(Protocol):
    """A batch that knows its number of tokens."""

    @property
    def n_tokens(self) -> int: ...  # without padding


BatchT = TypeVar("BatchT", bound=SizedBatch)

SettingsT = TypeVar("SettingsT", bound=LoopSettings)


class RunOptions(TypedDict, total=False):
    """Options of a run that do not change its result.

    resume: go on from the checkpoint of an interrupted training.
    device: cpu, or another device of torch.
    began: ``time.monotonic()`` at which ``settings.max_minutes`` begin to count.
    report: called with label, done, total and unit as the work goes on.
    note: called with messages for the user, such as the planned number of steps.
    stop: called before each step; if it returns True, a checkpoint is written and KeyboardInterrupt raised.
    """

    resume: bool
    device: str
    began: float
    report: Callable[[str, int, int, str], None]
    note: Callable[[str], None]
    stop: Callable[[], bool]
