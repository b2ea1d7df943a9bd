"""The options of the training of an autoencoder."""

from __future__ import annotations

from dataclasses import dataclass

from nlptool.models.autoencoders.shape import Shape


@dataclass(frozen=True, slots=True)
class AutoencoderSettings:
    """The options of an autoencoder and its training."""

    layers: tuple[int, ...] = (500, 250)  # widths between the input and the code
    code: int = 128
    units: str = "binary"  # of the code
    noise: float = 4.0  # standard deviation of the noise at the inputs of a binary code
    pretraining_epochs: int = 5  # of each layer; 0: the layers begin with random weights
    pretraining_rate: float = 1e-3
    batch_size: int = 128  # texts
    gradient_accumulation: int = 1  # batches of a step
    learning_rate: float = 1e-3  # the peak
    weight_decay: float = 0.01
    warmup_ratio: float = 0.05  # share of the steps in which the learning rate rises
    max_grad_norm: float = 1.0  # 0: gradients are not clipped
    max_steps: int | None = None
    epochs: int | None = None
    max_minutes: float | None = None
    evaluations: int = 10  # on the dev set, at most
    patience: int | None = None  # evaluations without a better score, after which it ends
    keep: str = "best"  # or last: the weights that are kept
    seed: int = 1
    optimizer: str = "adamw"  # or muon, for the matrices of the layers
    precision: str = "auto"  # float32, bfloat16

    def shape(self, reads: str, n_inputs: int) -> Shape:
        """Return the shape of the network."""
        return Shape(reads, (n_inputs, *self.layers, self.code), self.units)
