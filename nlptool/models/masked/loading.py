"""Find a masked language model, check it, convert it once, and open it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlptool import catalog
from nlptool.errors import ModelError
from nlptool.models.japanese.bert_words import words_of
from nlptool.models.masked.model import HINT, MaskedModel, MaskedNetwork, Network, decoder
from nlptool.models.masked.tokenizer import MaskedLmTokenizer
from nlptool.models.runtime import devices, prepare
from nlptool.models.runtime.onnx_network import OnnxNetwork
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.models.runtime.tokenizers import read_tokenizer
from nlptool.models.store import model_folder
from nlptool.models.store.kinds import MASKED
from nlptool.specs import MaskedModelSpec

_WITHOUT_NEXT = {
    "albert": "ALBERT was trained to tell the order of two sentences, which is another question",
    "distilbert": "DistilBERT was trained without next sentences",
    "modernbert": "ModernBERT was trained without next sentences",
    "roberta": "RoBERTa was trained without next sentences",
    "xlm-roberta": "XLM-RoBERTa was trained without next sentences",
}


@dataclass(frozen=True, slots=True)
class LocatedMaskedModel:
    """A model that is ready to be opened, here or in another process."""

    name: str  # a hub id where the name was short for one
    engine: str  # onnx | torch
    device: str  # cpu | cuda | mps
    about: Mapping[str, Any]  # the manifest: see ``transformers_model``
    spec: MaskedModelSpec
    weights: Path  # folder with the weights that the graph reads; of the model, where there is no graph
    graph: Path | None = None  # folder with model.onnx and tokenizer.json

    @property
    def heads(self) -> frozenset[str]:
        """Return what the model can do: mlm, nsp."""
        return frozenset(self.about["heads"])

    def open(self) -> MaskedModel:
        """Load the network.

        Raises:
            ModelError: it cannot be loaded.
            RunError: --max-length leaves no room.
        """
        if self.graph is None:
            return self._open_torch()
        network = OnnxNetwork(
            self.about, self.graph, self.weights, threads=self.spec.threads or 0, deterministic=self.spec.deterministic
        )
        return self._model(self.tokenizer(), MaskedNetwork(network, self.about))

    def _open_torch(self) -> MaskedModel:
        from nlptool.models.masked import transformers_model
        from nlptool.models.masked.torch_backend import LogitsAtPositions
        from nlptool.models.runtime.torch_network import TorchNetwork

        spec = self.spec
        with devices.torch_threads(spec.threads):
            loaded = transformers_model.load(self.weights, allow_pickle=spec.allow_pickle)
        dtype = "float32" if spec.deterministic else None
        module = LogitsAtPositions(loaded.network, self.about)
        network = TorchNetwork(module, self.about, self.device, dtype=dtype, threads=spec.threads)
        return self._model(self.tokenizer(loaded.tokenizer), MaskedNetwork(network, self.about))

    def _model(self, tokenizer: MaskedLmTokenizer, network: Network) -> MaskedModel:
        return MaskedModel(tokenizer, network, self.about, self.spec, name=self.name, device=self.device)

    def tokenizer(self, tokenizer: Any = None) -> MaskedLmTokenizer:
        """Open the tokenizer alone, with the words and limits of this model.

        Args:
            tokenizer: of the library ``tokenizers``, if it has been read.

        Raises:
            ModelError: it cannot be loaded.
            RunError: --max-length leaves no room.
        """
        if tokenizer is None and self.graph is not None:
            tokenizer = read_tokenizer(self.graph / "tokenizer.json", threads=self.spec.threads)
        elif tokenizer is None:
            from nlptool.models.runtime import transformers_loading

            tokenizer, _ = transformers_loading.tokenizers(self.weights)
        return MaskedLmTokenizer(
            tokenizer, self.about, words=words_of(self.about, tokenizer), max_length=self.spec.max_length
        )


def load(spec: MaskedModelSpec, *, head: str = "mlm", note: Note = silent, report: Report = unwatched) -> MaskedModel:
    """Locate and open in one step."""
    return locate(spec, head=head, note=note, report=report).open()


def locate(
    spec: MaskedModelSpec, *, head: str = "mlm", note: Note = silent, report: Report = unwatched
) -> LocatedMaskedModel:
    """Find a model, check it, and convert it if that has not been done.

    Args:
        head: what it must be able to do: mlm | nsp.
        note: is told what takes long or did not work as usual.
        report: is told how a download goes on.

    Raises:
        ModelError: the model is not there, is damaged, has no such head, or cannot be run by the engine.
        RunError: the device is not there.
    """
    prepare.check_task(spec.model, ["fill-mask"], hint=HINT)
    device = devices.choose(spec.device, spec.engine)
    wants_graph = spec.engine != "torch" and device == "cpu"
    found = prepare.find(spec, plain=True, packed=wants_graph, note=note, report=report)
    files = model_folder.weight_files(found.folder, plain=True, allow_pickle=spec.allow_pickle)
    _refuse(found.name, model_folder.read_json(found.folder / "config.json"), head=head)

    def convert(target: Path) -> None:
        from nlptool.models.masked import onnx_export  # with the frameworks: when there is something to convert

        onnx_export.convert_masked(found.folder, target, allow_pickle=spec.allow_pickle)

    graph, weights = None, found.folder
    if wants_graph:
        graph, weights = prepare.graph_of(found, MASKED, files, convert, is_required=spec.engine == "onnx", note=note)
    if graph is not None:
        about: Mapping[str, Any] = model_folder.read_json(graph / MASKED.manifest)
    else:
        from nlptool.models.masked import transformers_model

        about = transformers_model.load(weights, allow_pickle=spec.allow_pickle).about
    if head not in about["heads"]:
        raise _no_head(found.name, about, head)
    return LocatedMaskedModel(
        name=found.name,
        engine="torch" if graph is None else "onnx",
        device=device,
        about=about,
        spec=spec,
        weights=weights,
        graph=graph,
    )


def _refuse(name: str, config: Mapping[str, Any], *, head: str) -> None:
    """Refuse a model whose config.json says that it cannot do what is wanted."""
    kind = str(config.get("model_type"))
    if config.get("is_encoder_decoder"):
        raise ModelError(
            f"{name} is a sequence-to-sequence model ({kind}), which writes a text and fills no masks in one",
            hint=HINT,
        )
    if model_folder.is_decoder(config):
        raise decoder(name, kind)
    if head == "nsp" and kind not in model_folder.NEXT_SENTENCE:
        raise _no_head(name, {"architecture": kind}, head)


def _no_head(name: str, about: Mapping[str, Any], head: str) -> ModelError:
    if head == "nsp":
        kind = str(about["architecture"])
        other = (
            "its weights hold none"
            if kind in model_folder.NEXT_SENTENCE
            else f"a model of its kind ({kind}) is trained without"
        )
        reason = _WITHOUT_NEXT.get(kind, other)
        return ModelError(f"{name} has no next-sentence head: {reason}", hint=f"-m {catalog.DEFAULT_BERT} has one")
    return ModelError(f"{name} has no head for masked words: its weights hold one for next sentences alone", hint=HINT)
