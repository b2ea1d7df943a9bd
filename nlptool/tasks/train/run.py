"""The run of every network training: checks, checkpoint folder, Ctrl-C, the model folder, the plot and the final note."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from nlptool.errors import RunError
from nlptool.models.store.card import SCRIPTS
from nlptool.records.pipe import Pipe
from nlptool.storage.folders import NewFolder
from nlptool.tasks.train.card import Card, write_card
from nlptool.tasks.train.checkpoints import can_resume
from nlptool.terminal.interrupts import stop_at_interrupt
from nlptool.text.scripts import count_scripts, scripts_in_use

if TYPE_CHECKING:
    from nlptool.training.loop import Trainer
    from nlptool.training.loop_types import RunOptions

_CURVES = "curves.jsonl"
_SAMPLE = 10_000  # texts

Stop = Callable[[], bool]


@dataclasses.dataclass(frozen=True, slots=True)
class ModelOutput:
    """The options of every training that say what is written where."""

    output: str  # the model folder
    save_dtype: str  # float32 | float16
    checkpoint_dir: str | None  # None: beside the model folder, and removed at the end
    resume: bool
    draw: Callable[[Sequence[Mapping[str, Any]]], None] | None  # draws the curves

    @property
    def name(self) -> str:
        """The name of the model."""
        return Path(self.output).name

    @property
    def work(self) -> Path:
        """The checkpoint folder."""
        return Path(self.checkpoint_dir or f"{self.output.rstrip('/')}.work")


@dataclasses.dataclass(frozen=True, slots=True)
class TrainedModel:
    """The result of a training."""

    curves: Sequence[Mapping[str, Any]]
    manifest: dict[str, Any]
    save: Callable[[Path], None]  # writes all but the manifest, the curves and the card into a folder
    summary: str  # one line for stderr
    card: Card | None = None


def run_options(pipe: Pipe, output: ModelOutput, stop: Stop, *, device: str, began: float) -> RunOptions:
    """Return what a training's loop is told of its run.

    Args:
        stop, device, began: as of ``RunOptions``.
    """
    return {
        "resume": output.resume, "device": device, "began": began, "report": pipe.bar.work, "note": pipe.note, "stop": stop,
    }  # fmt: skip


def run_training(
    pipe: Pipe, output: ModelOutput, folder: NewFolder, manifest: str, train: Callable[[Path, Stop], TrainedModel]
) -> None:  # fmt: skip
    """Train a network and write its folder, which is replaced as a whole when the training is done.

    Args:
        folder: the model folder: see ``work.held``.
        manifest: name of the manifest in it.
        train: called with the checkpoint folder, and a function that returns whether Ctrl-C was pressed; it then writes a
            checkpoint and raises KeyboardInterrupt.

    Raises:
        RunError: the training went wrong, or a folder cannot be written.
        KeyboardInterrupt: the training was stopped.
    """
    work = output.work
    with stop_at_interrupt(lambda: pipe.note(f"stopping; what is done stays in {work}: --resume")) as stop:
        try:
            model = train(work, stop)
        except OSError as error:
            message = f"cannot write {work}: {error.strerror or error}"
            hint = "what is done stays there: --resume goes on from it" if can_resume(work) else ""
            raise RunError(message, hint=hint) from error

        def write(folder: Path) -> None:
            model.save(folder)
            (folder / _CURVES).write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in model.curves))
            (folder / manifest).write_bytes(orjson.dumps(model.manifest, option=orjson.OPT_INDENT_2))
            if model.card is not None:
                write_card(folder / "README.md", output.name, model.manifest, model.card)

        folder.make(write)
    if output.draw:
        output.draw(model.curves)
    pipe.note(f"{output.output}: {model.summary}")


def results(training: Trainer[Any, Any], *packages: str) -> dict[str, Any]:
    """Return the part of a manifest that describes a training: its length, scores, options and versions of ``packages``."""
    return {
        "n_parameters": training.n_parameters,
        "n_steps": training.n_steps,
        "n_tokens": training.n_tokens,
        "seconds": training.seconds,
        "scores": training.scores,
        "options": dataclasses.asdict(training.settings),
        "versions": versions("nlptool", "torch", "tokenizers", *packages),
    }


def scripts_of(texts: Sequence[str]) -> dict[str, list[str]]:
    """Return the part of a manifest that names the scripts of the texts, of a sample of them if they are many."""
    sample = texts[:: max(1, len(texts) // _SAMPLE)]
    return {SCRIPTS: scripts_in_use(sum(map(count_scripts, sample), Counter()))}


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of packages for a manifest."""
    return {name: version(name) for name in packages}
