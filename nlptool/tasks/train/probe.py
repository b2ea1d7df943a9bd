"""Train a structural probe on a treebank."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nlptool import catalog
from nlptool.errors import RecordError, RunError
from nlptool.models.probes import probe as probes
from nlptool.models.probes.measures import MEASURES, Judged, chain, intervals, judge, margins
from nlptool.models.probes.probe import MANIFEST, PARTS
from nlptool.models.probes.trees import depths_of, distances_of
from nlptool.models.store import locate
from nlptool.records import treebank
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.tagged_names import Layout
from nlptool.records.treebank import Tree
from nlptool.specs import ContextualSpec
from nlptool.tasks.languages import MASKED
from nlptool.tasks.open_model import locate_model, opened
from nlptool.tasks.train.card import Card
from nlptool.tasks.train.run import ModelOutput, Stop, TrainedModel, run_training, scripts_of, versions
from nlptool.tasks.train.work import held, remember_input
from nlptool.text.scripts import main_script

if TYPE_CHECKING:
    from nlptool.models.contextual.model import ContextualModel
    from nlptool.training.probe.fit import FitSettings, Fitted

_TOGETHER = 256  # sentences that are embedded together
_MOST_BYTES = 2**30  # of the vectors of all words in the layers that are learned together
_FEWEST = 2  # sentences
_NAMES = {"trained": "the model", "random": "random weights", "chain": "a chain"}


@dataclass(frozen=True, slots=True)
class LayerResult:
    """The maps of one layer, and what they find in the dev set."""

    layer: int
    maps: dict[str, NDArray[np.float32]]
    judged: Judged


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """What is learned and compared.

    Attributes:
        layer: the only one that is looked at, beside layer 0; None: all.
        fit: how the maps are learned.
        baselines: look at random weights, too.
        resamples: of the intervals; 0: none.
    """

    layer: int | None
    fit: FitSettings
    baselines: bool
    resamples: int


def train_probe(pipe: Pipe, output: ModelOutput, spec: ContextualSpec, dev: str | float, plan: ProbePlan) -> None:
    """Train a probe on the trees of CoNLL-U.

    Args:
        spec: the model whose vectors it reads; without a name the default for the script of the trees.
        dev: a share of the sentences, or a file with others.

    Raises:
        RunError: there are too few trees, or a folder cannot be written.
        ModelError: the model is not there, or has no vectors in context.
        KeyboardInterrupt: the training was stopped.
    """
    began = time.monotonic()
    with pipe.bar, held(pipe, output, MANIFEST, ()) as folder:
        train_trees, dev_trees = read(pipe, dev, plan.fit.seed)
        remember_input(pipe)
        if not spec.model:
            script = next(filter(None, (main_script(tree.text) for tree in train_trees)), "")
            spec = replace(spec, model=catalog.default(MASKED, script))

        def train(_: Path, stop: Stop) -> TrainedModel:
            learn = _Learning(pipe, train_trees, dev_trees, plan.fit, stop)
            made = _trained(pipe, spec, learn, plan)
            made.manifest["seconds"] = round(time.monotonic() - began, 1)
            return made

        run_training(pipe, output, folder, MANIFEST, train)


def read(pipe: Pipe, dev: str | float, seed: int) -> tuple[list[Tree], list[Tree]]:
    """Return the trees to learn from and those of the dev set.

    Raises:
        RunError: there are fewer than two of one of them.
    """
    trees = _read(pipe)
    if isinstance(dev, str):
        with pipe.beside(dev) as beside:
            held_out = _read(beside)
    else:
        from nlptool.training import splits

        is_dev = splits.split_dev([(tree.text, tree.text) for tree in trees], dev, seed).tolist()
        held_out = [tree for tree, out in zip(trees, is_dev, strict=True) if out]
        trees = [tree for tree, out in zip(trees, is_dev, strict=True) if not out]
    for found, what in ((trees, "to learn from"), (held_out, "in the dev set")):
        if len(found) < _FEWEST:
            raise RunError(f"there are {len(found)} trees of two words or more {what}", hint="a treebank in CoNLL-U")
    return trees, held_out


def _read(pipe: Pipe) -> list[Tree]:
    """Return the trees of a pipe's input that have two words or more; what is none fails, and counts in ``pipe``."""
    pipe.form = Layout().form(pipe.form)
    trees: list[Tree] = []
    peculiar: Counter[str] = Counter()

    def taken(lists: Iterator[list[Record]]) -> Iterator[list[Record]]:
        for records in lists:
            for record in records:
                if not record.pending:
                    continue
                try:
                    if record.raw is not None:
                        raise RecordError("NotATree", "an object, and no CoNLL-U")
                    tree = treebank.tree_of(record, peculiar)
                except RecordError as error:
                    record.fail(error)
                    continue
                if tree is not None:
                    peculiar["single"] += len(tree.heads) == 1
                    trees.extend([tree] * (len(tree.heads) > 1))
            yield records

    pipe.consume(taken(pipe.read()))
    said = {**treebank.SAID, "single": "sentences of one word, whose tree has no edge, and which were left out"}
    for name, sentence in said.items():
        if peculiar[name]:
            pipe.note(f"{sentence}: {peculiar[name]:,}")
    return trees


