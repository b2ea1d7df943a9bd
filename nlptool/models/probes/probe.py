"""A structural probe: two linear maps, in whose spaces squared lengths are distances and depths in a tree.

J. Hewitt, C. Manning: A Structural Probe for Finding Syntax in Word Representations (NAACL 2019): with a vector h of each word,
distance(i, j) = |B (h_i - h_j)|^2 and depth(i) = |C h_i|^2. The tree is the minimum spanning tree of the distances, and hangs at
the word with the least depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.contextual.model import ContextualModel
from nlptool.models.contextual.pooling import MEAN, pool
from nlptool.models.probes.trees import Edge, rooted, spanning_tree
from nlptool.models.store import model_folder
from nlptool.models.store.kinds import STANDARD_WEIGHTS
from nlptool.storage import safetensors
from nlptool.text.spans import Place

MANIFEST = "probe.json"
PARTS = ("distance", "depth")


@dataclass(frozen=True, slots=True)
class ParsedText:
    """What is read out of a sentence of n words.

    Attributes:
        heads: of each word, from 0; -1 of the root.
        distances: (n, n) float32.
        depths: (n,) float32.
    """

    heads: list[int]
    distances: NDArray[np.float32]
    depths: NDArray[np.float32]

    def edges_without(self, left_out: NDArray[np.bool_]) -> set[Edge]:
        """Return the edges of the tree of all words but some, (n,) bool."""
        kept = np.flatnonzero(~left_out)
        tree = spanning_tree(self.distances[np.ix_(kept, kept)])
        return {(int(kept[first]), int(kept[second])) for first, second in tree}


@dataclass(frozen=True, slots=True)
class Probe:
    """The maps of a probe.

    Attributes:
        base: the model whose vectors it reads.
        layers: distance and depth -> the layer whose vectors that map reads.
        maps: distance and depth -> (D, K) float32.
    """

    base: str
    layers: dict[str, int]
    maps: dict[str, NDArray[np.float32]]


class ProbeModel:
    """A probe with the model that it reads."""

    def __init__(self, probe: Probe, base: ContextualModel, name: str) -> None:
        self.name, self.engine, self.device = name, base.engine, base.device
        self.probe, self.base = probe, base
        self._layers = sorted(set(probe.layers.values()))

    def parse(self, texts: Sequence[str], words: Sequence[Sequence[Place]]) -> list[ParsedText | None]:
        """Return what is read out of each text; None where a word has no piece in the model's tokenizer."""
        found: list[ParsedText | None] = []
        for vectors in word_vectors(self.base, texts, words, self._layers):
            if np.isnan(vectors).any():
                found.append(None)
                continue
            projected = {
                part: vectors[:, self._layers.index(self.probe.layers[part])] @ self.probe.maps[part] for part in PARTS
            }
            distances = squared_distances(projected["distance"])
            depths = (projected["depth"] ** 2).sum(axis=1)
            root = int(np.argmin(depths)) if len(depths) else 0
            found.append(ParsedText(rooted(spanning_tree(distances), len(depths), root), distances, depths))
        return found


def word_vectors(
    model: ContextualModel, texts: Sequence[str], words: Sequence[Sequence[Place]], layers: Sequence[int]
) -> list[NDArray[np.float32]]:
    """Return the vectors (n, len(layers), D) of the words of each text, means of those of their pieces; NaN without a piece."""
    read = model.read(texts)
    states = model.vectors(read, layers)
    return [
        pool(vectors, pieces.places, places, MEAN)[0]
        for vectors, pieces, places in zip(states, read, words, strict=True)
    ]


def squared_distances(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the squares of the Euclidean distances (n, n) of vectors (n, K)."""
    difference = vectors[:, None] - vectors[None]
    return (difference**2).sum(axis=2)  # type: ignore[no-any-return]


def save(folder: Path, maps: dict[str, NDArray[np.float32]]) -> None:
    """Write the maps of a probe to a folder, in float16."""
    safetensors.write_arrays(folder / STANDARD_WEIGHTS, {part: maps[part].astype(np.float16) for part in PARTS})


def load(folder: Path) -> Probe:
    """Read a probe from its folder.

    Raises:
        ModelError: it is none, or is damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelError(f"{folder} holds no probe", hint="nlptool train probe makes one")
    about = model_folder.read_json(path)
    arrays = safetensors.read_all(folder / STANDARD_WEIGHTS)
    try:
        layers = {part: int(about["layers"][part]) for part in PARTS}
        maps = {part: arrays[part].astype(np.float32) for part in PARTS}
        base = str(about["base"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}", hint="nlptool train probe makes it anew") from error
    if any(each.ndim != 2 or not np.isfinite(each).all() for each in maps.values()):
        raise ModelError(f"{folder / STANDARD_WEIGHTS} is damaged: it holds no maps")
    return Probe(base, layers, maps)


def check(probe: Probe, base: Any, name: str) -> None:
    """Check that a probe belongs to the model that it reads.

    Raises:
        ModelError: that has other layers or vectors of another size.
    """
    if max(probe.layers.values()) > base.n_layers or any(
        each.shape[0] != base.dimension for each in probe.maps.values()
    ):
        raise ModelError(f"{name} was made for another {probe.base}: it has other layers")
