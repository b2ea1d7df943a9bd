"""Trainings that evaluate on the dev set, keep the weights of the best evaluation, and end early when there is none better."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from nlptool.training import loop
from nlptool.training.loop_types import BatchT, RunOptions
from nlptool.training.settings import EvaluatedSettings

SettingsT = TypeVar("SettingsT", bound=EvaluatedSettings)


class BestKeeper(loop.Trainer[SettingsT, BatchT]):
    """A training whose result are the weights of its best evaluation. A subclass calls ``keep_best`` when it has its network."""

    def __init__(self, settings: SettingsT, folder: Path, kind: str, data: str, run: RunOptions) -> None:
        super().__init__(settings, folder, kind, data, run)
        self._best: nn.Module | None = None

    def judged_by(self) -> tuple[str, int] | None:
        """Return the dev score by which the best evaluation is chosen, and 1 if higher is better, -1 if lower is; None: the last
        one is kept."""
        raise NotImplementedError

    def tell(self, line: Mapping[str, Any]) -> None:
        """Note an evaluation, a line of the curves, for the user."""

    def keep_best(self, *, is_evaluated: bool) -> None:
        """Prepare for the weights of the best evaluation, if there is a dev set."""
        self._best = copy.deepcopy(self.network) if is_evaluated else None

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The line of the curves whose weights are kept; None without a dev set."""
        lines = self._evaluated_lines()
        judged_by = self.judged_by()
        if not lines or judged_by is None:
            return lines[-1] if lines else None
        name, sign = judged_by
        return max(lines, key=lambda line: sign * float(line[f"dev_{name}"]))  # the first of equals

    def evaluation_steps(self, total: int) -> set[int]:
        """Return the ends of epochs, if the number of epochs ends the training."""
        n_epochs, evaluations = self.settings.epochs, self.settings.evaluations
        if n_epochs is None or total != n_epochs * self.epoch_steps:
            return loop.shares(total, min(total, evaluations))
        return {epoch * self.epoch_steps for epoch in loop.shares(n_epochs, min(n_epochs, evaluations))}

    def evaluation_seconds(self) -> float:
        return self.settings.evaluations * loop.seconds(self.evaluate)

    def checkpointed(self) -> nn.Module:
        return self.network if self._best is None else nn.ModuleDict({"network": self.network, "best": self._best})

    def stops_early(self) -> bool:
        if self.settings.patience is None or (best := self.best) is None:
            return False
        later = [line for line in self._evaluated_lines() if line["step"] > best["step"]]
        return len(later) >= self.settings.patience

    def log(self, line: dict[str, Any], *, evaluate: bool) -> None:
        super().log(line, evaluate=evaluate)
        line = self.curves[-1]
        if not loop.dev_scores(line):
            return
        if line is self.best and self._best is not None:
            self._best.load_state_dict(self.network.state_dict())
        self.tell(line)

    def finish(self) -> None:
        best = self.best
        if best is not None and self._best is not None:
            self.network.load_state_dict(self._best.state_dict())
            self.scores = loop.dev_scores(best)

    def _evaluated_lines(self) -> list[dict[str, Any]]:
        return [line for line in self.curves if loop.dev_scores(line)]
