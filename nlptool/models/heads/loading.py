"""Find a network with heads, check it, convert it once, and open it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from nlptool.models.heads import folder as heads_folder
from nlptool.models.heads.folder import Family
from nlptool.models.heads.task import Task, of_manifest
from nlptool.models.runtime import devices, prepare
from nlptool.models.runtime.onnx_network import OnnxNetwork
from nlptool.models.runtime.prepare import FoundModel, Note, Report
from nlptool.models.runtime.tokenizers import read_tokenizer
from nlptool.models.store import model_folder
from nlptool.specs import HeadsSpec

if TYPE_CHECKING:
    from nlptool.models.runtime.torch_network import TorchNetwork

Spec = TypeVar("Spec", bound=HeadsSpec)
Model = TypeVar("Model")


@dataclass(frozen=True, slots=True)
class LocatedHeads:
    """A network that is ready to be opened, here or in another process."""

    name: str  # a hub id where the name was short for one
    family: Family
    device: str  # cpu | cuda | mps
    about: Mapping[str, Any]  # the manifest: see ``transformers_model``
    tasks: tuple[Task, ...]
    weights: Path  # folder with the weights that the graph reads; of the model, where there is no graph
    graph: Path | None  # folder with model.onnx and tokenizer.json

    def open(self, spec: HeadsSpec) -> tuple[Any, OnnxNetwork | TorchNetwork]:
        """Return the tokenizer, of the library ``tokenizers``, and the network, which gives the logits of all tasks.

        Raises:
            ModelError: they cannot be loaded.
        """
        if self.graph is not None:
            network = OnnxNetwork(
                self.about, self.graph, self.weights, threads=spec.threads or 0, deterministic=spec.deterministic
            )
            return read_tokenizer(self.graph / "tokenizer.json", threads=spec.threads), network
        from nlptool.models.heads import transformers_model
        from nlptool.models.heads.torch_backend import LogitsOfAll
        from nlptool.models.runtime.torch_network import TorchNetwork

        with devices.torch_threads(spec.threads):
            loaded = transformers_model.load(self.weights, self.name, self.family, allow_pickle=spec.allow_pickle)
        dtype = "float32" if spec.deterministic else None
        module = LogitsOfAll(loaded.network)
        return loaded.tokenizer, TorchNetwork(module, self.about, self.device, dtype=dtype, threads=spec.threads)


@dataclass(frozen=True, slots=True)
class Located(Generic[Spec, Model]):
    """A model of some family that is ready to be opened, here or in another process."""

    found: LocatedHeads
    spec: Spec
    make: Callable[[LocatedHeads, Spec], Model]

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.found.name

    def open(self) -> Model:
        """Load the network.

        Raises:
            ModelError: it cannot be loaded.
            RunError: --max-length leaves no room.
        """
        return self.make(self.found, self.spec)


def find(spec: HeadsSpec, family: Family, *, note: Note, report: Report) -> tuple[FoundModel, tuple[Task, ...], str]:
    """Find the files of a model; return them, its tasks, and the device on which it runs.

    Raises:
        ModelError: the model is not there, is damaged, or is none of the family.
        RunError: the device is not there.
    """
    device = devices.choose(spec.device, spec.engine)
    is_packed = spec.engine != "torch" and device == "cpu"
    found = prepare.find(spec, plain=True, packed=is_packed, note=note, report=report)
    return found, heads_folder.tasks(found.folder, found.name, family), device


def prepared(found: FoundModel, spec: HeadsSpec, family: Family, device: str, note: Note) -> LocatedHeads:
    """Convert a model that was found, if that has not been done, or describe it for torch.

    Raises:
        ModelError: it is damaged, or cannot be run by the engine.
    """
    files = model_folder.weight_files(found.folder, plain=True, allow_pickle=spec.allow_pickle)
    files += [path for path in [found.folder / family.manifest] if path.is_file()]

    def convert(target: Path) -> None:
        from nlptool.models.heads import onnx_export  # with the frameworks: when there is something to convert

        onnx_export.convert(found.folder, found.name, family, target, allow_pickle=spec.allow_pickle)

    graph, weights = None, found.folder
    if spec.engine != "torch" and device == "cpu":
        graph, weights = prepare.graph_of(
            found, family.copy, files, convert, is_required=spec.engine == "onnx", note=note
        )
    if graph is not None:
        about = model_folder.read_json(graph / family.copy.manifest)
    else:
        from nlptool.models.heads import transformers_model

        about = transformers_model.load(weights, found.name, family, allow_pickle=spec.allow_pickle).about
    tasks = of_manifest(about, str((graph or weights) / family.copy.manifest), family.kinds)
    return LocatedHeads(found.name, family, device, about, tasks, weights, graph)


def locate(spec: HeadsSpec, family: Family, *, note: Note, report: Report) -> LocatedHeads:
    """Find a model, check it, and convert it if that has not been done.

    Raises:
        ModelError: the model is not there, is damaged, is none of the family, or cannot be run by the engine.
        RunError: the device is not there.
    """
    found, _, device = find(spec, family, note=note, report=report)
    return prepared(found, spec, family, device, note)
