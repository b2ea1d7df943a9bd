"""A training that goes step by step in a work folder: how many steps there are, their learning rate, the curves, a checkpoint
every two minutes, and going on after an interruption as if there had been none.

What is learned, from which batches, and how it is judged, a subclass says: ``Pretraining``, ``Seq2SeqTraining``.
"""

from __future__ import annotations

import copy
import itertools
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypedDict, TypeVar

import torch
from torch import Tensor, nn

from nlptool.errors import RunError
from nlptool.storage.digest import short_digest
from nlptool.training.checkpoint import Checkpoint, TrainingState, steps_done

_BETAS = (0.9, 0.98)
_LOGGED = 50  # steps between two lines of the curves
_JUDGED = 20  # times at most that what is held out is looked at
_SAVED = 120  # seconds between two checkpoints
_MEASURED = 10.0  # seconds for which the speed is measured
_AHEAD = 4  # batches that are made while a GPU computes


class TrainingSettings(Protocol):
    """What all such trainings let one choose; a frozen dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def rate(self) -> float: ...  # the highest learning rate
    @property
    def warm_up(self) -> float: ...  # share of the steps in which it rises
    @property
    def weight_decay(self) -> float: ...
    @property
    def accumulate(self) -> int: ...  # batches of a step
    @property
    def steps(self) -> int | None: ...
    @property
    def epochs(self) -> int | None: ...
    @property
    def minutes(self) -> float | None: ...
    @property
    def seed(self) -> int: ...


class SizedBatch(Protocol):
    """A batch."""

    @property
    def n_tokens(self) -> int: ...  # without padding


BatchT = TypeVar("BatchT", bound=SizedBatch)

SettingsT = TypeVar("SettingsT", bound=TrainingSettings)


class RunOptions(TypedDict, total=False):
    """How a training runs; what comes of it is the same.

    resume: go on from the checkpoint of an interrupted training.
    device: cpu, or where torch has one.
    began: ``time.monotonic()`` from which on ``settings.minutes`` are counted.
    report: is told how the work goes on.
    note: is told how long it will take, and the like.
    stop: asked between two steps: when it says yes, a checkpoint is written and KeyboardInterrupt raised.
    """

    resume: bool
    device: str
    began: float
    report: Callable[[str, int, int, str], None]
    note: Callable[[str], None]
    stop: Callable[[], bool]


class Trainer(Generic[SettingsT, BatchT]):
    """One training, in a work folder. A subclass sets ``network``.

    Args:
        kind: with this and a hyphen the names of its files in ``work`` begin.
        data: a name for what is learned from: the same only for the same.
    """

    stage = "training"
    epsilon = 1e-6  # of AdamW
    clip: float = 1.0  # largest norm of a step's gradient; 0: any
    network: nn.Module

    def __init__(self, settings: SettingsT, work: Path, kind: str, data: str, run: RunOptions) -> None:
        self.settings = settings
        self.curves: list[dict[str, Any]] = []
        self.seconds = 0.0
        self.n_steps = 0
        self.n_tokens = 0  # that went through the network, without padding
        self.scores: dict[str, float] = {}  # on what is held out, at the end
        self._kind = kind
        self._path = work / f"{kind}-{short_digest([data, asdict(settings)])}.safetensors"
        self._resume = run.get("resume", False)
        self._device = torch.device(run.get("device", "cpu"))
        self._began = run.get("began", time.monotonic())
        self._report: Callable[[str, int, int, str], None] = run.get("report", lambda label, done, total, unit: None)
        self._note: Callable[[str], None] = run.get("note", lambda message: None)
        self._stop: Callable[[], bool] = run.get("stop", lambda: False)
        self._since: list[Mapping[str, Tensor | float]] = []  # of the steps since the last line of the curves

    @property
    def n_parameters(self) -> int:
        return sum(each.numel() for each in self.network.parameters())

    # What a subclass says.

    def n_batches(self) -> int:
        """Of the first epoch."""
        raise NotImplementedError

    def batches(self, first: int) -> Iterator[BatchT]:
        """Those of all epochs, without end and without the ``first`` ones."""
        raise NotImplementedError

    def losses(self, batch: BatchT, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """What is to become smaller, and what the curves are told of the batch."""
        raise NotImplementedError

    def judge(self) -> dict[str, float]:
        """Scores on what is held out; ``{}`` without. The network is evaluating."""
        raise NotImplementedError

    def time_to_judge(self) -> float:
        """Seconds that all evaluations of the training will take, about."""
        return _JUDGED * seconds(self.judge)

    def judged(self, total: int) -> set[int]:
        """The steps after which ``judge`` is asked; the last one among them."""
        return shares(total, max(1, min(_JUDGED, total // _LOGGED)))

    def kept(self) -> nn.Module:
        """What a checkpoint holds: ``network``, or a module that it is a part of."""
        return self.network

    def is_over(self) -> bool:
        """Whether it ends before its last step."""
        return False

    # What all share.

    def run(self) -> None:
        """Train ``network``, which is then on the CPU.

        Raises:
            RunError: the training went wrong.
            KeyboardInterrupt: it was stopped; a checkpoint is there.
            OSError: the work folder cannot be written.
        """
        self.network.train()
        optimizer = self._optimizer()
        checkpoint = Checkpoint(self._path, self.kept(), optimizer)
        total = self.n_steps = self._planned()
        place = checkpoint.restore(self._device) if self._resume else TrainingState()
        if self._resume:
            self._tell(place, total)
        self.curves, self._since = place.curves, list(place.losses)
        self.n_tokens = self.curves[-1]["tokens"] if self.curves else 0
        judged = self.judged(total)
        step, began, saved = place.step, time.monotonic() - place.seconds, time.monotonic()

        def save() -> None:
            self._check(step)
            checkpoint.save(TrainingState(step, time.monotonic() - began, self.curves, list(map(_floats, self._since))))

        batches = self._ahead(step * self.settings.accumulate)
        while step < total and not self.is_over():
            if self._stop():
                save()
                raise KeyboardInterrupt
            rate = self._rate(step, total)
            for group in optimizer.param_groups:
                group["lr"] = rate
            self._since.append(self._step(optimizer, list(itertools.islice(batches, self.settings.accumulate)), step))
            step += 1
            self._report(self.stage, step, total, "steps")
            if step % _LOGGED == 0 or step in judged:
                self._check(step)
                about = {"stage": self.stage, "step": step, "seconds": round(time.monotonic() - began, 1)}
                self.log({**about, "learning_rate": rate}, judge=step in judged)
            if time.monotonic() - saved > _SAVED:
                save()
                saved = time.monotonic()
        if place.step < step:
            save()
        self.n_steps = step
        self.seconds = round(time.monotonic() - began, 1)
        self.finish()
        self.network.to("cpu").eval()

    def finish(self) -> None:
        """Set ``scores``, and the weights that are kept."""
        self.scores = dev_scores(self.curves[-1])

    def log(self, about: dict[str, Any], *, judge: bool) -> None:
        """Add a line to the curves."""
        steps = list(map(_floats, self._since))
        self._since = []
        self.n_tokens += round(sum(each["tokens"] for each in steps))
        means = {name: sum(each[name] for each in steps) / len(steps) for name in steps[0] if name != "tokens"}
        line = {**about, "tokens": self.n_tokens, **{name: round(value, 5) for name, value in means.items()}}
        if judge:
            line |= {f"dev_{name}": value for name, value in self._judged().items()}
        self.curves.append(line)

    def _judged(self) -> dict[str, float]:
        self.network.eval()
        with torch.no_grad():
            said = self.judge()
        self.network.train()
        return said

    def _tell(self, place: TrainingState, total: int) -> None:
        if place.step:
            self._note(f"going on after {place.step:,} of {total:,} steps")
        elif self._path.exists():
            self._note(f"the checkpoint {self._path} is damaged: beginning anew")
        else:
            self._note("there is no checkpoint yet: beginning anew")

    def _check(self, step: int) -> None:
        """
        Raises:
            RunError: a loss or a gradient since the last line of the curves is not finite.
        """
        self._since = [_floats(each) for each in self._since]  # waits for a GPU
        if not all(math.isfinite(value) for each in self._since for value in each.values()):
            raise RunError(
                f"the training went wrong: the loss or its gradient is not finite after {step:,} steps",
                hint="a smaller --rate, or a longer --warm-up",
            )

    def _step(self, optimizer: torch.optim.Optimizer, batches: list[BatchT], step: int) -> dict[str, Tensor | float]:
        """Take a step; what is worth knowing of it."""
        torch.manual_seed(self.settings.seed + step)  # of the dropout, which is then the same after an interruption
        said: dict[str, Tensor | float] = {"tokens": float(sum(batch.n_tokens for batch in batches))}
        optimizer.zero_grad()
        for batch in batches:
            loss, told = self.losses(batch, step)
            (loss / len(batches)).backward()  # type: ignore[no-untyped-call]
            for name, value in told.items():
                said[name] = said.get(name, 0.0) + value.detach() / len(batches)
        said["gradient_norm"] = nn.utils.clip_grad_norm_(self.network.parameters(), self.clip or math.inf)
        optimizer.step()
        return said

    def _optimizer(self) -> torch.optim.Optimizer:
        """AdamW; biases and norms do not decay."""
        decaying = [each for each in self.network.parameters() if each.ndim > 1]
        others = [each for each in self.network.parameters() if each.ndim <= 1]
        groups = [
            {"params": decaying, "weight_decay": self.settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.settings.rate, betas=_BETAS, eps=self.epsilon, fused=True)

    def _rate(self, step: int, total: int) -> float:
        """It rises in a line, and falls in a line to 0."""
        warm_up = max(1, round(self.settings.warm_up * total))
        share = (step + 1) / warm_up if step < warm_up else (total - step) / max(1, total - warm_up)
        return self.settings.rate * share

    def _ahead(self, first: int) -> Iterator[BatchT]:
        """The batches but for the ``first``. For a GPU some are made ahead, beside its work."""
        batches = self.batches(first)
        if self._device.type == "cpu":
            yield from batches
            return
        with ThreadPoolExecutor(1) as pool:
            waiting = [pool.submit(next, batches) for _ in range(_AHEAD)]
            while True:
                waiting.append(pool.submit(next, batches))
                yield waiting.pop(0).result()

    def _tensor(self, values: Any) -> Tensor:
        return torch.from_numpy(values).to(self._device, non_blocking=True)

    def _planned(self) -> int:
        """How many steps there are; what was planned is kept beside the checkpoint.

        Raises:
            RunError: there is a checkpoint, but of other settings.
        """
        plan = self._path.with_suffix(".json")
        if self._resume and plan.is_file():
            return int(json.loads(plan.read_text(encoding="utf-8"))["n_steps"])
        for other in sorted(self._path.parent.glob(f"{self._kind}-*.json")) if self._resume else ():
            before = json.loads(other.read_text(encoding="utf-8"))
            if 0 < steps_done(other.with_suffix(".safetensors")) < before["n_steps"]:
                told = _differences(before["settings"], asdict(self.settings))
                raise RunError(
                    f"the training that was interrupted had {told}", hint="without --resume the training begins anew"
                )
        n_steps = self._measured()
        plan.write_text(json.dumps({"n_steps": n_steps, "settings": asdict(self.settings)}), encoding="utf-8")
        return n_steps

    def _measured(self) -> int:
        """The number of steps: what comes first of so many steps, epochs and minutes."""
        settings = self.settings
        epoch_steps = -(-self.n_batches() // settings.accumulate)
        limits = [settings.steps] if settings.steps is not None else []
        limits += [settings.epochs * epoch_steps] if settings.epochs is not None else []
        pace, judging = self._pace(_MEASURED if settings.minutes is not None else 0.0)
        if settings.minutes is not None:
            left = 60 * settings.minutes - (time.monotonic() - self._began) - judging
            limits.append(max(1, int(left / pace)))
        n_steps = min(limits)
        self._note(
            f"steps: {n_steps:,}, {self.about_a_step()}; epochs: {n_steps / epoch_steps:.2f}; minutes: about "
            f"{n_steps * pace / 60:.1f}"
        )
        return n_steps

    def about_a_step(self) -> str:
        """How large it is, in words."""
        raise NotImplementedError

    def _pace(self, least: float) -> tuple[float, float]:
        """Seconds that a step takes, and those for all evaluations; measured for ``least`` seconds, on a copy of the network."""
        network, self.network = self.network, copy.deepcopy(self.network)
        try:
            optimizer = self._optimizer()
            batches = self._ahead(0)
            times: list[float] = []
            while len(times) < 3 or (sum(times) < least and len(times) < 30):
                if self._stop():
                    raise KeyboardInterrupt
                began = time.monotonic()
                said = self._step(optimizer, list(itertools.islice(batches, self.settings.accumulate)), 0)
                _floats(said)  # waits for a GPU
                times.append(time.monotonic() - began)
            self.network.eval()
            with torch.no_grad():
                judging = self.time_to_judge() if least else 0.0
        finally:
            self.network = network
        return sum(times[1:]) / (len(times) - 1), judging


def shares(total: int, parts: int) -> set[int]:
    """The ends of ``parts`` nearly equal parts of ``total`` steps."""
    return {math.ceil(total * number / parts) for number in range(1, parts + 1)}


def seconds(work: Callable[[], object]) -> float:
    """How long ``work`` takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def dev_scores(line: Mapping[str, Any]) -> dict[str, float]:
    """Those of a line of the curves, under their names without ``dev_``."""
    return {name[4:]: value for name, value in line.items() if name.startswith("dev_")}


def _floats(said: Mapping[str, Tensor | float]) -> dict[str, float]:
    return {name: float(value) for name, value in said.items()}


def _differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    names = [name for name in now if before.get(name) != now[name]]
    told = (f"--{name.replace('_', '-')} {before.get(name)} and not {now[name]}" for name in names)
    return ", ".join(told) or "another corpus"
