"""Learns the maps of a structural probe for the layers of networks, and judges them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nlptool.models.probes import probe as probes
from nlptool.models.probes.measures import Judged, chain, judge
from nlptool.models.probes.probe import PARTS
from nlptool.models.probes.trees import depths_of, distances_of
from nlptool.records.pipe import Pipe
from nlptool.records.treebank import Tree
from nlptool.tasks.train.run import Stop

if TYPE_CHECKING:
    from nlptool.models.contextual.model import ContextualModel
    from nlptool.training.probe.fit import FitSettings, Fitted

_TOGETHER = 256  # sentences that are embedded together
_MOST_BYTES = 2**30  # of the vectors of all words in the layers that are learned together


@dataclass(frozen=True, slots=True)
class LayerResult:
    """The maps of one layer, and what they find in the dev set."""

    layer: int
    maps: dict[str, NDArray[np.float32]]
    judged: Judged


class ProbeLearning:
    """Learns maps of the layers of networks, on one treebank."""

    def __init__(self, pipe: Pipe, train: list[Tree], dev: list[Tree], settings: FitSettings, stop: Stop) -> None:
        self.curves: list[dict[str, Any]] = []
        self._pipe, self._settings, self._stop = pipe, settings, stop
        self.trees = {"train": train, "dev": dev}
        self._heads = [tree.heads for tree in dev]
        self._punctuation = [tree.is_punctuation for tree in dev]

    def chain(self) -> Judged:
        """Return what the baseline finds that knows neighbours alone; its root is the first word or the last, whichever is nearer
        to the roots of the training part."""
        places = [tree.heads.index(-1) / len(tree.heads) for tree in self.trees["train"]]
        return judge(self._heads, self._punctuation, *chain(self._heads, root_is_last=bool(np.mean(places) > 0.5)))

    def layers(self, model: ContextualModel, layers: Sequence[int], label: str) -> list[LayerResult]:
        """Learn the maps of some layers, as many together as there is room for."""
        n_words = sum(len(tree.heads) for tree in self.trees["train"])
        most = max(1, _MOST_BYTES // (2 * model.dimension * max(1, n_words)))
        found: list[LayerResult] = []
        for first in range(0, len(layers), most):
            found += self._together(model, layers[first : first + most], label)
        return found

    def _together(self, model: ContextualModel, layers: Sequence[int], label: str) -> list[LayerResult]:
        vectors = {name: self._embedded(model, name, layers, label) for name in self.trees}
        fitted = {part: self._fit(part, vectors, layers, label) for part in PARTS}
        lengths = np.cumsum([len(tree.heads) for tree in self.trees["dev"]])[:-1]
        found = []
        for column, layer in enumerate(layers):
            maps = {part: each.maps[column] for part, each in fitted.items()}
            of_layer = np.split(vectors["dev"][:, column].astype(np.float32), lengths)
            distances = [probes.squared_distances(each @ maps["distance"]) for each in of_layer]
            depths = [((each @ maps["depth"]) ** 2).sum(axis=1) for each in of_layer]
            found.append(LayerResult(layer, maps, judge(self._heads, self._punctuation, distances, depths)))
        return found

    def _fit(self, part: str, vectors: dict[str, NDArray[np.float16]], layers: Sequence[int], label: str) -> Fitted:
        from nlptool.training.probe.fit import Sentences, fit

        target = distances_of if part == "distance" else depths_of
        data = {
            name: Sentences(vectors[name], [len(tree.heads) for tree in trees], [target(tree.heads) for tree in trees])
            for name, trees in self.trees.items()
        }

        def progress(done: int, total: int) -> None:
            if self._stop():
                raise KeyboardInterrupt
            self._pipe.bar.work(f"{label}{part}", done, total, "epochs")

        fitted = fit(data["train"], data["dev"], self._settings, progress)
        stage = f"{'random ' if label else ''}{part}"
        for epoch, losses in enumerate(fitted.curves, 1):
            of_layers = {f"dev_loss_{layer}": round(loss, 5) for layer, loss in zip(layers, losses, strict=True)}
            self.curves.append({"stage": stage, "epoch": epoch, **of_layers})
        return fitted

    def _embedded(self, model: ContextualModel, name: str, layers: Sequence[int], label: str) -> NDArray[np.float16]:
        """Return the vectors of all words, (W, L, D); of a word without a piece zeros."""
        trees = self.trees[name]
        found = np.empty((sum(len(tree.heads) for tree in trees), len(layers), model.dimension), np.float16)
        start = n_without = 0
        for first in range(0, len(trees), _TOGETHER):
            if self._stop():
                raise KeyboardInterrupt
            part = trees[first : first + _TOGETHER]
            read = model.read([tree.text for tree in part])
            for vectors in probes.word_vectors(model, read, [tree.words for tree in part], layers):
                missing: NDArray[np.bool_] = np.isnan(vectors[:, 0, 0])
                n_without += int(missing.sum())
                found[start : start + len(vectors)] = np.where(missing[:, None, None], 0, vectors)
                start += len(vectors)
            self._pipe.bar.work(f"{label}embed {name}", first + len(part), len(trees), "sentences")
        if n_without and not label:
            self._pipe.note(
                f"words that have no piece in the model's tokenizer, whose vectors are zeros: {n_without:,}"
            )
        return found
