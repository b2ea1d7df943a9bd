"""Networks of nlptool's own in torch, with the weights of their folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from nlptool.errors import ModelError

NetworkT = TypeVar("NetworkT", bound=torch.nn.Module)


def with_weights(
    make: Callable[[], NetworkT], weights: Mapping[str, NDArray[np.float32]], folder: Path, device: torch.device | None
) -> NetworkT:
    """Return a network with given weights, in float32 and evaluation mode.

    Args:
        make: returns the network, with any weights.
        folder: that they come from, for the message. Two names may have one array: a matrix that is tied.

    Raises:
        ModelError: the weights are those of another network.
    """
    with torch.device("meta"):  # allocate nothing before the weights are known to be as large as config.json says
        network = make()
    try:
        copies = {id(values): torch.from_numpy(values).clone() for values in weights.values()}
        network.load_state_dict({name: copies[id(values)] for name, values in weights.items()}, assign=True)
    except RuntimeError as error:  # torch: names or shapes differ
        raise ModelError(f"{folder} is damaged: its weights are not those that its config.json describes") from error
    return network.to(device).eval()
