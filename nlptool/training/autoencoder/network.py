"""A deep autoencoder in torch: a stack of restricted Boltzmann machines, unrolled.

G. Hinton, R. Salakhutdinov: Reducing the Dimensionality of Data with Neural Networks (Science, 2006); R. Salakhutdinov,
G. Hinton: Semantic Hashing (2009). The decoder begins with the transposed weights of the encoder. In training Gaussian noise is
added to the inputs of the units of a binary code, whose inputs then become large, so that the units are nearly 0 or 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlptool.models.autoencoders.shape import BINARY, Shape
from nlptool.training.autoencoder.rbm import Rbm


class Autoencoder(nn.Module):
    """A network.

    Args:
        noise: standard deviation of the noise of a binary code in training.
    """

    def __init__(self, shape: Shape, noise: float) -> None:
        super().__init__()
        self.shape, self.noise = shape, noise
        widths = shape.widths
        self.encoder = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in itertools.pairwise(widths))
        self.decoder = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in itertools.pairwise(widths[::-1]))

    def begin_with(self, machines: Sequence[Rbm]) -> None:
        """Take the weights of the machines, the first of which reads the input."""
        with torch.no_grad():
            for up, down, machine in zip(_linear(self.encoder), reversed(_linear(self.decoder)), machines, strict=True):
                up.weight.copy_(machine.weight.T)
                up.bias.copy_(machine.hidden_bias)
                down.weight.copy_(machine.weight)
                down.bias.copy_(machine.visible_bias)

    def code_inputs(self, inputs: Tensor) -> Tensor:
        """Return the inputs of the units of the code, (B, C)."""
        found = inputs
        for number, layer in enumerate(_linear(self.encoder)):
            found = layer(found if number == 0 else found.sigmoid())
        return found

    def code(self, inputs: Tensor, *, as_bits: bool = False) -> Tensor:
        """Return the code of inputs (B, V), (B, C): between 0 and 1, or linear.

        Args:
            as_bits: round a binary code.
        """
        found = self.code_inputs(inputs)
        if self.shape.units != BINARY:
            return found
        if as_bits:
            return (found >= 0).float()
        if self.training and self.noise:
            found = found + self.noise * torch.randn_like(found)
        return found.sigmoid()

    def decode(self, code: Tensor) -> Tensor:
        """Return the outputs of a code (B, C), (B, V), before a softmax."""
        found = code
        for number, layer in enumerate(_linear(self.decoder)):
            found = layer(found if number == 0 else found.sigmoid())
        return found

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.decode(self.code(inputs))
        return outputs

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights of the encoder as ``models.autoencoders.folder`` saves them."""
        found: dict[str, NDArray[np.float32]] = {}
        for number, layer in enumerate(_linear(self.encoder)):
            found[f"layers.{number}.weight"] = layer.weight.detach().T.contiguous().cpu().float().numpy()
            found[f"layers.{number}.bias"] = layer.bias.detach().cpu().float().numpy()
        return found


def _linear(layers: nn.ModuleList) -> list[nn.Linear]:
    return cast("list[nn.Linear]", list(layers))
