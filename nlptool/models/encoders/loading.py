"""Find a sentence encoder, check it, convert it once, and open it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from nlptool import catalog
from nlptool.errors import ModelError, RunError
from nlptool.geometry.measures import USUAL
from nlptool.models.encoders import encoder as encoders
from nlptool.models.encoders import prompts
from nlptool.models.encoders.encoder import Encoder
from nlptool.models.encoders.tokenizer import EncoderTokenizer
from nlptool.models.runtime import devices, prepare, tokenizers, transformers_loading
from nlptool.models.runtime import onnx as onnx_runtime
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.models.runtime.tokenizers import read_tokenizer
from nlptool.models.store import locate as store_locate
from nlptool.models.store import model2vec_folder, model_folder, part_kinds, sentence_transformers_config
from nlptool.models.store.kinds import ENCODER, QUANTIZED
from nlptool.models.words import loading as word_loading
from nlptool.specs import EncoderSpec
from nlptool.storage import cache

if TYPE_CHECKING:
    from nlptool.models.encoders import static as static_encoder
    from nlptool.models.encoders import word_average

LocatedAnyEncoder = Union["LocatedEncoder", "word_average.LocatedWordEncoder", "static_encoder.LocatedStaticEncoder"]


def quantized(name: str, graph: Path, weights: Path, note: Note) -> Path:
    """Return the folder with the graph in 8 bits, made now if it is not there."""

    def make(work: Path) -> None:
        note(f"quantizing {name} to int8, once")
        onnx_runtime.quantize(graph, weights, work)
        source = model_folder.read_json(graph / ENCODER.manifest).get("source", name)
        (work / QUANTIZED.manifest).write_text(json.dumps({"source": source}))

    try:
        key = cache.content_key([path for path in graph.iterdir() if path.is_file()], salt=QUANTIZED.salt)
        return cache.made_once(QUANTIZED.folder, key, QUANTIZED.manifest, make)
    except OSError as error:
        raise RunError(f"the cache {cache.folder()} cannot be written: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class LocatedEncoder:
    """An encoder that is ready to be opened, here or in another process."""

    name: str  # a hub id where the name was short for one
    engine: str  # onnx | torch
    device: str  # cpu | cuda | mps
    dimension: int
    prompt: str  # stands before every text
    about: Mapping[str, Any]  # the manifest
    spec: EncoderSpec
    weights: Path  # folder with tokenizer.json, and with the weights unless the graph has its own
    graph: Path | None = None  # folder with model.onnx
    quantized: Path | None = None  # folder with the same in 8 bits, which then runs instead
    takes_tokens: bool = False
    leaves_out_unknown: bool = False  # words that it does not know count for nothing, and not for [UNK]
    task: str | None = None  # query | document, where it has parts of their own for these
    measure: str = USUAL  # of similarity, for which its vectors are made

    def in_float32(self) -> LocatedEncoder:
        """Return the same encoder, not quantized."""
        return replace(self, quantized=None)

    def open(self) -> Encoder | Any:
        """Load the network. The result has ``encode``, as ``Encoder``.

        Raises:
            RunError: a setting does not go with its modules.
        """
        spec = self.spec
        if self.graph is None:
            return self._open_torch()
        tokenizer = read_tokenizer(self.weights / "tokenizer.json", threads=spec.threads)
        network = encoders.OnnxNetwork(
            self.quantized or self.graph, self.weights, threads=spec.threads or 0, deterministic=spec.deterministic
        )
        return Encoder(self.tokenizer(tokenizer), network, self.about, spec)

    def _open_torch(self) -> Any:
        from nlptool.models.encoders import sentence_transformer
        from nlptool.models.encoders.library_encoder import LibraryEncoder
        from nlptool.models.encoders.torch_backend import TorchNetwork

        spec = self.spec
        with devices.torch_threads(spec.threads):
            model = sentence_transformer.load(self.weights, allow_pickle=spec.allow_pickle)
        modules = sentence_transformer.network(model)
        tokenizer = tokenizers.backend(model.tokenizer, model_folder.first(self.weights), threads=spec.threads)
        if tokenizer is not None and sentence_transformer.is_usual(modules):
            dtype = "float32" if spec.deterministic else None
            network = TorchNetwork(modules, self.device, dtype=dtype, threads=spec.threads)
            return Encoder(self.tokenizer(tokenizer), network, self.about, spec)
        if spec.chunk:
            raise RunError(f"{self.name} cannot take a text in chunks: its parts are not the usual ones")
        from sentence_transformers import SentenceTransformer

        with transformers_loading.silenced():
            other = SentenceTransformer(modules=modules, device=self.device)
        return LibraryEncoder(other.eval(), self.about, spec, prompt=self.prompt, task=self.task)

    def tokenizer(self, tokenizer: Any) -> EncoderTokenizer:
        """Give a ``tokenizers.Tokenizer`` the limits, words and prompt of this encoder."""
        return EncoderTokenizer.of_model(
            tokenizer, self.about, max_length=self.spec.max_length, prompt=self.prompt, chunk=self.spec.chunk
        )


def load(spec: EncoderSpec, *, note: Note = silent, report: Report = unwatched) -> Any:
    """Locate and open in one step."""
    return locate(spec, note=note, report=report).open()


def locate(spec: EncoderSpec, *, note: Note = silent, report: Report = unwatched) -> LocatedAnyEncoder:
    """Find an encoder, check it, and convert it if that has not been done. Word vectors are one too.

    A table of token vectors (``model_folder.is_static``) is neither converted nor run by an engine, unless torch or a GPU is
    asked for.

    Args:
        note: is told what takes long or did not work as usual.
        report: is told how a download goes on.

    Raises:
        ModelError: the model is not there, is damaged, or cannot be run by the engine.
        RunError: the device is not there, or a setting does not go with the model.
    """
    if word_loading.are_vectors(spec.model):
        from nlptool.models.encoders import word_average

        return word_average.locate(spec, note=note)
    device = spec.device if spec.device == "auto" else devices.choose(spec.device, spec.engine)
    prepare.check_task(spec.model, ["embed", "classify"], hint="nlptool models list --task embed shows the encoders")
    found = prepare.find(spec, plain=False, note=note, report=report)
    like = found.known or catalog.like(spec.model.partition("@")[0])
    files = model_folder.weight_files(found.folder, allow_pickle=spec.allow_pickle)
    is_static = model_folder.is_static(found.folder)
    # sentence-transformers would give other vectors of model2vec's tables.
    if is_static and (model2vec_folder.find(found.folder) or (spec.engine != "torch" and device in ("auto", "cpu"))):
        from nlptool.models.encoders import static as static_encoder

        return static_encoder.locate(found, spec, like=like, note=note)
    own = sentence_transformers_config.choices(found.folder)
    if device == "auto":  # not before it matters: it may cost the import of torch
        device = "cpu" if spec.quantize else devices.choose(device, spec.engine)
    wants_torch = spec.engine == "torch" or device != "cpu"
    if spec.quantize and wants_torch:
        raise RunError("--quantize int8 works in onnxruntime, on the processor alone")

    stack, paths = zip(*model_folder.modules(found.folder), strict=True)
    is_usual = len(stack) == 1 or part_kinds.are_usual(stack)

    def convert(target: Path) -> None:
        from nlptool.models.encoders import onnx_export  # with the frameworks: when there is something to convert

        onnx_export.convert(found.folder, target, allow_pickle=spec.allow_pickle)

    graph, weights = None, found.folder
    if not wants_torch:
        graph, weights = prepare.graph_of(
            found,
            ENCODER,
            files,
            convert,
            is_required=spec.engine == "onnx" or spec.quantize is not None,
            parts=paths,
            obstacle="" if is_usual else f"its parts are {', '.join(stack)}",
            note=note,
        )
    if graph is not None:
        about: Mapping[str, Any] = model_folder.read_json(graph / ENCODER.manifest)
    else:
        from nlptool.models.encoders import sentence_transformer

        about = sentence_transformer.describe_folder(weights, found.name, spec)
    about = prompts.with_quirks({**about, **own, "has_routes": stack[0] in part_kinds.ROUTERS}, like)
    if assumed := about.get("assumed"):
        note(f"{found.name}: {assumed}")
    return LocatedEncoder(
        name=found.name,
        engine="torch" if graph is None else "onnx",
        device=device,
        dimension=encoders.dimension(found.name, int(about["dimension"]), spec, truncate_dim=about.get("truncate_dim")),
        prompt=prompts.choose(found.name, about, spec, note=note),
        about=about,
        spec=spec,
        weights=weights,
        graph=graph,
        task=about.get("task"),
        measure=about.get("measure", USUAL),
        leaves_out_unknown=stack[0] in part_kinds.OF_WORDS,
        quantized=quantized(found.name, graph, weights, note) if spec.quantize and graph is not None else None,
    )


def measure(spec: EncoderSpec) -> str:
    """Return the measure of similarity of a model, without opening it; the usual one of a model that is not here."""
    known = catalog.KNOWN.get(spec.model)
    if word_loading.are_vectors(spec.model) or (known is not None and known.package):
        return USUAL
    try:
        folder = store_locate.find(spec.model, offline=True, allow_pickle=spec.allow_pickle)
        return str(sentence_transformers_config.choices(folder).get("measure", USUAL))
    except ModelError:
        return USUAL


def identity(spec: EncoderSpec) -> str:
    """Return a hash of the files of a model, which is here: another one of the same name has another.

    Raises:
        ModelError: it is not here.
    """
    name = spec.model
    if word_loading.are_vectors(name):
        folder = word_loading.open_vectors(name, unicode_errors=spec.unicode_errors).folder
        files = [folder / "words.txt", folder / "vectors.npy"]
    else:
        folder = store_locate.find(name, offline=True, allow_pickle=spec.allow_pickle)
        files = [*model_folder.weight_files(folder, allow_pickle=spec.allow_pickle), *folder.glob("tokenizer.json")]
        for kind, path in model_folder.parts(folder):
            if kind in part_kinds.OF_WORDS:  # whose vocabulary stands in their settings
                files += [file for file in (folder / path).glob("*config.json") if file not in files]
    return cache.content_key(files, salt="identity 1")
