"""The settings that trainings share. A training adds its own fields, and other defaults.

The names of checkpoints hold a digest of all settings, whatever their order: a field that comes or goes makes the checkpoints of
earlier versions those of another training.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """What the training loop needs to know."""

    learning_rate: float = 1e-3  # the peak
    warmup_ratio: float = 0.05  # share of the steps in which the learning rate rises
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0  # gradients are clipped to this norm; 0: not
    gradient_accumulation: int = 1  # batches of a step
    max_steps: int | None = None  # of this and the next two the first that is reached ends the training
    epochs: int | None = None
    max_minutes: float | None = None
    seed: int = 1
    optimizer: str = "adamw"  # or muon, for the matrices of the layers


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings(LoopSettings):
    """The settings of a training that is a command's."""

    precision: str = "auto"  # float32, bfloat16


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedSettings(TrainingSettings):
    """The settings of a training whose best weights on dev are kept."""

    evaluations: int = 20  # on dev, at most
    patience: int | None = None  # evaluations without a better score, after which it ends
    keep: str = "best"  # or last: the weights that are kept
