"""Find a masked language model, check it, convert it once, and open it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nlptool import catalog
from nlptool.errors import ModelError, NotConvertible
from nlptool.models.japanese.bert_words import words_of
from nlptool.models.masked.model import HINT, MaskedModel, MaskedModelSettings, Network, OnnxMasked, decoder
from nlptool.models.masked.tokenizer import MaskedLmTokenizer
from nlptool.models.runtime import devices
from nlptool.models.runtime.tokenizers import read_tokenizer
from nlptool.models.store import converted, hub_cache, locate, model_folder

_DECODERS = ("ForCausalLM", "LMHeadModel")  # but for XLMWithLMHeadModel and its kin, which are BERTs
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
    about: Mapping[str, Any]  # the manifest: see ``convert_masked``
    settings: MaskedModelSettings
    weights: Path  # folder with the weights that the graph reads; of the model, where there is no graph
    graph: Path | None = None  # folder with model.onnx and tokenizer.json
    allow_pickle: bool = False

    @property
    def heads(self) -> frozenset[str]:
        """What the model can do: mlm, nsp."""
        return frozenset(self.about["heads"])

    def open(self) -> MaskedModel:
        """Load the network.

        Raises:
            ModelError: it cannot be loaded.
            RunError: --max-length leaves no room.
        """
        threads = self.settings.threads
        if threads:
            os.environ["RAYON_NUM_THREADS"] = str(threads)  # the tokenizers' threads
        if self.graph is None:
            return self._open_torch()
        network = OnnxMasked(
            self.about, self.graph, self.weights, threads=threads, deterministic=self.settings.deterministic
        )
        return self._model(self.texts(), network)

    def _open_torch(self) -> MaskedModel:
        import torch

        from nlptool.models.masked import transformers_model
        from nlptool.models.masked.torch_backend import TorchMasked

        if self.settings.threads:
            torch.set_num_threads(self.settings.threads)
        loaded = transformers_model.load(self.weights, allow_pickle=self.allow_pickle)
        dtype = "float32" if self.settings.deterministic else None
        network = TorchMasked(loaded.network, self.about, self.device, dtype=dtype)
        return self._model(self.texts(loaded.tokenizer), network)

    def _model(self, texts: MaskedLmTokenizer, network: Network) -> MaskedModel:
        return MaskedModel(texts, network, self.about, self.settings, name=self.name, device=self.device)

    def texts(self, tokenizer: Any = None) -> MaskedLmTokenizer:
        """The tokenizer alone, with the words and limits of this model.

        Args:
            tokenizer: of the library ``tokenizers``, if it has been read.

        Raises:
            ModelError: it cannot be loaded.
            RunError: --max-length leaves no room.
        """
        if tokenizer is None and self.graph is not None:
            tokenizer = read_tokenizer(self.graph / "tokenizer.json")
        elif tokenizer is None:
            from nlptool.models.masked import transformers_model

            tokenizer, _ = transformers_model.tokenizers(self.weights)
        return MaskedLmTokenizer(
            tokenizer, self.about, words=words_of(self.about, tokenizer), max_length=self.settings.max_length
        )


def load(name: str, settings: MaskedModelSettings = MaskedModelSettings(), **arguments: Any) -> MaskedModel:
    """Prepare and open in one step; the arguments are those of ``prepare``."""
    return prepare(name, settings, **arguments).open()


def prepare(
    name: str,
    settings: MaskedModelSettings = MaskedModelSettings(),
    *,
    head: str = "mlm",
    engine: str = "auto",
    device: str = "cpu",
    offline: bool = False,
    allow_pickle: bool = False,
    note: Callable[[str], None] = lambda _: None,
    report: hub_cache.Report = lambda there, total, received: None,
) -> LocatedMaskedModel:
    """Find the model called ``name``, look it over, and convert it if that has not been done.

    Args:
        head: what it must be able to do: mlm | nsp.
        engine: onnx, torch, or auto: onnx where the model can be converted, else torch.
        device: cpu, cuda, mps, or auto: cuda where there is one; onnx runs on the cpu alone.
        offline: open no socket.
        allow_pickle: take weights that are a pickle, where a model has no others.
        note: is told what takes long or did not work as usual.
        report: is told how a download goes on.

    Raises:
        ModelError: the model is not there, is damaged, has no such head, or cannot be run by the engine.
        RunError: the device is not there.
    """
    known = catalog.KNOWN.get(name)
    if known is not None and known.task != "fill-mask":
        raise ModelError(f"{name} is a model for {known.task}", hint=HINT)
    device = devices.choose(device, engine)
    folder = locate.find(name, plain=True, offline=offline, allow_pickle=allow_pickle, note=note, report=report)
    if known is not None and known.hub:
        name = known.hub
    files = model_folder.weight_files(folder, plain=True, allow_pickle=allow_pickle)
    _refuse(name, model_folder.read_json(folder / "config.json"), head=head)
    wants_torch = engine == "torch" or device != "cpu"
    graph: Path | None = None
    if known is not None and known.graph and not wants_torch:
        graph = locate.built_in_graph(known)
    elif not wants_torch:
        try:
            make = partial(_convert, folder, allow_pickle=allow_pickle)
            graph = folder = converted.converted("masked", name, folder, files, make, note=note)
        except NotConvertible as error:
            if engine == "onnx":
                raise ModelError(
                    f"{name} does not run in onnxruntime: {error}", hint="--engine torch runs it"
                ) from error
            note(f"{name} runs in torch: {error}")
    if graph is not None:
        about: Mapping[str, Any] = model_folder.read_json(graph / converted.MASKED)
    else:
        from nlptool.models.masked import transformers_model

        about = transformers_model.load(folder, allow_pickle=allow_pickle).about
    if head not in about["heads"]:
        raise _no_head(name, about, head)
    return LocatedMaskedModel(
        name=name,
        engine="torch" if graph is None else "onnx",
        device=device,
        about=about,
        settings=settings,
        weights=folder,
        graph=graph,
        allow_pickle=allow_pickle,
    )


def _convert(folder: Path, target: Path, *, allow_pickle: bool) -> None:
    """The frameworks are imported when there is something to convert."""
    from nlptool.models.masked import onnx_export as masked_export

    masked_export.convert_masked(folder, target, allow_pickle=allow_pickle)


def _refuse(name: str, config: Mapping[str, Any], *, head: str) -> None:
    """
    Raises:
        ModelError: its config.json says that the model cannot do what is wanted.
    """
    kind = str(config.get("model_type"))
    if config.get("is_encoder_decoder"):
        raise ModelError(
            f"{name} is a sequence-to-sequence model ({kind}), which writes a text and fills no masks in one",
            hint=HINT,
        )
    listed = config.get("architectures")
    classes = [str(each) for each in listed] if isinstance(listed, list) else []
    if config.get("is_decoder") or any(each.endswith(_DECODERS) and "WithLMHead" not in each for each in classes):
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
