"""The configuration of a GPT-2 of transformers, read without transformers, for the network in numpy (``gpt2_network``)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError, NotConvertible
from nlptool.models.generation.gpt2_activations import ACTIVATIONS
from nlptool.models.store import model_folder
from nlptool.models.store.kinds import STANDARD_WEIGHTS
from nlptool.storage import safetensors

BUFFERS = (".attn.bias", ".attn.masked_bias")
"""How the names of masks end, which old versions of transformers stored with the weights."""

ARCHITECTURE, MODEL_TYPE = "GPT2LMHeadModel", "gpt2"
_OTHER_NAMES = {
    "n_embd": "hidden_size", "n_positions": "max_position_embeddings", "n_head": "num_attention_heads",
    "n_layer": "num_hidden_layers",
}  # fmt: skip
"""What ``GPT2Config`` calls a field -> the name that all configurations have for it."""

_DEFAULTS = {"vocab_size": 50257, "n_embd": 768, "n_positions": 1024, "n_head": 12, "n_layer": 12}
_ACTIVATION = "gelu_new"
_FLOATS = {"F64", "F32", "F16", "BF16"}
_MASKS = {"U8", "BOOL"}
_AGAIN = "download the model again"


@dataclass(frozen=True, slots=True)
class Gpt2Config:
    """The measures of a GPT-2.

    Attributes:
        positions: the most tokens of a text.
        activation: of the layers' hidden units, a name in ``gpt2_activations.ACTIVATIONS``.
        tied: the output matrix is that of the embeddings where there is no other one.
        scales: attention is divided by the root of a head's size.
        scales_by_layer: and by the number of the layer, from 1.
    """

    vocab_size: int
    positions: int
    hidden_size: int
    heads: int
    layers: int
    activation: str
    epsilon: float  # of the layer norm
    tied: bool
    scales: bool
    scales_by_layer: bool


def read(folder: Path) -> Gpt2Config:
    """Read ``config.json``, of a model that ``refuse`` does not refuse.

    Raises:
        ModelError: it is damaged.
    """
    given = model_folder.read_json(folder / "config.json")
    sizes = {name: _size(folder, given, name) for name in _DEFAULTS}
    epsilon = given.get("layer_norm_epsilon", 1e-5)
    if isinstance(epsilon, bool) or not isinstance(epsilon, float | int) or not 0 <= epsilon < math.inf:
        raise _damaged(folder, f"layer_norm_epsilon is {epsilon}")
    if sizes["n_embd"] % sizes["n_head"]:
        raise _damaged(folder, f"{sizes['n_head']} heads do not divide {sizes['n_embd']} dimensions")
    return Gpt2Config(
        vocab_size=sizes["vocab_size"],
        positions=sizes["n_positions"],
        hidden_size=sizes["n_embd"],
        heads=sizes["n_head"],
        layers=sizes["n_layer"],
        activation=str(given.get("activation_function", _ACTIVATION)),
        epsilon=float(epsilon),
        tied=bool(given.get("tie_word_embeddings", True)),
        scales=bool(given.get("scale_attn_weights", True)),
        scales_by_layer=bool(given.get("scale_attn_by_inverse_layer_idx")),
    )


def refuse(folder: Path) -> None:
    """Refuse a folder whose network does not run in numpy.

    Raises:
        NotConvertible: it does not, with the reason.
        ModelError: a file is damaged.
    """
    given = model_folder.read_json(folder / "config.json")
    if given.get("model_type") != MODEL_TYPE or model_folder.architectures(given) not in ([], [ARCHITECTURE]):
        raise NotConvertible("it is no GPT-2")
    if given.get("add_cross_attention"):
        raise NotConvertible("it reads another text too (add_cross_attention)")
    if given.get("quantization_config"):
        raise NotConvertible("its weights are quantized")
    if given.get("auto_map"):
        raise NotConvertible("it asks for code of its own (auto_map)")
    activation = given.get("activation_function", _ACTIVATION)
    if activation not in ACTIVATIONS:
        raise NotConvertible(f"its activation function is {activation}")
    path = folder / STANDARD_WEIGHTS
    if not path.is_file():
        raise NotConvertible(f"it has no {STANDARD_WEIGHTS}")
    if not {str(entry.get("dtype")) for entry in safetensors.header(path).values()} <= _FLOATS | _MASKS:
        raise NotConvertible("its weights are no floating-point numbers")


def n_parameters(folder: Path) -> int:
    """Return the number of parameters that the file of weights of a folder holds.

    Raises:
        ModelError: its header is damaged.
    """
    tensors = safetensors.header(folder / STANDARD_WEIGHTS).items()
    return sum(math.prod(entry["shape"]) for name, entry in tensors if not name.endswith(BUFFERS))


def _size(folder: Path, given: Mapping[str, Any], name: str) -> int:
    value = given.get(_OTHER_NAMES.get(name, name), given.get(name, _DEFAULTS[name]))
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _damaged(folder, f"{name} is {value}")
    return value


def _damaged(folder: Path, what: str) -> ModelError:
    return ModelError(f"{folder / 'config.json'} is damaged: {what}", hint=_AGAIN)
