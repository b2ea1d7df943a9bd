"""The options of the training of an autoencoder."""

from __future__ import annotations

from dataclasses import dataclass

from nlptool.models.autoencoders.shape import Shape
from nlptool.training.settings import EvaluatedSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoencoderSettings(EvaluatedSettings):
    """The options of an autoencoder and its training."""

    layers: tuple[int, ...] = (500, 250)  # widths between the input and the code
    code: int = 128
    units: str = "binary"  # of the code
    noise: float = 4.0  # standard deviation of the noise at the inputs of a binary code
    pretraining_epochs: int = 5  # of each layer; 0: the layers begin with random weights
    pretraining_rate: float = 1e-3
    batch_size: int = 128  # texts
    evaluations: int = 10

    def shape(self, reads: str, n_inputs: int) -> Shape:
        """Return the shape of the network."""
        return Shape(reads, (n_inputs, *self.layers, self.code), self.units)
