"""Fine-tune a base model on tasks: what the trainings of classifiers, taggers, readers and choosers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool.catalog import DEFAULT_BERT
from nlptool.errors import WrongUsage
from nlptool.models.heads.folder import Family
from nlptool.models.store import locate, model_folder
from nlptool.records.pipe import Pipe
from nlptool.specs import BaseSpec
from nlptool.tasks.train.run import ModelOutput, Stop, results, run_options

if TYPE_CHECKING:
    from nlptool.models.heads.task import Task
    from nlptool.training.finetuning.examples import TaskData
    from nlptool.training.finetuning.trainer import Finetuning

LONGEST = 128
"""Tokens of a text or of a pair, unless another number is given."""

MakeData = Callable[[Any, dict[str, Any], str], list["TaskData"]]
"""Tokenizer of the library ``tokenizers``, manifest of the inputs, pooling -> the examples of each task as token ids."""


def finetune(
    pipe: Pipe,
    output: ModelOutput,
    work: Path,
    stop: Stop,
    spec: BaseSpec,
    *,
    tasks: Sequence[Task],
    data_of: MakeData,
    family: Family,
    began: float,
    pooling: str | None = "cls",
    heads: str | None = "random",
    max_length: int | None,
    learning_rate: float | None,
    **settings: Any,
) -> tuple[Finetuning, dict[str, Any], Callable[[Path], None]]:
    """Train a base model with a new head for each task.

    Args:
        work: the checkpoint folder.
        data_of: makes the examples of the tasks.
        family: of the model that is made.
        began: ``time.monotonic()`` when the command began.
        pooling, heads, max_length, learning_rate: as of ``FinetuningSettings``; None: as it suits the base model.
        settings: its other fields.

    Returns:
        The training, the part of the manifest that describes it, and what writes the network into a folder.

    Raises:
        ModelError: the base model is not there, or is none that can be trained.
        RunError: the training went wrong.
        WrongUsage: settings that do not go together.
        KeyboardInterrupt: the training was stopped; a checkpoint has been written.
    """
    from nlptool.models.runtime import devices
    from nlptool.training.finetuning import network as networks
    from nlptool.training.finetuning.trainer import Finetuning, FinetuningSettings

    torch_device = devices.torch_device(spec.device, spec.threads)
    base = spec.base or DEFAULT_BERT
    whole_folder = locate.find(base, plain=True, offline=spec.offline, allow_pickle=spec.allow_pickle, note=pipe.note)
    pooling = pooling or networks.pooling_of(whole_folder)
    base_folder = model_folder.first(whole_folder)  # with the network and its tokenizer
    if pooling != "sentence" and heads == "linear":
        raise WrongUsage("--heads linear reads the vectors of a sentence encoder: --pooling sentence")
    heads = heads or ("linear" if pooling == "sentence" else "random")
    max_length = max_length or LONGEST
    network = networks.new(
        whole_folder if pooling == "sentence" else base_folder, base, tasks, pooling=pooling,
        dropout=settings["dropout"], seed=settings["seed"], note=pipe.note,
    )  # fmt: skip
    tokenizer, about = networks.tokenizer(base_folder, network, max_length=max_length)
    data = data_of(tokenizer, about, pooling)
    chosen = FinetuningSettings(
        base=Path(base).name, pooling=pooling, heads=heads, max_length=max_length,
        learning_rate=learning_rate or _usual_rate(pipe, network), **settings,
    )  # fmt: skip
    training = Finetuning(
        network, data, chosen, work, pad_id=about["pad_id"], types=about["types"], name=family.name,
        **run_options(pipe, output, stop, device=torch_device, began=began),
    )  # fmt: skip
    training.run()
    manifest = {
        "method": "finetune",
        "base": Path(base).name,
        "pooling": pooling,
        "max_length": about["max_length"],
        "save_dtype": output.save_dtype,
        **results(training, "transformers"),
    }

    def save(folder: Path) -> None:
        networks.save(
            training.network, tasks, base_folder, folder, pooling=pooling, max_length=about["max_length"],
            save_dtype=output.save_dtype, family=family,
        )  # fmt: skip

    return training, manifest, save


def _usual_rate(pipe: Pipe, network: Any) -> float:
    """Return a learning rate for a network: small networks take larger steps."""
    rate = float(f"{5e-5 * (768 / network.encoder.config.hidden_size) ** 2:.1g}")
    pipe.note(f"--learning-rate {rate:g}: hidden size {network.encoder.config.hidden_size}")
    return rate
