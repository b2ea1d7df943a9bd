"""Train a structural probe on a treebank."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nlptool import catalog
from nlptool.models.probes import probe as probes
from nlptool.models.probes.measures import Judged
from nlptool.models.probes.probe import MANIFEST, PARTS
from nlptool.models.store import locate
from nlptool.records.pipe import Pipe
from nlptool.specs import ContextualSpec
from nlptool.tasks.languages import MASKED
from nlptool.tasks.open_model import locate_model, opened
from nlptool.tasks.train.probe_corpus import read
from nlptool.tasks.train.probe_layers import ProbeLearning
from nlptool.tasks.train.probe_report import above, card, joined, row
from nlptool.tasks.train.run import ModelOutput, Stop, TrainedModel, run_training, scripts_of, versions
from nlptool.tasks.train.work import held, remember_input
from nlptool.text.scripts import main_script

if TYPE_CHECKING:
    from nlptool.models.contextual.model import ContextualModel
    from nlptool.training.probe.fit import FitSettings


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
        train_trees, dev_trees = read(pipe, dev)
        remember_input(pipe)
        if not spec.model:
            script = next(filter(None, (main_script(tree.text) for tree in train_trees)), "")
            spec = replace(spec, model=catalog.default(MASKED, script))

        def train(_: Path, stop: Stop) -> TrainedModel:
            learn = ProbeLearning(pipe, train_trees, dev_trees, plan.fit, stop)
            made = _trained(pipe, spec, learn, plan)
            made.manifest["seconds"] = round(time.monotonic() - began, 1)
            return made

        run_training(pipe, output, folder, MANIFEST, train)


def _trained(pipe: Pipe, spec: ContextualSpec, learn: ProbeLearning, plan: ProbePlan) -> TrainedModel:
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
    table = [row("trained", each.layer, each.judged, settings.seed, resamples) for each in results]
    table.append(row("chain", None, others["chain"], settings.seed, resamples))
    if results[0] is not best["distance"]:
        others["layer_0"] = results[0].judged
    if plan.baselines:
        random = opened_random(spec, pipe, settings.seed)
        found = learn.layers(random, chosen, "random weights, ")
        table += [row("random", each.layer, each.judged, settings.seed, resamples) for each in found]
        others["random"] = max(found, key=lambda each: each.judged.measured()["uuas"]).judged
    judged = joined(best["distance"].judged, best["depth"].judged)
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
        "above": {name: above(judged, other, settings.seed, resamples) for name, other in others.items()},
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
    return TrainedModel(learn.curves, manifest, lambda folder: probes.save(folder, maps), summary, card(manifest))


def opened_random(spec: ContextualSpec, pipe: Pipe, seed: int) -> ContextualModel:
    """Return a network of the same architecture with random weights."""
    located = locate_model(replace(spec, engine="torch"), pipe)
    return located.open_random(seed)


def _of(model: ContextualModel, layer: int) -> int:
    from nlptool.tasks.embed_tokens import Layers

    return Layers.of(model, layer).numbers[0]


def _kept(name: str) -> str:
    """Return the name of a model as a manifest keeps it: of a folder its path from the root."""
    if name in catalog.KNOWN or locate.is_hub_id(name):
        return name
    path = locate.existing(name)
    return name if path is None else str(path.resolve())
