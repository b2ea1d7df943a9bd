"""What the training loop asks of the settings and the batches of a training, and the options of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypedDict, TypeVar


class TrainingSettings(Protocol):
    """The settings that every training has; a frozen dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def learning_rate(self) -> float: ...  # the peak
    @property
    def warmup_ratio(self) -> float: ...  # share of the steps in which the learning rate rises
    @property
    def weight_decay(self) -> float: ...
    @property
    def max_grad_norm(self) -> float: ...  # gradients are clipped to this norm; 0: not
    @property
    def gradient_accumulation(self) -> int: ...  # batches of a step
    @property
    def max_steps(self) -> int | None: ...
    @property
    def epochs(self) -> int | None: ...
    @property
    def max_minutes(self) -> float | None: ...
    @property
    def seed(self) -> int: ...
    @property
    def optimizer(self) -> str: ...  # adamw, or muon for the matrices of the layers


class SizedBatch(Protocol):
    """A batch that knows its number of tokens."""

    @property
    def n_tokens(self) -> int: ...  # without padding


BatchT = TypeVar("BatchT", bound=SizedBatch)

SettingsT = TypeVar("SettingsT", bound=TrainingSettings)


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
