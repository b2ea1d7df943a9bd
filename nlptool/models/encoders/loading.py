"""Find a sentence encoder, check it, convert it once, and open it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool import catalog
from nlptool.errors import ModelError, NotConvertible, RunError
from nlptool.models.encoders import encoder as encoders
from nlptool.models.encoders import prompts
from nlptool.models.encoders.encoder import Encoder, EncoderSettings
from nlptool.models.encoders.tokenizer import EncoderTokenizer
from nlptool.models.runtime import devices, tokenizers, transformers_loading
from nlptool.models.runtime import onnx as onnx_runtime
from nlptool.models.runtime.tokenizers import read_tokenizer
from nlptool.models.store import converted, hub_cache, locate, model_folder
from nlptool.models.store.converted import MANIFEST
from nlptool.models.words import loading as word_loading
from nlptool.storage import cache

if TYPE_CHECKING:
    from nlptool.models.encoders import static as static_encoder
    from nlptool.models.encoders import word_average

QUANTIZED = cache.MANIFESTS["quantized"]


def quantized(name: str, graph: Path, weights: Path, note: Callable[[str], None]) -> Path:
    """The folder with the graph in 8 bits, made now if it is not there."""

    def make(work: Path) -> None:
        note(f"quantizing {name} to int8, once")
        onnx_runtime.quantize(graph, weights, work)
        source = model_folder.read_json(graph / MANIFEST).get("source", name)
        (work / QUANTIZED).write_text(json.dumps({"source": source}))

    try:
        key = cache.content_key([path for path in graph.iterdir() if path.is_file()], salt="int8 1")
        return cache.made_once("quantized", key, QUANTIZED, make)
    except OSError as error:
        raise RunError(f"the cache {cache.folder()} cannot be written: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class LocatedEncoder:
    """An encoder that is ready to be opened, here or in another process.

    ``name`` is the model's, a hub id where the name was short for one. ``prompt`` is what will stand before every text.
    """

    name: str
    engine: str  # onnx | torch
    device: str  # cpu | cuda | mps
    dimension: int
    prompt: str
    about: Mapping[str, Any]
    settings: EncoderSettings
    weights: Path  # folder with tokenizer.json, and with the weights unless the graph has its own
    graph: Path | None = None  # folder with model.onnx
    quantized: Path | None = None  # folder with the same in 8 bits, which then runs instead
    allow_pickle: bool = False
    takes_tokens: bool = False

    def in_float32(self) -> LocatedEncoder:
        """The same encoder, not quantized."""
        return replace(self, quantized=None)

    def open(self) -> Encoder | Any:
        """Load the network. The result has ``encode``, as ``Encoder``.

        Raises:
            RunError: a setting does not go with its modules.
        """
        if self.settings.threads:
            os.environ["RAYON_NUM_THREADS"] = str(self.settings.threads)  # the tokenizers' threads
        if self.graph is None:
            return self._open_torch()
        tokenizer = read_tokenizer(self.weights / "tokenizer.json")
        network = encoders.OnnxNetwork(
            self.quantized or self.graph,
            self.weights,
            threads=self.settings.threads,
            deterministic=self.settings.deterministic,
        )
        return Encoder(self.subwords(tokenizer), network, self.about, self.settings)

    def _open_torch(self) -> Any:
        import torch

        from nlptool.models.encoders import sentence_transformer
        from nlptool.models.encoders.torch_backend import SentenceTransformersEncoder, TorchNetwork

        settings = self.settings
        if settings.threads:
            torch.set_num_threads(settings.threads)
        model = sentence_transformer.load(self.weights, allow_pickle=self.allow_pickle)
        modules = sentence_transformer.network(model)
        tokenizer = tokenizers.tokenizer(model.tokenizer, self.weights)
        if tokenizer is not None and sentence_transformer.is_usual(modules):
            network = TorchNetwork(modules, self.device, dtype="float32" if settings.deterministic else None)
            return Encoder(self.subwords(tokenizer), network, self.about, settings)
        if settings.chunk:
            raise RunError(f"{self.name} cannot take a text in chunks: its parts are not the usual ones")
        from sentence_transformers import SentenceTransformer

        with transformers_loading.silenced():
            other = SentenceTransformer(modules=modules, device=self.device)
        return SentenceTransformersEncoder(other, self.about, settings, self.prompt)

    def subwords(self, tokenizer: Any) -> EncoderTokenizer:
        """The tokenizer with the limits, words and prompt of this encoder."""
        return EncoderTokenizer.of_model(
            tokenizer,
            self.about,
            max_length=self.settings.max_length,
            prompt=self.prompt,
            chunk=self.settings.chunk,
        )


def load(name: str, **arguments: Any) -> Encoder | Any:
    """Prepare and open in one step; the arguments are those of ``prepare`` and the fields of ``Settings``."""
    chosen = {key: arguments.pop(key) for key in list(arguments) if key in EncoderSettings.__slots__}
    return prepare(name, EncoderSettings(**chosen), **arguments).open()


def prepare(
    name: str,
    settings: EncoderSettings = EncoderSettings(),
    *,
    engine: str = "auto",
    device: str = "cpu",
    quantize: bool = False,
    offline: bool = False,
    allow_pickle: bool = False,
    note: Callable[[str], None] = lambda _: None,
    report: hub_cache.Report = lambda there, total, received: None,
) -> LocatedEncoder | word_average.LocatedWordEncoder | static_encoder.LocatedStaticEncoder:
    """Find the encoder called ``name``, look it over, and convert it if that has not been done. Word vectors are one too.

    A table of token vectors (``folders.is_static``) is neither converted nor run by an engine, unless torch or a GPU is
    asked for.

    Args:
        engine: onnx, torch, or auto: onnx where the model can be converted, else torch.
        device: cpu, cuda, mps, or auto: cuda where there is one; onnx and tables of token vectors run on the cpu alone.
        quantize: run the network with 8-bit weights.
        offline: open no socket.
        allow_pickle: take weights that are a pickle, where a model has no others.
        note: is told what takes long or did not work as usual.
        report: is told how a download goes on.

    Raises:
        ModelError: the model is not there, is damaged, or cannot be run by the engine.
        RunError: the device is not there, or a setting does not go with the model.
    """
    if word_loading.are_vectors(name):
        from nlptool.models.encoders import word_average

        return word_average.prepare(name, settings, engine=engine, device=device, quantize=quantize, note=note)
    if device != "auto":
        device = devices.choose(device, engine)
    known = catalog.KNOWN.get(name)
    if known is not None and known.task != "embed":
        raise ModelError(
            f"{name} is a model for {known.task}", hint="nlptool models list --task embed shows the encoders"
        )
    folder = locate.find(name, offline=offline, allow_pickle=allow_pickle, note=note, report=report)
    like = known or catalog.like(name.partition("@")[0])
    if known is not None and known.hub:
        name = known.hub
    files = model_folder.weight_files(folder, allow_pickle=allow_pickle)
    if engine != "torch" and device in ("auto", "cpu") and model_folder.is_static(folder):
        from nlptool.models.encoders import static as static_encoder

        return static_encoder.prepare(name, folder, settings, like=like, engine=engine, quantize=quantize, note=note)
    if device == "auto":  # not before it matters: it may cost the import of torch
        device = "cpu" if quantize else devices.choose(device, engine)
    wants_torch = engine == "torch" or device != "cpu"
    if quantize and wants_torch:
        raise RunError("--quantize int8 works in onnxruntime, on the processor alone")
    graph: Path | None = None
    about: Mapping[str, Any] = {}
    if known is not None and known.graph and not wants_torch:
        graph = locate.built_in_graph(known)
    elif not wants_torch:
        try:
            make = partial(_convert, folder, allow_pickle=allow_pickle)
            parts = [path for _, path in model_folder.modules(folder)]
            graph = folder = converted.converted("encoders", name, folder, files, make, parts=parts, note=note)
        except NotConvertible as error:
            if engine == "onnx" or quantize:
                raise ModelError(
                    f"{name} does not run in onnxruntime: {error}", hint="--engine torch runs it"
                ) from error
            note(f"{name} runs in torch: {error}")
    if graph is not None:
        about = model_folder.read_json(graph / converted.MANIFEST)
    else:
        from nlptool.models.encoders import sentence_transformer

        about = sentence_transformer.describe_folder(folder, allow_pickle=allow_pickle)
    about = prompts.with_quirks(about, like)
    if assumed := about.get("assumed"):
        note(f"{name}: {assumed}")
    if settings.dim is not None and settings.dim > int(about["dimension"]):
        raise RunError(f"{name} has {about['dimension']} dimensions, fewer than {settings.dim}")
    return LocatedEncoder(
        name=name,
        engine="torch" if graph is None else "onnx",
        device=device,
        dimension=settings.dim or int(about["dimension"]),
        prompt=prompts.choose(
            name, about, given=settings.prompt, role=settings.role, lenient=settings.lenient_role, note=note
        ),
        about=about,
        settings=settings,
        weights=folder,
        graph=graph,
        quantized=quantized(name, graph, folder, note) if quantize and graph is not None else None,
        allow_pickle=allow_pickle,
    )


def _convert(folder: Path, target: Path, *, allow_pickle: bool) -> None:
    """The frameworks are imported when there is something to convert."""
    from nlptool.models.encoders import onnx_export as encoder_export

    encoder_export.convert(folder, target, allow_pickle=allow_pickle)


def identity(name: str, *, allow_pickle: bool = False) -> str:
    """A hash of the files of the model called ``name``, which is here: another one of the same name has another.

    Raises:
        ModelError: it is not here.
    """
    if word_loading.are_vectors(name):
        folder = word_loading.open_vectors(name).folder
        files = [folder / "words.txt", folder / "vectors.npy"]
    else:
        folder = locate.find(name, offline=True, allow_pickle=allow_pickle)
        files = [*model_folder.weight_files(folder, allow_pickle=allow_pickle), *folder.glob("tokenizer.json")]
    return cache.content_key(files, salt="identity 1")
