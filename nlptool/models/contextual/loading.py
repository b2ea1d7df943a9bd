"""Find a model for vectors of tokens in context, check it, convert it once, and open it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlptool import catalog
from nlptool.errors import ModelError
from nlptool.models.contextual.model import ContextualModel, OnnxStates, TorchStates
from nlptool.models.contextual.texts import PlacingTokenizer
from nlptool.models.japanese.bert_words import words_of
from nlptool.models.runtime import devices, prepare
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.models.runtime.tokenizers import read_tokenizer
from nlptool.models.seq2seq import folder as seq2seq_folder
from nlptool.models.store import model_folder
from nlptool.models.store.kinds import CONTEXTUAL
from nlptool.models.words import loading as word_loading
from nlptool.specs import ContextualSpec

_TASKS = ("fill-mask", "embed", "classify", "tag")
HINT = "-m bert-mini-ja and -m bert-mini-en are built in; nlptool models list --task fill-mask shows more"


@dataclass(frozen=True, slots=True)
class LocatedContextualModel:
    """A model that is ready to be opened, here or in another process."""

    name: str  # a hub id where the name was short for one
    engine: str  # onnx | torch
    device: str  # cpu | cuda | mps
    about: Mapping[str, Any]  # the manifest
    spec: ContextualSpec
    weights: Path  # folder with the weights that the graph reads; of the Transformer, where there is no graph
    graph: Path | None = None  # folder with model.onnx

    def open(self) -> ContextualModel:
        """Load the network.

        Raises:
            ModelError: it cannot be loaded.
            RunError: --max-length leaves no room.
        """
        spec = self.spec
        if self.graph is None:
            return self._open_torch()
        own = self.graph / "tokenizer.json"
        tokenizer = read_tokenizer(own if own.is_file() else self.weights / "tokenizer.json", threads=spec.threads)
        states = OnnxStates(
            self.about, self.graph, self.weights, threads=spec.threads or 0, deterministic=spec.deterministic
        )
        return self._model(tokenizer, states)

    def open_random(self, seed: int) -> ContextualModel:
        """Make a network of the same architecture with random weights, in torch, with the same tokenizer.

        Raises:
            ModelError: as of ``open``. The model was found with a graph and is kept in 8 bits: ``spec.engine`` is to be torch.
        """
        return self._open_torch(seed)

    def _open_torch(self, seed: int | None = None) -> ContextualModel:
        from nlptool.models.contextual import transformers_model
        from nlptool.models.contextual.torch_backend import HiddenStates
        from nlptool.models.runtime.torch_network import TorchNetwork

        spec = self.spec
        with devices.torch_threads(spec.threads):
            loaded = transformers_model.load(
                self.weights, self.name, threads=spec.threads, allow_pickle=spec.allow_pickle
            )
            loaded = loaded if seed is None else transformers_model.random_network(loaded, seed)
        dtype = "float32" if spec.deterministic else None
        network = TorchNetwork(HiddenStates(loaded.network), self.about, self.device, dtype=dtype, threads=spec.threads)
        return self._model(loaded.tokenizer, TorchStates(network))

    def _model(self, tokenizer: Any, network: OnnxStates | TorchStates) -> ContextualModel:
        texts = PlacingTokenizer(
            tokenizer, self.about, words=words_of(self.about, tokenizer), max_length=self.spec.max_length
        )
        return ContextualModel(texts, network, self.about, self.spec, name=self.name, device=self.device)


def load(spec: ContextualSpec, *, note: Note = silent, report: Report = unwatched) -> ContextualModel:
    """Locate and open in one step."""
    return locate(spec, note=note, report=report).open()


def locate(spec: ContextualSpec, *, note: Note = silent, report: Report = unwatched) -> LocatedContextualModel:
    """Find a masked language model, a sentence encoder or another Transformer that reads, check it, and convert it if that has
    not been done.

    Args:
        note: is told what takes long or did not work as usual.
        report: is told how a download goes on.

    Raises:
        ModelError: the model is not there, is damaged, has no vectors in context, or cannot be run by the engine.
        RunError: the device is not there.
    """
    if word_loading.are_vectors(spec.model):
        raise _static(spec.model, "word vectors")
    refusal = "{}, a model for {}, has no vectors of tokens in their context"
    prepare.check_task(spec.model, _TASKS, hint=HINT, refusal=refusal)
    device = devices.choose(spec.device, spec.engine)
    wants_graph = spec.engine != "torch" and device == "cpu"
    packed = wants_graph and prepare.shipped_graph(catalog.KNOWN.get(spec.model), CONTEXTUAL) is not None
    found = prepare.find(spec, plain=True, packed=packed, note=note, report=report)
    part = _transformer(found.name, found.folder)
    files = model_folder.weight_files(found.folder, plain=not part, allow_pickle=spec.allow_pickle)

    def convert(target: Path) -> None:
        from nlptool.models.contextual import onnx_export  # with the frameworks: when there is something to convert

        onnx_export.convert(found.folder / part, found.name, target, allow_pickle=spec.allow_pickle)

    graph, weights = None, found.folder
    if wants_graph:
        graph, weights = prepare.graph_of(
            found, CONTEXTUAL, files, convert, is_required=spec.engine == "onnx", parts=[part], note=note
        )
    if graph is not None:
        about: Mapping[str, Any] = model_folder.read_json(graph / CONTEXTUAL.manifest)
    else:
        from nlptool.models.contextual import transformers_model

        weights = weights / part
        about = transformers_model.load(weights, found.name, allow_pickle=spec.allow_pickle).about
    return LocatedContextualModel(
        name=found.name,
        engine="torch" if graph is None else "onnx",
        device=device,
        about=about,
        spec=spec,
        weights=weights,
        graph=graph,
    )


def _transformer(name: str, folder: Path) -> str:
    """Return the folder of the Transformer within that of a model, "" for the same.

    Raises:
        ModelError: it has none, or one that writes.
    """
    if seq2seq_folder.is_seq2seq(folder):
        raise ModelError(f"{name} is a sequence-to-sequence model, which writes texts", hint=HINT)
    kind, part = model_folder.modules(folder)[0]
    if kind != "Transformer":
        raise _static(name, "a table of token vectors" if kind == "StaticEmbedding" else f"made of {kind}")
    config = model_folder.read_json(folder / part / "config.json")
    if model_folder.is_decoder(config):
        raise ModelError(
            f"{name} is a decoder ({config.get('model_type')}): it reads only what stands before a word, so its vectors know "
            "half of the context",
            hint=HINT,
        )
    return part


def _static(name: str, what: str) -> ModelError:
    return ModelError(f"{name} is {what}: a word has the same vector in every context", hint=HINT)
