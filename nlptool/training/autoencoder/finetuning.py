"""The fine-tuning of a deep autoencoder: all layers together learn to reconstruct their input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.models.autoencoders.shape import BINARY, WORDS
from nlptool.training.autoencoder.inputs import Batch, Inputs, reconstruction_losses
from nlptool.training.autoencoder.network import Autoencoder
from nlptool.training.autoencoder.pretraining import TOGETHER, shuffled
from nlptool.training.autoencoder.rbm import Rbm
from nlptool.training.autoencoder.settings import AutoencoderSettings
from nlptool.training.best import BestKeeper
from nlptool.training.loop_types import RunOptions
from nlptool.training.precision import autocast


class AutoencoderTraining(BestKeeper[AutoencoderSettings, Batch]):
    """The training of all layers.

    Args:
        dev: texts that are held out; None: nothing is.
        machines: of the layers; none: they begin with random weights.
        data: identifies the texts.
    """

    stage = "fine-tuning"
    epsilon = 1e-8
    network: Autoencoder

    def __init__(
        self, inputs: Inputs, dev: Inputs | None, machines: Sequence[Rbm], settings: AutoencoderSettings, folder: Path, *,
        data: str, **run: Unpack[RunOptions],
    ) -> None:  # fmt: skip
        super().__init__(settings, folder, "autoencoder-fine", data, run)
        self._inputs, self._dev = inputs, dev
        self._sizes = inputs.sizes()
        torch.manual_seed(settings.seed)
        network = Autoencoder(settings.shape(inputs.reads, inputs.data.shape[1]), settings.noise)
        if machines:
            network.begin_with(machines)
        self.network = network.to(self._device)
        self.keep_best(is_evaluated=dev is not None)

    def judged_by(self) -> tuple[str, int] | None:
        return ("loss", -1) if self.settings.keep == "best" else None

    def n_batches(self) -> int:
        return -(-len(self._inputs) // self.settings.batch_size)

    def batches(self, first: int) -> Iterator[Batch]:
        return shuffled(self._sizes, self.settings.batch_size, self.settings.seed, first)

    def describe_step(self) -> str:
        return f"of {self.settings.batch_size * self.settings.gradient_accumulation:,} texts each"

    def losses(self, batch: Batch, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        inputs = self._inputs.take(batch.rows).to(self._device)
        with autocast(self._device, self.settings.precision):
            outputs = self.network(inputs)
        loss = reconstruction_losses(self._inputs.reads, outputs.float(), inputs).mean()
        return loss, {"train_loss": loss}

    def evaluate(self) -> dict[str, float]:
        """Return the loss of the reconstruction from the codes as they are used, bits if they are binary; of these also that from
        the codes before they are rounded."""
        if self._dev is None:
            return {}
        return {name: round(value, 5) for name, value in self.dev_losses(self._dev).items()}

    def dev_losses(self, dev: Inputs) -> dict[str, float]:
        """Return the mean losses of some texts."""
        is_binary = self.network.shape.units == BINARY
        totals = {"loss": 0.0} | ({"unrounded_loss": 0.0} if is_binary else {})
        for part in dev.parts(TOGETHER):
            inputs = part.to(self._device)
            for name in totals:
                outputs = self.network.decode(self.network.code(inputs, as_bits=name == "loss"))
                totals[name] += float(reconstruction_losses(dev.reads, outputs, inputs).sum())
        return {name: total / len(dev) for name, total in totals.items()}

    def tell(self, line: Mapping[str, Any]) -> None:
        self._note(f"epoch {line['epoch']:g}: dev loss {line['dev_loss']:.4f}")

    @torch.no_grad()
    def baseline(self) -> float:
        """Return the loss on dev of the same output for all texts: the mean of those that are learned from; 0 without a dev
        set."""
        dev = self._dev
        if dev is None:
            return 0.0
        means = self._inputs.means()
        outputs = means.log() if dev.reads == WORDS else means
        losses = (reconstruction_losses(dev.reads, outputs.expand_as(part), part).sum() for part in dev.parts(TOGETHER))
        return float(sum(map(float, losses))) / len(dev)

    @torch.no_grad()
    def code_inputs(self, inputs: Inputs) -> NDArray[np.float32]:
        """Return the inputs of the units of the code for all texts, (N, C), when the training is done."""
        return np.concatenate([self.network.code_inputs(part).numpy() for part in inputs.parts(TOGETHER)])
