"""Train a deep autoencoder, whose code is that of a text."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nlptool.models.autoencoders import folder as autoencoder_folder
from nlptool.models.autoencoders.folder import MANIFEST
from nlptool.models.autoencoders.shape import WORDS
from nlptool.models.store import locate
from nlptool.models.words import tokenizers
from nlptool.records.pipe import Pipe
from nlptool.tasks.train import autoencoder_corpus
from nlptool.tasks.train.autoencoder_corpus import AutoencoderCorpus, CorpusOptions
from nlptool.tasks.train.autoencoder_plane import Plane, plane_of
from nlptool.tasks.train.card import Card
from nlptool.tasks.train.run import ModelOutput, Stop, TrainedModel, results, run_options, run_training
from nlptool.tasks.train.work import held, remember_input

if TYPE_CHECKING:
    from nlptool.specs import EncoderSpec
    from nlptool.training.autoencoder.finetuning import AutoencoderTraining
    from nlptool.training.autoencoder.rbm import Rbm
    from nlptool.training.autoencoder.settings import AutoencoderSettings
    from nlptool.training.loop_types import RunOptions

_WORK_FILES = ("autoencoder-*",)


def train_autoencoder(
    pipe: Pipe,
    output: ModelOutput,
    options: CorpusOptions,
    spec: EncoderSpec,
    settings: AutoencoderSettings,
    *,
    plane: bool,
) -> Plane | None:
    """Train an autoencoder on the texts of ``pipe``.

    Args:
        spec: the encoder of texts without an embedding, where embeddings are read; its device and threads are those of the
            training.
        plane: return the places of the held-out texts, of all if there are none; the code has two units.

    Raises:
        RunError: there is too little text, the training went wrong, or a folder cannot be written.
        KeyboardInterrupt: the training was stopped; a checkpoint has been written.
    """
    began = time.monotonic()
    found: list[Plane] = []
    with pipe.bar, held(pipe, output, MANIFEST, _WORK_FILES) as folder:
        from nlptool.models.runtime import devices

        torch_device = devices.torch_device(spec.device, spec.threads)
        corpus = autoencoder_corpus.read(pipe, options, spec)
        remember_input(pipe)

        def train(work: Path, stop: Stop) -> TrainedModel:
            run = run_options(pipe, output, stop, device=torch_device, began=began)
            training, layers, curves = _trained(corpus, settings, work, run)
            shape = training.network.shape
            if plane:
                found.append(plane_of(corpus, training, settings.seed))
            manifest = {
                **_about(corpus, options, shape), "layers": layers, "save_dtype": output.save_dtype,
                **({"shares": dict(zip(("code", found[0].linear_name), found[0].shares, strict=True))}
                   if found and found[0].shares else {}),
                **corpus.scripts, **results(training, "scipy"),
            }  # fmt: skip
            del manifest["versions"]["tokenizers"]

            def save(folder: Path) -> None:
                arrays: dict[str, NDArray[Any]] = dict(training.network.arrays())
                if output.save_dtype == "float16":
                    arrays = {name: array.astype(np.float16) for name, array in arrays.items()}
                if corpus.mean is not None:
                    arrays |= {"mean": corpus.mean, "scale": np.array([corpus.scale], np.float32)}
                manifest["identity"] = autoencoder_folder.save(folder, arrays, corpus.words)

            return TrainedModel(curves, manifest, save, _summary(training.scores, manifest, found), _card(manifest))

        run_training(pipe, output, folder, MANIFEST, train)
    return found[0] if found else None


def _trained(
    corpus: AutoencoderCorpus, settings: AutoencoderSettings, work: Path, run: RunOptions
) -> tuple[AutoencoderTraining, list[dict[str, Any]], list[dict[str, Any]]]:
    """Train each layer, then all of them together; return the training, what is said of each layer, and the curves."""
    from nlptool.training.autoencoder.finetuning import AutoencoderTraining
    from nlptool.training.autoencoder.pretraining import LayerSettings, LayerTraining, layer_widths
    from nlptool.training.loop import dev_scores

    data = corpus.train.name + (corpus.dev.name if corpus.dev is not None else "")
    shape = settings.shape(corpus.train.reads, corpus.train.data.shape[1])
    machines: list[Rbm] = []
    layers: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    for widths, units in layer_widths(shape) if settings.pretraining_epochs else ():
        of_layer = LayerSettings(
            widths=widths,
            units=units,
            epochs=settings.pretraining_epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.pretraining_rate,
            seed=settings.seed,
        )
        before = f"{data} {[each['width'] for each in layers]}"
        layer = LayerTraining(corpus.train, corpus.dev, machines, of_layer, work, data=before, **run)
        layer.run()
        machines.append(layer.network)
        curves += layer.curves
        layers.append({"width": widths[-1], **dev_scores(layer.curves[-1])})
        loss = f", dev loss {layers[-1]['loss']:.4f}" if "loss" in layers[-1] else ""
        run["note"](f"layers {'-'.join(map(str, widths))}{loss}")
    training = AutoencoderTraining(corpus.train, corpus.dev, machines, settings, work, data=data, **run)
    if corpus.dev is not None:
        run["note"](f"dev loss without a code {training.baseline():.4f}")
    training.run()
    training.scores |= {"loss_without_code": round(training.baseline(), 5)} if corpus.dev is not None else {}
    return training, layers, curves + training.curves


def _about(corpus: AutoencoderCorpus, options: CorpusOptions, shape: Any) -> dict[str, Any]:
    about = {
        "reads": shape.reads, "widths": list(shape.widths), "units": shape.units, "n_texts": len(corpus.train),
        "n_dev_texts": len(corpus.dev) if corpus.dev is not None else 0,
        "dev": Path(options.dev).name if isinstance(options.dev, str) else options.dev,
    }  # fmt: skip
    if shape.reads == WORDS:
        dictionary = options.dictionary
        if dictionary is not None:
            dictionary = tokenizers.dictionary("unidic", dictionary)
        return about | {"length": corpus.train.length, "dictionary": dictionary}
    path = locate.existing(corpus.base)
    base = str(path.resolve()) if path is not None and not locate.is_hub_id(corpus.base) else corpus.base
    return about | {"base": base, "dim": corpus.dim, "prompt": corpus.prompt}


def _summary(scores: dict[str, float], manifest: dict[str, Any], planes: Sequence[Plane]) -> str:
    shape = "-".join(map(str, manifest["widths"]))
    said = f"{shape}, on dev loss {scores['loss']:.4f}" if scores else f"{shape}; nothing was held out"
    if planes and planes[0].shares:
        code, linear = planes[0].shares
        said += f"; nearest neighbours of the same class: {code:.3f}, by {planes[0].linear_name} {linear:.3f}"
    return said


def _card(manifest: dict[str, Any]) -> Card:
    read = (
        f"counts of {manifest['widths'][0]:,} words"
        if manifest["reads"] == WORDS
        else f"embeddings of {manifest['base']}"
    )
    return Card(
        text=f"A deep autoencoder of {read} with a {manifest['units']} code of {manifest['widths'][-1]}, made by `nlptool train "
        "autoencoder`; `nlptool hash` runs it.",
        facts=[
            f"Texts: {manifest['n_texts']:,}; held out: {manifest['n_dev_texts']:,}",
            f"Layers: {'-'.join(map(str, manifest['widths']))}",
            *(f"Pre-trained up to {each['width']}: dev loss {each['loss']}" for each in manifest["layers"] if "loss" in each),
        ],
        scores="Loss on dev",
    )  # fmt: skip
