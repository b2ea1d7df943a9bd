"""Whether the config.json of a network and its weights belong together: by the names and shapes in the weights' headers alone.

A library would build the network that the configuration describes, with a million layers perhaps, before it compared. Only what
would take long or be lost in silence is looked at; the shapes of all tensors are compared when the network is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError

_LAYERS = (
    "num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers", "num_encoder_layers",
    "num_decoder_layers",
)  # fmt: skip
"""What architectures call the number of their layers."""

_WIDTHS = ("vocab_size", "hidden_size", "d_model", "n_embd")
"""Sizes that a tensor has among those of its shape."""

_NUMBERED = re.compile(r"(.*?)\.(\d+)\.")
_STACKS = ("layer", "layers", "h", "block", "blocks")
_SHARED = ("albert", "dory", "hrm_text")  # whose layers run several times
_MOST_LAYERS = 1000


def check(path: Path, config: Mapping[str, Any], tensors: Mapping[str, Any]) -> None:
    """Compare a ``config.json`` with the headers of the weights.

    Args:
        path: of the file, for messages.
        config: what it holds.
        tensors: name -> an object with its ``shape``.

    Raises:
        ModelError: they do not belong together.
    """
    n_held = _n_layers(tensors)
    said = {name: config[name] for name in _LAYERS if type(config.get(name)) is int}
    for name, n in said.items():
        most = _MOST_LAYERS if config.get("model_type") in _SHARED else max(n_held.values(), default=_MOST_LAYERS)
        if n > most:
            raise _differ(path, name, n, f"{most:,} layers")
    stacks = [n for stack, n in n_held.items() if stack.rpartition(".")[2] in _STACKS]
    name = max(said, key=said.__getitem__, default="")
    if stacks and name not in ("", "num_decoder_layers") and said[name] < max(stacks) and not _may_have_more(config):
        raise _differ(path, name, said[name], f"{max(stacks):,} layers")
    sizes = {size for tensor in tensors.values() for size in _shape(tensor)}
    for name in _WIDTHS:
        if type(size := config.get(name)) is int and sizes and size not in sizes:
            raise _differ(path, name, size, "no tensor of this size")


def _n_layers(tensors: Iterable[str]) -> dict[str, int]:
    """Return how many members each numbered row of modules has: ``bert.encoder.layer`` -> 12."""
    found: dict[str, int] = {}
    for name in tensors:
        if match := _NUMBERED.match(name):
            found[match[1]] = max(found.get(match[1], 0), int(match[2]) + 1)
    return found


def _may_have_more(config: Mapping[str, Any]) -> bool:
    """Return whether it is a decoder: some have layers for several tokens at once, which are left out."""
    names = config.get("architectures")
    return isinstance(names, list) and any("CausalLM" in str(name) for name in names)


def _shape(tensor: Any) -> list[Any]:
    shape = tensor.get("shape")
    return shape if isinstance(shape, list) else []


def _differ(path: Path, name: str, said: int, held: str) -> ModelError:
    return ModelError(
        f"{path} does not belong to its weights: it says {name} {said:,}, and they hold {held}",
        hint="download the model again",
    )
