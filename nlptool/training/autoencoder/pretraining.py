"""The pre-training of a deep autoencoder: each layer is a restricted Boltzmann machine on the units of the one below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.models.autoencoders.shape import BINARY, WORDS, Shape
from nlptool.training.autoencoder.inputs import Batch, Inputs, reconstruction_losses
from nlptool.training.autoencoder.rbm import COUNTS, LOGISTIC, REAL, Rbm
from nlptool.training.loop import Trainer
from nlptool.training.loop_types import RunOptions
from nlptool.training.settings import LoopSettings

TOGETHER = 1024
"""Texts that are evaluated together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSettings(LoopSettings):
    """The settings of the training of one layer."""

    widths: tuple[int, ...]  # of the input and all layers up to this one
    units: str  # of the layer: logistic | real
    batch_size: int
    weight_decay: float = 0.0


class LayerTraining(Trainer[LayerSettings, Batch]):
    """The training of one layer.

    Args:
        dev: texts that are held out; None: nothing is.
        below: the machines of the layers below, which stay as they are.
        data: identifies the texts.
    """

    epsilon = 1e-8
    remedy = "a smaller --pretraining-rate"
    network: Rbm

    def __init__(
        self, inputs: Inputs, dev: Inputs | None, below: Sequence[Rbm], settings: LayerSettings, folder: Path, *, data: str,
        **run: Unpack[RunOptions],
    ) -> None:  # fmt: skip
        super().__init__(settings, folder, f"autoencoder-{len(below) + 1}", data, run)
        self._inputs, self._dev = inputs, dev
        self._sizes = inputs.sizes()
        self._below = [machine.to(self._device) for machine in below]
        n_visible, n_hidden = settings.widths[-2:]
        self.stage = f"layer of {n_hidden:,}"
        of_words = inputs.reads == WORDS
        visible = LOGISTIC if below else COUNTS if of_words else REAL
        torch.manual_seed(settings.seed + len(below))
        self.network = Rbm(n_visible, n_hidden, visible, settings.units).to(self._device)
        if not below:
            with torch.no_grad():
                means = inputs.means()
                self.network.visible_bias.copy_(means.log() if of_words else means)

    def n_batches(self) -> int:
        return -(-len(self._inputs) // self.settings.batch_size)

    def batches(self, first: int) -> Iterator[Batch]:
        return shuffled(self._sizes, self.settings.batch_size, self.settings.seed, first)

    def losses(self, batch: Batch, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        visible = self._inputs.take(batch.rows).to(self._device)
        with torch.no_grad():
            for machine in self._below:
                visible = machine.up(visible)
        loss, error = self.network.contrastive_divergence(visible)
        return loss, {"layer_loss": error}

    def evaluate(self) -> dict[str, float]:
        """Return the loss of the reconstruction by all layers up to this one."""
        if self._dev is None:
            return {}
        machines = [*self._below, self.network]
        total = sum(
            float(_losses(machines, part.to(self._device), self._dev.reads).sum()) for part in self._dev.parts(TOGETHER)
        )
        return {"loss": round(total / len(self._dev), 5)}

    def evaluation_steps(self, total: int) -> set[int]:
        """Return the ends of the epochs."""
        return set(range(self.n_batches(), total + 1, self.n_batches()))

    def describe_step(self) -> str:
        return f"of {self.settings.batch_size:,} texts each"


def _losses(machines: Sequence[Rbm], inputs: Tensor, reads: str) -> Tensor:
    """Return the loss of each text when it goes up and down through the machines, (B,)."""
    found = inputs
    for machine in machines:
        found = machine.up(found)
    for machine in reversed(machines[1:]):
        found = machine.down(found, found.new_ones(len(found), 1))
    first = machines[0]
    outputs = torch.nn.functional.linear(found, first.weight, first.visible_bias)
    return reconstruction_losses(reads, outputs, inputs)


def shuffled(sizes: NDArray[np.int64], size: int, seed: int, first: int) -> Iterator[Batch]:
    """Yield batches of texts without end, each epoch in another order, from number ``first`` on.

    Args:
        sizes: words of each text, (N,).
        size: texts of a batch.
    """
    n_texts = len(sizes)
    n_batches = -(-n_texts // size)
    epoch, number = divmod(first, n_batches)
    while True:
        order = np.random.default_rng([seed, epoch]).permutation(n_texts)
        for start in range(number * size, n_texts, size):
            rows = order[start : start + size]
            yield Batch(rows, int(sizes[rows].sum()))
        epoch, number = epoch + 1, 0


def layer_widths(shape: Shape) -> Iterator[tuple[tuple[int, ...], str]]:
    """Yield for each layer the widths up to it and the kind of its units."""
    for number in range(1, len(shape.widths)):
        is_code = number == len(shape.widths) - 1
        yield shape.widths[: number + 1], LOGISTIC if shape.units == BINARY or not is_code else REAL