def _trained(pipe: Pipe, spec: ContextualSpec, learn: _Learning, plan: ProbePlan) -> TrainedModel:
    layer, settings, resamples = plan.layer, plan.fit, plan.resamples
    train_trees, dev_trees = learn.trees["train"], learn.trees["dev"]
    located = locate_model(spec, pipe)
    model: ContextualModel = opened(located)
    chosen = range(model.n_layers + 1) if layer is None else sorted({0, _of(model, layer)})
    results = learn.layers(model, chosen, "")
    candidates = results if layer is None else [each for each in results if each.layer == _of(model, layer)]
    best = {
        "distance": max(candidates, key=lambda each: each.judged.measured()["uuas"]),
        "depth": max(candidates, key=lambda each: each.judged.measured()["root_accuracy"]),
    }
    others: dict[str, Judged] = {"chain": learn.chain()}
    table = [_row("trained", each.layer, each.judged, settings.seed, resamples) for each in results]
    table.append(_row("chain", None, others["chain"], settings.seed, resamples))
    if results[0] is not best["distance"]:
        others["layer_0"] = results[0].judged
    if plan.baselines:
        random = opened_random(spec, pipe, settings.seed)
        found = learn.layers(random, chosen, "random weights, ")
        table += [_row("random", each.layer, each.judged, settings.seed, resamples) for each in found]
        others["random"] = max(found, key=lambda each: each.judged.measured()["uuas"]).judged
    judged = _joined(best["distance"].judged, best["depth"].judged)
    scores = {name: round(value, 5) for name, value in judged.measured().items()}
    manifest = {
        "base": _kept(located.name),
        "n_layers": model.n_layers,
        "dimension": model.dimension,
        "rank": settings.rank,
        "layers": {part: best[part].layer for part in PARTS},
        "n_sentences": len(train_trees),
        "n_words": sum(len(tree.heads) for tree in train_trees),
        "n_dev_sentences": len(dev_trees),
        "scores": scores,
        "above": {name: _above(judged, other, settings.seed, resamples) for name, other in others.items()},
        "results": table,
        "options": {
            "base": spec.model, "layer": "all" if layer is None else layer, "rank": settings.rank, "seed": settings.seed,
            "batch_size": settings.batch_size, "learning_rate": settings.learning_rate, "epochs": settings.epochs,
            "patience": settings.patience,
        },
        "versions": versions("nlptool", "torch", "numpy"),
        **scripts_of([tree.text for tree in train_trees]),
    }  # fmt: skip
    maps = {part: best[part].maps[part] for part in PARTS}
    summary = f"on dev UUAS {scores['uuas']:.3f} (layer {best['distance'].layer}), root {scores['root_accuracy']:.3f}"
    summary += f"; a chain {others['chain'].measured()['uuas']:.3f}"
    if "random" in others:
        summary += f", random weights {others['random'].measured()['uuas']:.3f}"
    return TrainedModel(learn.curves, manifest, lambda folder: probes.save(folder, maps), summary, _card(manifest))


