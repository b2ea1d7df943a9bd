"""Find a classifier, check it, convert it once, and open it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlptool.models.classifiers import linear_classifier
from nlptool.models.classifiers.classifier import Network, NetworkClassifier
from nlptool.models.classifiers.linear_classifier import LocatedLinearClassifier
from nlptool.models.heads import folder as heads_folder
from nlptool.models.heads.task import Task, of_manifest
from nlptool.models.heads.tokenizer import TextTokenizer
from nlptool.models.runtime import devices, prepare
from nlptool.models.runtime.onnx_network import OnnxNetwork
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.models.runtime.tokenizers import read_tokenizer
from nlptool.models.store import model_folder
from nlptool.models.store.kinds import CLASSIFIER
from nlptool.specs import ClassifierSpec

HINT = "nlptool models list --task classify shows classifiers; nlptool train classifier makes one"


@dataclass(frozen=True, slots=True)
class LocatedNetworkClassifier:
    """A classifier by a network that is ready to be opened, here or in another process."""

    name: str  # a hub id where the name was short for one
    engine: str  # onnx | torch
    device: str  # cpu | cuda | mps
    about: Mapping[str, Any]  # the manifest: see ``transformers_model``
    tasks: tuple[Task, ...]
    spec: ClassifierSpec
    weights: Path  # folder with the weights that the graph reads; of the model, where there is no graph
    graph: Path | None = None  # folder with model.onnx and tokenizer.json

    def open(self) -> NetworkClassifier:
        """Load the network.

        Raises:
            ModelError: it cannot be loaded.
            RunError: --max-length leaves no room.
        """
        if self.graph is None:
            return self._open_torch()
        spec = self.spec
        network = OnnxNetwork(
            self.about, self.graph, self.weights, threads=spec.threads or 0, deterministic=spec.deterministic
        )
        return self._classifier(read_tokenizer(self.graph / "tokenizer.json", threads=spec.threads), network)

    def _open_torch(self) -> NetworkClassifier:
        from nlptool.models.heads import transformers_model
        from nlptool.models.heads.torch_backend import LogitsOfAll
        from nlptool.models.runtime.torch_network import TorchNetwork

        spec = self.spec
        with devices.torch_threads(spec.threads):
            loaded = transformers_model.load(
                self.weights, self.name, heads_folder.CLASSIFIER, allow_pickle=spec.allow_pickle
            )
        dtype = "float32" if spec.deterministic else None
        network = TorchNetwork(LogitsOfAll(loaded.network), self.about, self.device, dtype=dtype, threads=spec.threads)
        return self._classifier(loaded.tokenizer, network)

    def _classifier(self, tokenizer: Any, network: Network) -> NetworkClassifier:
        spec = self.spec
        texts = TextTokenizer(tokenizer, self.about, max_length=spec.max_length, chunk=spec.chunk)
        return NetworkClassifier(
            texts, network, self.about, self.tasks, spec, name=self.name, device=self.device
        )  # fmt: skip


LocatedAnyClassifier = LocatedNetworkClassifier | LocatedLinearClassifier


def locate(spec: ClassifierSpec, *, note: Note = silent, report: Report = unwatched) -> LocatedAnyClassifier:
    """Find a classifier, check it, and convert it if that has not been done.

    Args:
        note: is told what takes long or did not work as usual.
        report: is told how a download goes on.

    Raises:
        ModelError: the model is not there, is damaged, is no classifier, or cannot be run by the engine.
        RunError: the device is not there.
    """
    device = devices.choose(spec.device, spec.engine)
    wants_graph = spec.engine != "torch" and device == "cpu"
    found = prepare.find(spec, plain=True, packed=wants_graph, note=note, report=report)
    tasks = heads_folder.tasks(found.folder, found.name, heads_folder.CLASSIFIER)
    about = heads_folder.manifest(found.folder, heads_folder.CLASSIFIER) or {}
    if heads_folder.is_linear(about):
        return linear_classifier.locate(found.folder, found.name, about, tasks, spec, note, report)
    files = model_folder.weight_files(found.folder, plain=True, allow_pickle=spec.allow_pickle)
    files += [path for path in [found.folder / heads_folder.CLASSIFIER.manifest] if path.is_file()]

    def convert(target: Path) -> None:
        from nlptool.models.heads import onnx_export  # with the frameworks: when there is something to convert

        onnx_export.convert(
            found.folder,
            found.name,
            heads_folder.CLASSIFIER,
            target,
            CLASSIFIER.manifest,
            allow_pickle=spec.allow_pickle,
        )

    graph, weights = None, found.folder
    if wants_graph:
        graph, weights = prepare.graph_of(
            found, CLASSIFIER, files, convert, is_required=spec.engine == "onnx", note=note
        )  # fmt: skip
    if graph is not None:
        manifest = graph / CLASSIFIER.manifest
        about = model_folder.read_json(manifest)
        tasks = of_manifest(about, str(manifest))
    else:
        from nlptool.models.heads import transformers_model

        about = transformers_model.load(
            weights, found.name, heads_folder.CLASSIFIER, allow_pickle=spec.allow_pickle
        ).about
    return LocatedNetworkClassifier(
        found.name, "torch" if graph is None else "onnx", device, about, tasks, spec, weights, graph
    )  # fmt: skip
