"""A structural probe: two linear maps, in whose spaces squared lengths are distances and depths in a tree.

J. Hewitt, C. Manning: A Structural Probe for Finding Syntax in Word Representations (NAACL 2019): with a vector h of each word,
distance(i, j) = |B (h_i - h_j)|^2 and depth(i) = |C h_i|^2. The tree is the minimum spanning tree of the distances, and hangs at
the word with the least depth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.contextual.model import ContextualModel
from nlptool.models.contextual.pooling import MEAN, pool
from nlptool.models.contextual.texts import PlacedText
from nlptool.models.probes.trees import Edge, rooted, spanning_tree
from nlptool.models.store import model_folder, own_writers
from nlptool.models.store.kinds import STANDARD_WEIGHTS
from nlptool.storage import safetensors
from nlptool.text.spans import Place

MANIFEST = "probe.json"
PARTS = ("distance", "depth")
_MOST_DIFFERENCES = 2**22  # components of differences of vectors that are held at once


@dataclass(frozen=True, slots=True)
class ParsedText:
    """What is read out of a sentence of n words.

    Attributes:
        heads: of each word, from 0; -1 of the root.
        distances: (n, n) float32.
        depths: (n,) float32.
        n_unknown: pieces of the sentence that the model's vocabulary lacks.
        n_windows: in which the model read it.
    """

    heads: list[int]
    distances: NDArray[np.float32]
    depths: NDArray[np.float32]
    n_unknown: int
    n_windows: int

    def entry(self) -> dict[str, int]:
        """Return what the entry of a record says of it."""
        return {"n_unknown": self.n_unknown} | ({"n_windows": self.n_windows} if self.n_windows > 1 else {})

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

    def parse(self, texts: Sequence[str], words: Sequence[Sequence[Place]]) -> Iterator[ParsedText | None]:
        """Yield what is read out of each text, one by one, as the distances of many long texts take much memory; None where a
        word has no piece in the model's tokenizer."""
        read = self.base.read(texts)
        for pieces, vectors in zip(read, word_vectors(self.base, read, words, self._layers), strict=True):
            if np.isnan(vectors).any():
                yield None
                continue
            projected = {
                part: vectors[:, self._layers.index(self.probe.layers[part])] @ self.probe.maps[part] for part in PARTS
            }
            distances = squared_distances(projected["distance"])
            depths = (projected["depth"] ** 2).sum(axis=1)
            root = int(np.argmin(depths)) if len(depths) else 0
            heads = rooted(spanning_tree(distances), len(depths), root)
            n_windows = len(self.base.windows(pieces)) if pieces.ids else 0
            yield ParsedText(heads, distances, depths, pieces.n_unknown, n_windows)


def word_vectors(
    model: ContextualModel, read: Sequence[PlacedText], words: Sequence[Sequence[Place]], layers: Sequence[int]
) -> list[NDArray[np.float32]]:
    """Return the vectors (n, len(layers), D) of the words of each text that the model's tokenizer has read, means of those of
    their pieces; NaN without a piece."""
    states = model.vectors(read, layers)
    return [
        pool(vectors, pieces.places, places, MEAN)[0]
        for vectors, pieces, places in zip(states, read, words, strict=True)
    ]


def squared_distances(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the squares of the Euclidean distances (n, n) of vectors (n, K)."""
    n_words, n_components = vectors.shape
    distances = np.empty((n_words, n_words), np.float32)
    n_rows = max(1, _MOST_DIFFERENCES // max(1, n_words * n_components))
    for first in range(0, n_words, n_rows):
        rows = slice(first, first + n_rows)
        distances[rows] = ((vectors[rows, None] - vectors[None]) ** 2).sum(axis=2)
    return distances


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
        own_writers.refuse(folder)
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