def opened_random(spec: ContextualSpec, pipe: Pipe, seed: int) -> ContextualModel:
    """Return a network of the same architecture with random weights."""
    located = locate_model(replace(spec, engine="torch"), pipe)
    return located.open_random(seed)


class _Learning:
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
            for vectors in probes.word_vectors(
                model, [tree.text for tree in part], [tree.words for tree in part], layers
            ):
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


def _of(model: ContextualModel, layer: int) -> int:
    from nlptool.tasks.embed_tokens import Layers

    return Layers.of(model, layer).numbers[0]


def _joined(distance: Judged, depth: Judged) -> Judged:
    """Return the measures of distances of one layer with those of depths of another."""
    return Judged(
        np.hstack([distance.values[:, :2], depth.values[:, 2:]]),
        np.hstack([distance.weights[:, :2], depth.weights[:, 2:]]),
        distance.lengths,
    )


def _row(name: str, layer: int | None, judged: Judged, seed: int, resamples: int) -> dict[str, Any]:
    """Return the measures of a layer with their intervals."""
    measured, bounds = judged.measured(), intervals(judged, resamples=resamples, seed=seed)
    return {
        "of": name,
        "layer": layer,
        **{measure: round(measured[measure], 5) for measure in MEASURES},
        "intervals": {measure: [round(bound, 5) for bound in bounds[measure]] for measure in bounds},
    }


def _above(judged: Judged, other: Judged, seed: int, resamples: int) -> dict[str, Any]:
    """Return by how much the measures are above others, with intervals: the sentences are drawn together."""
    ours, theirs = judged.measured(), other.measured()
    bounds = margins(judged, other, resamples=resamples, seed=seed)
    return {
        measure: [round(value, 5) for value in (ours[measure] - theirs[measure], *bounds.get(measure, ()))]
        for measure in MEASURES
    }


def _kept(name: str) -> str:
    """Return the name of a model as a manifest keeps it: of a folder its path from the root."""
    if name in catalog.KNOWN or locate.is_hub_id(name):
        return name
    path = locate.existing(name)
    return name if path is None else str(path.resolve())


def _card(manifest: dict[str, Any]) -> Card:
    def cells(row: dict[str, Any]) -> str:
        values = []
        for measure in MEASURES:
            bounds = row["intervals"].get(measure)
            values.append(f"{row[measure]:.3f}" + (f" ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else ""))
        where = "" if row["layer"] is None else f", layer {row['layer']}"
        return f"| {_NAMES[row['of']]}{where} | {' | '.join(values)} |\n"

    head = "| | UUAS | Spearman of distances | root | Spearman of depths |\n|---|---|---|---|---|\n"
    layers = manifest["layers"]
    return Card(
        text=f"A structural probe (Hewitt and Manning 2019) of {manifest['base']}, made by `nlptool train probe`; `nlptool "
        f"probe` reads trees with it.\n\nOn the dev set, with 95 % bootstrap intervals over its sentences:\n\n{head}"
        + "".join(map(cells, manifest["results"])).rstrip(),
        facts=[
            f"Trees: {manifest['n_sentences']:,} sentences with {manifest['n_words']:,} words",
            f"Trees of dev: {manifest['n_dev_sentences']:,}",
            f"Distances from layer {layers['distance']}, depths from layer {layers['depth']}, rank {manifest['rank']}",
        ],
        scores="Scores on dev of the layers that were kept",
    )
