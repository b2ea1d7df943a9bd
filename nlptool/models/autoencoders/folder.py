"""The folder of an autoencoder: a manifest, the weights of its encoder, and its vocabulary or the scale of its input.

    autoencoder.json    reads, widths, units, the digest of the weights; length of word counts, or the model of the embeddings
    model.safetensors   layers.N.weight (n_in, n_out), layers.N.bias; mean and scale of embeddings
    vocabulary.json     the words, the most frequent first, where it reads words

The decoder is not kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.autoencoders.code_network import CodeNetwork
from nlptool.models.autoencoders.shape import EMBEDDINGS, READS, UNITS, WORDS, Shape
from nlptool.models.autoencoders.word_counts import WordCounts
from nlptool.models.store import model_folder
from nlptool.models.store.kinds import STANDARD_WEIGHTS
from nlptool.storage import json_files, safetensors

MANIFEST = model_folder.AUTOENCODER
VOCABULARY = "vocabulary.json"

_AGAIN = "nlptool train autoencoder makes it anew"
_MOST_LAYERS = 100


@dataclass(frozen=True, slots=True)
class Autoencoder:
    """An open autoencoder.

    Attributes:
        name: of the model.
        identity: a digest of its weights and its vocabulary.
        counts: where it reads words.
        base: the model of the embeddings, where it reads these.
        dim, prompt: of the embeddings: components that are kept, and the text before each text; None: as the model does.
        mean, scale: (D,) and a number: what is taken from an embedding, and what it is then divided by.
        dictionary: of MeCab, with which texts are split into words; None: the usual one.
    """

    name: str
    shape: Shape
    identity: str
    network: CodeNetwork
    counts: WordCounts | None = None
    base: str = ""
    dim: int | None = None
    prompt: str | None = None
    mean: NDArray[np.float32] | None = None
    scale: float = 1.0
    dictionary: str | None = None

    def standardized(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return embeddings (N, D) as the input of the network."""
        mean = 0.0 if self.mean is None else self.mean
        found: NDArray[np.float64] = (vectors.astype(np.float64) - mean) / self.scale
        return found


def save(folder: Path, arrays: Mapping[str, NDArray[Any]], words: list[str] | None) -> str:
    """Write weights and vocabulary into a folder.

    Returns:
        The identity, for the manifest.

    Raises:
        OSError: they cannot be written.
    """
    safetensors.write_arrays(folder / STANDARD_WEIGHTS, arrays)
    digest = hashlib.sha256((folder / STANDARD_WEIGHTS).read_bytes())
    if words is not None:
        data = orjson.dumps(words)
        (folder / VOCABULARY).write_bytes(data)
        digest.update(data)
    return digest.hexdigest()[:16]


def load(folder: Path, name: str) -> Autoencoder:
    """Read an autoencoder from its folder.

    Raises:
        ModelError: it is none, or is damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelError(f"{name} is no autoencoder", hint="nlptool train autoencoder makes one")
    about = model_folder.read_json(path)
    arrays = safetensors.read_all(folder / STANDARD_WEIGHTS)
    try:
        shape = Shape(str(about["reads"]), tuple(map(int, about["widths"])), str(about["units"]))
        if shape.reads not in READS or shape.units not in UNITS or not 2 <= len(shape.widths) <= _MOST_LAYERS:
            raise ValueError(f"it reads {shape.reads}, has {len(shape.widths)} layers of {shape.units} units")
        identity = str(about["identity"])
        dictionary, base = about.get("dictionary"), str(about.get("base") or "")
        dim, prompt = about.get("dim"), about.get("prompt")
        length = float(about["length"]) if shape.reads == WORDS else 0.0
        layers = [_layer(arrays, number, shape) for number in range(len(shape.widths) - 1)]
        mean = _vector(arrays, "mean", shape.widths[0]) if shape.reads == EMBEDDINGS else None
        scale = float(_vector(arrays, "scale", 1)[0]) if shape.reads == EMBEDDINGS else 1.0
        words = _words(folder, shape) if shape.reads == WORDS else None
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{folder} is damaged: {error}", hint=_AGAIN) from error
    return Autoencoder(
        name, shape, identity, CodeNetwork(layers),
        None if words is None else WordCounts(words, length), base, dim if isinstance(dim, int) else None,
        prompt if isinstance(prompt, str) else None, mean, scale,
        dictionary if isinstance(dictionary, str) else None,
    )  # fmt: skip


def _layer(
    arrays: Mapping[str, NDArray[Any]], number: int, shape: Shape
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the weights and biases of a layer.

    Raises:
        ValueError: they are not as large as the shape says, or not finite.
    """
    n_in, n_out = shape.widths[number : number + 2]
    weights = arrays[f"layers.{number}.weight"]
    if weights.shape != (n_in, n_out) or not np.isfinite(weights).all():
        raise ValueError(f"layers.{number}.weight is no finite matrix of {n_in} x {n_out}")
    return weights, _vector(arrays, f"layers.{number}.bias", n_out)


def _vector(arrays: Mapping[str, NDArray[Any]], name: str, length: int) -> NDArray[np.float32]:
    values = arrays[name]
    if values.shape != (length,) or not np.isfinite(values).all():
        raise ValueError(f"{name} has not {length} finite numbers")
    return np.asarray(values, np.float32)


def _words(folder: Path, shape: Shape) -> list[str]:
    try:
        words = json_files.read(folder / VOCABULARY)
    except OSError as error:
        raise ValueError(f"{VOCABULARY} cannot be read") from error
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{VOCABULARY} is no list of words")
    if len(set(words)) != shape.widths[0] or len(words) != shape.widths[0]:
        raise ValueError(f"{VOCABULARY} has not {shape.widths[0]:,} different words")
    return words
