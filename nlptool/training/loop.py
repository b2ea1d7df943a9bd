"""The training loop of every network: number of steps, learning rate, curves, checkpoints and resuming.

A checkpoint is written to the checkpoint folder every two minutes. A training that goes on from one ends with the same weights
as a training that was never interrupted. The network, its batches, its loss and its evaluation are those of a subclass:
``BertTraining``, ``Seq2SeqTraining``, and ``Stage`` of the distillation.
"""

from __future__ import annotations

import copy
import functools
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic

import torch
from torch import Tensor, nn

from nlptool.errors import RunError
from nlptool.machine import keep_freed_memory, return_freed_memory
from nlptool.storage.digest import short_digest
from nlptool.training import plans
from nlptool.training.checkpoint import Checkpoint, TrainingState
from nlptool.training.loop_types import BatchT, RunOptions, SettingsT
from nlptool.training.optimizers import Optimizers, layer_matrices

_LOG_STEPS = 50  # steps between two lines of the curves
_MAX_EVALUATIONS = 20  # evaluations on the dev set in a training
_CHECKPOINT_SECONDS = 120  # between two checkpoints
_TRIM_SECONDS = (
    60  # after which memory that was freed goes back to the system: batches of many lengths leave gaps in it
)
_SPEED_SECONDS = 10.0  # for which the speed is measured
_PREFETCHED = 4  # batches that are prepared while a GPU computes


