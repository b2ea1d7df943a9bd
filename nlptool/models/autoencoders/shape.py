"""The shape of a deep autoencoder: what it reads, the widths of its layers, and what its code is."""

from __future__ import annotations

from dataclasses import dataclass

WORDS, EMBEDDINGS = READS = ("words", "embeddings")
"""What an autoencoder reads of a text: how often each word of its vocabulary comes, or its embedding."""

BINARY, LINEAR = UNITS = ("binary", "linear")
"""What the units of the code are: bits, or real numbers."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape.

    Attributes:
        reads: words | embeddings.
        widths: of the input, the hidden layers and the code.
        units: of the code: binary | linear.
    """

    reads: str
    widths: tuple[int, ...]
    units: str

    @property
    def code(self) -> int:
        """Units of the code."""
        return self.widths[-1]

    def __str__(self) -> str:
        return "-".join(map(str, self.widths))