class Trainer(Generic[SettingsT, BatchT]):
    """The training of one network, with its files in a checkpoint folder. A subclass sets ``network``.

    Args:
        settings: their digest is part of the name of the checkpoint.
        folder: the checkpoint folder.
        kind: the files in ``folder`` are named ``{kind}-...``.
        data: identifies the training data; part of the name of the checkpoint.
    """

    stage = "training"
    epsilon = 1e-6  # of AdamW
    fused = True  # AdamW in one kernel; the last bits differ from the plain one
    remedy = "a smaller --learning-rate, or a larger --warmup-ratio"  # for a loss that is not finite
    network: nn.Module

    def __init__(self, settings: SettingsT, folder: Path, kind: str, data: str, run: RunOptions) -> None:
        self.settings = settings
        self.curves: list[dict[str, Any]] = []
        self.seconds = 0.0
        self.n_steps = 0
        self.n_tokens = 0  # that went through the network, without padding
        self.scores: dict[str, float] = {}  # on the dev set, at the end
        self._kind = kind
        self._path = folder / f"{kind}-{short_digest([data, asdict(settings)])}.safetensors"
        self._resume = run.get("resume", False)
        self._device = torch.device(run.get("device", "cpu"))
        self._began = run.get("began", time.monotonic())
        self._report: Callable[[str, int, int, str], None] = run.get("report", lambda label, done, total, unit: None)
        self._note: Callable[[str], None] = run.get("note", lambda message: None)
        self._stop: Callable[[], bool] = run.get("stop", lambda: False)
        self._unlogged: list[Mapping[str, Tensor | float]] = []  # losses of the steps since the last line of the curves

    @property
    def n_parameters(self) -> int:
        return n_parameters(self.network)

    @functools.cached_property
    def epoch_steps(self) -> int:
        """The steps of the first epoch."""
        return -(-self.n_batches() // self.settings.gradient_accumulation)

    # What a subclass defines.

    def n_batches(self) -> int:
        """Return the number of batches of the first epoch."""
        raise NotImplementedError

    def batches(self, first: int) -> Iterator[BatchT]:
        """Yield the batches of all epochs without end, from number ``first`` on."""
        raise NotImplementedError

    def losses(self, batch: BatchT, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return the loss to be minimised, and the values of this batch for the curves."""
        raise NotImplementedError

    def evaluate(self) -> dict[str, float]:
        """Return the scores on the dev set, ``{}`` without one. The network is in evaluation mode."""
        raise NotImplementedError

    def describe_step(self) -> str:
        """Return the size of a step in words: "of 32 sequences each"."""
        raise NotImplementedError

    # What a subclass may define otherwise.

    def evaluation_seconds(self) -> float:
        """Estimate how long all evaluations of the training will take."""
        return _MAX_EVALUATIONS * seconds(self.evaluate)

    def evaluation_steps(self, total: int) -> set[int]:
        """Return the steps after which the dev set is evaluated; the last step is among them."""
        return shares(total, max(1, min(_MAX_EVALUATIONS, total // _LOG_STEPS)))

    def checkpointed(self) -> nn.Module:
        """Return the module that a checkpoint holds: ``network``, or one that contains it."""
        return self.network

    def stops_early(self) -> bool:
        """Return whether the training ends before its last step."""
        return False

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the parameters for AdamW: biases and norms have no weight decay."""
        matrices = [parameter for parameter in self.network.parameters() if parameter.ndim > 1]
        vectors = [parameter for parameter in self.network.parameters() if parameter.ndim <= 1]
        return [
            {"params": matrices, "weight_decay": self.settings.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]

    def matrices(self) -> list[nn.Parameter]:
        """Return those of the parameters that Muon gets, where it is chosen."""
        return layer_matrices(self.network)

    def learning_rate(self, step: int, total: int) -> float:
        """Return the learning rate of a step: it rises linearly to the peak, and decays linearly to 0."""
        warmup = max(1, round(self.settings.warmup_ratio * total))
        share = (step + 1) / warmup if step < warmup else (total - step) / max(1, total - warmup)
        return self.settings.learning_rate * share

    def plan(self) -> int:
        """Return the number of steps; the plan is kept beside the checkpoint.

        Raises:
            WrongUsage: there is a checkpoint, but with other settings.
        """
        path, options = self._path.with_suffix(".json"), asdict(self.settings)
        n_steps = plans.kept(path, self._kind, options) if self._resume else None
        if n_steps is None:
            n_steps = self._count_steps()
            plans.keep(path, n_steps, options)
        return n_steps

    def restore(self, checkpoint: Checkpoint, total: int) -> TrainingState:
        """Load the checkpoint of an interrupted training, if the training is to be resumed."""
        if not self._resume:
            return TrainingState()
        state = checkpoint.restore(self._device)
        if state.step:
            self._note(f"going on after {state.step:,} of {total:,} steps")
        elif self._path.exists():
            self._note(f"the checkpoint {self._path} is damaged: beginning anew")
        else:
            self._note("there is no checkpoint yet: beginning anew")
        return state

    def finish(self) -> None:
        """Set ``scores``, and choose the weights that are kept."""
        self.scores = dev_scores(self.curves[-1])

    def log(self, line: dict[str, Any], *, evaluate: bool) -> None:
        """Add a line to the curves: the means of the losses since the last one, and the dev scores if ``evaluate``."""
        steps = list(map(_floats, self._unlogged))
        self._unlogged = []
        self.n_tokens += round(sum(values["tokens"] for values in steps))
        means = {name: sum(values[name] for values in steps) / len(steps) for name in steps[0] if name != "tokens"}
        line |= {"tokens": self.n_tokens, **{name: round(value, 6) for name, value in means.items()}}
        if evaluate:
            line |= {f"dev_{name}": value for name, value in self._evaluated().items()}
        self.curves.append(line)

    # The loop.

    def run(self) -> None:
        """Train ``network``, which is then on the CPU in evaluation mode.

        Raises:
            RunError: a loss is not finite, or the checkpoint has other settings.
            KeyboardInterrupt: ``stop`` returned True; a checkpoint has been written.
            OSError: the checkpoint folder cannot be written.
        """
        keep_freed_memory()
        self.network.train()
        optimizer = self._optimizer()
        checkpoint = Checkpoint(self._path, self.checkpointed(), optimizer)
        total = self.n_steps = self.plan()
        state = self.restore(checkpoint, total)
        self.curves, self._unlogged = state.curves, list(state.losses)
        self.n_tokens = self.curves[-1]["tokens"] if self.curves else 0
        evaluation_steps = self.evaluation_steps(total)
        step, began, saved = state.step, time.monotonic() - state.seconds, time.monotonic()
        trimmed = saved

        def save() -> None:
            self._check(step)
            losses = list(map(_floats, self._unlogged))
            checkpoint.save(TrainingState(step, time.monotonic() - began, self.curves, losses))
            return_freed_memory()

        batches = self._prefetched(step * self.settings.gradient_accumulation)
        while step < total and not self.stops_early():
            if self._stop():
                save()
                raise KeyboardInterrupt
            rate = self.learning_rate(step, total)
            optimizer.set_learning_rate(rate)
            of_step = list(itertools.islice(batches, self.settings.gradient_accumulation))
            self._unlogged.append(self._step(optimizer, of_step, step))
            step += 1
            self._report(self.stage, step, total, "steps")
            is_logged = step % _LOG_STEPS == 0 or step in evaluation_steps
            if is_logged or self._device.type == "cpu":  # a GPU would have to be waited for after every step
                self._check(step)
            if is_logged:
                line = {"stage": self.stage, "step": step, "epoch": round(step / self.epoch_steps, 3)}
                line |= {"seconds": round(time.monotonic() - began, 1), "learning_rate": rate}
                self.log(line, evaluate=step in evaluation_steps)
            if time.monotonic() - saved > _CHECKPOINT_SECONDS:
                save()
                saved = trimmed = time.monotonic()
            elif time.monotonic() - trimmed > _TRIM_SECONDS:
                return_freed_memory()
                trimmed = time.monotonic()
        if state.step < step:
            save()
        self.n_steps = step
        self.seconds = round(time.monotonic() - began, 1)
        self.finish()
        self.network.to("cpu").eval()

    def _step(self, optimizer: Optimizers, batches: list[BatchT], step: int) -> dict[str, Tensor | float]:
        """Take one step; return its number of tokens, its losses and the norm of its gradient."""
        torch.manual_seed(self.settings.seed + step)  # so that dropout is the same after an interruption
        values: dict[str, Tensor | float] = {"tokens": float(sum(batch.n_tokens for batch in batches))}
        optimizer.zero_grad()
        for batch in batches:
            loss, parts = self.losses(batch, step)
            (loss / len(batches)).backward()  # type: ignore[no-untyped-call]
            for name, value in parts.items():
                values[name] = values.get(name, 0.0) + value.detach() / len(batches)
        max_norm = self.settings.max_grad_norm or math.inf
        values["gradient_norm"] = nn.utils.clip_grad_norm_(self.network.parameters(), max_norm)
        optimizer.step()
        return values

    def _evaluated(self) -> dict[str, float]:
        self.network.eval()
        with torch.no_grad():
            scores = self.evaluate()
        self.network.train()
        return scores

    def _check(self, step: int) -> None:
        """Refuse to go on if a loss or a gradient since the last line of the curves is not finite."""
        self._unlogged = [_floats(values) for values in self._unlogged]  # waits for a GPU
        if not all(math.isfinite(value) for values in self._unlogged for value in values.values()):
            raise RunError(
                f"the training went wrong: the loss or its gradient is not finite in step {step:,}",
                hint=self.remedy,
            )

    def _optimizer(self) -> Optimizers:
        return Optimizers(
            self.parameter_groups(), self.matrices() if self.settings.optimizer == "muon" else (),
            rate=self.settings.learning_rate, epsilon=self.epsilon, fused=self.fused,
        )  # fmt: skip

    def _prefetched(self, first: int) -> Iterator[BatchT]:
        """Yield the batches from number ``first`` on. For a GPU a thread prepares some of them while it computes."""
        batches = self.batches(first)
        if self._device.type == "cpu":
            yield from batches
            return
        with ThreadPoolExecutor(1) as pool:
            waiting = [pool.submit(next, batches) for _ in range(_PREFETCHED)]
            while True:
                waiting.append(pool.submit(next, batches))
                yield waiting.pop(0).result()

    def _tensor(self, array: Any) -> Tensor:
        return torch.from_numpy(array).to(self._device, non_blocking=True)

    def _count_steps(self) -> int:
        """Return the smallest of the limits: max_steps, epochs, and as many steps as fit into max_minutes."""
        settings = self.settings
        limits = [settings.max_steps] if settings.max_steps is not None else []
        limits += [settings.epochs * self.epoch_steps] if settings.epochs is not None else []
        step_seconds, evaluations = self._measure_speed(_SPEED_SECONDS if settings.max_minutes is not None else 0.0)
        if settings.max_minutes is not None:
            left = 60 * settings.max_minutes - (time.monotonic() - self._began) - evaluations
            limits.append(max(1, int(left / step_seconds)))
        n_steps = min(limits)
        self._note(
            f"steps: {n_steps:,}, {self.describe_step()}; epochs: {n_steps / self.epoch_steps:.2f}; minutes: about "
            f"{n_steps * step_seconds / 60:.1f}"
        )
        return n_steps

    def _measure_speed(self, least: float) -> tuple[float, float]:
        """Return the seconds of a step and those of all evaluations, measured for ``least`` seconds on a copy of the network."""
        network, self.network = self.network, copy.deepcopy(self.network)
        try:
            optimizer = self._optimizer()
            batches = self._prefetched(0)
            times: list[float] = []
            while len(times) < 3 or (sum(times) < least and len(times) < 30):
                if self._stop():
                    raise KeyboardInterrupt
                began = time.monotonic()
                values = self._step(optimizer, list(itertools.islice(batches, self.settings.gradient_accumulation)), 0)
                _floats(values)  # waits for a GPU
                times.append(time.monotonic() - began)
            self.network.eval()
            with torch.no_grad():
                evaluations = self.evaluation_seconds() if least else 0.0
        finally:
            self.network = network
        return sum(times[1:]) / (len(times) - 1), evaluations


def n_parameters(network: nn.Module) -> int:
    """Return the number of weights."""
    return sum(parameter.numel() for parameter in network.parameters())


def shares(total: int, parts: int) -> set[int]:
    """Return the ends of ``parts`` nearly equal parts of ``total`` steps."""
    return {math.ceil(total * number / parts) for number in range(1, parts + 1)}


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work()`` takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def dev_scores(line: Mapping[str, Any]) -> dict[str, float]:
    """Return the dev scores of a line of the curves, under their names without ``dev_``."""
    return {name[4:]: value for name, value in line.items() if name.startswith("dev_")}


def _floats(values: Mapping[str, Tensor | float]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}
