"""Sentence encoders: texts to vectors, in onnxruntime, or in torch where a model or a GPU needs it.

Method of the models: N. Reimers, I. Gurevych: Sentence-BERT (EMNLP 2019). The vectors are those of
``SentenceTransformer.encode``; only the way there is shorter: texts are sorted by their number of tokens and packed by a
token budget, and no framework is imported.

A model is prepared once (found, checked, converted) and then opened, in this process or in several.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nlptool import catalogue
from nlptool.batches import pack
from nlptool.errors import ModelError, NotConvertible, RunError
from nlptool.models import cache, copies, devices, folders, hub, onnx_network, prompts, word_models
from nlptool.models.bert_japanese import JapaneseWords
from nlptool.models.rows import normalized
from nlptool.models.subwords import Subwords, read_tokenizer

if TYPE_CHECKING:
    from nlptool.models import static_encoder, word_encoder


@dataclass(frozen=True, slots=True)
class Embeddings:
    """vectors[i] is the embedding of text i: (N, D) float32, unit length if normalised."""

    vectors: NDArray[np.float32]
    n_tokens: list[int]  # those that were used, special tokens included
    truncated: list[bool]
    n_chunks: list[int]  # 1, or the number of pieces whose mean the vector is
    words: list[dict[str, int]] | None = None  # of word vectors: how many words were not known as they stood


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen of an encoder."""

    normalize: bool | None = None  # unit length or not; as the model says unless given
    max_length: int | None = None  # tokens; a longer text is cut
    chunk: bool = False  # or taken in chunks, and their mean used
    dim: int | None = None  # the first components alone
    prompt: str | None = None  # before every text
    role: str | None = None  # query | document: the prompt of that name
    lenient_role: bool = False  # a model without such a prompt is no error, and the default one needs no note
    batch_tokens: int | None = None  # tokens computed together; as the network likes it unless given
    threads: int = 0  # 0: all
    weighting: str = "inverse-frequency"  # or none: of the words, where the model is word vectors
    deterministic: bool = False  # every text is computed alone, so that no neighbour or padding changes the last digits


class Network(Protocol):
    """Token ids to vectors: ``network(input_ids, mask)``, both (B, T) int64, gives (B, D) float32."""

    engine: str
    dtype: str
    batch_tokens: int

    def __call__(self, input_ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]: ...


class Encoder:
    """Texts to vectors by a tokenizer and a network."""

    def __init__(self, subwords: Subwords, network: Network, about: Mapping[str, Any], settings: Settings) -> None:
        self.engine = network.engine
        self.dimension = settings.dim or int(about["dimension"])
        self._subwords = subwords
        self._network = network
        self._pad_id = int(about["pad_id"])
        self._width = int(about["dimension"])  # of what the network gives
        self._shape = Shape(about, settings)
        self._budget = 1 if settings.deterministic else settings.batch_tokens or network.batch_tokens

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Embed ``texts``; the order is kept."""
        found = self._subwords.encode(texts)
        pieces = [piece for each in found for piece in each.pieces]
        n_chunks = [len(each.pieces) for each in found]
        vectors = self._vectors(pieces)
        if len(pieces) > len(texts):
            vectors = _means(vectors, n_chunks, weights=[len(piece) for piece in pieces])
        return Embeddings(
            self._shape(vectors), [each.n_tokens for each in found], [each.truncated for each in found], n_chunks
        )

    def _vectors(self, pieces: list[list[int]]) -> NDArray[np.float32]:
        lengths = [len(piece) for piece in pieces]
        vectors = np.empty((len(pieces), self._width), np.float32)
        for batch in pack(lengths, self._budget):
            input_ids = np.full((len(batch), max(1, lengths[batch[0]])), self._pad_id, np.int64)  # (B, T)
            mask = np.zeros_like(input_ids)
            for row, index in enumerate(batch):
                input_ids[row, : lengths[index]] = pieces[index]
                mask[row, : lengths[index]] = 1
            vectors[batch] = self._network(input_ids, mask)
        return vectors


class Shape:
    """The last steps, after the network: the first components alone, unit length."""

    def __init__(self, about: Mapping[str, Any], settings: Settings) -> None:
        self._normalize = bool(about["normalize"]) if settings.normalize is None else settings.normalize
        self._dim = settings.dim

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        vectors = vectors[:, : self._dim]
        return normalized(vectors) if self._normalize else np.ascontiguousarray(vectors)


def _means(vectors: NDArray[np.float32], counts: list[int], weights: list[int]) -> NDArray[np.float32]:
    """The mean of each text's chunks, a chunk counting as its tokens."""
    starts = np.cumsum([0, *counts[:-1]])
    shares = np.asarray(weights, np.float32)[:, None]
    sums = np.add.reduceat(vectors * shares, starts) / np.add.reduceat(shares, starts)
    return sums.astype(np.float32, copy=False)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An encoder that is ready to be opened, here or in another process.

    ``name`` is the model's, a hub id where the name was short for one. ``prompt`` is what will stand before every text.
    """

    name: str
    engine: str  # onnx | torch
    device: str  # cpu | cuda | mps
    dimension: int
    prompt: str
    about: Mapping[str, Any]
    settings: Settings
    weights: Path  # folder with tokenizer.json, and with the weights unless the graph has its own
    graph: Path | None = None  # folder with model.onnx
    quantized: Path | None = None  # folder with the same in 8 bits, which then runs instead
    allow_pickle: bool = False
    takes_tokens: bool = False

    def in_float32(self) -> Prepared:
        """The same encoder, not quantized."""
        return replace(self, quantized=None)

    def open(self) -> Encoder | Any:
        """Load the network. The result has ``encode``, as ``Encoder``."""
        if self.settings.threads:
            os.environ["RAYON_NUM_THREADS"] = str(self.settings.threads)  # the tokenizers' threads
        if self.graph is None:
            from nlptool.models import torch_network

            return torch_network.open_encoder(self)
        tokenizer = read_tokenizer(self.weights / "tokenizer.json")
        network = onnx_network.OnnxNetwork(
            self.quantized or self.graph,
            self.weights,
            threads=self.settings.threads,
            deterministic=self.settings.deterministic,
        )
        return Encoder(self.subwords(tokenizer), network, self.about, self.settings)

    def subwords(self, tokenizer: Any) -> Subwords:
        """The tokenizer with the limits, words and prompt of this encoder."""
        longest = int(self.about["max_length"])
        words: Any = self.about.get("words")
        special = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
        return Subwords(
            tokenizer,
            max_length=min(self.settings.max_length or longest, longest),
            words=JapaneseWords(**words, special=special) if words else None,
            prompt=self.prompt,
            chunk=self.settings.chunk,
        )


def load(name: str, **arguments: Any) -> Encoder | Any:
    """Prepare and open in one step; the arguments are those of ``prepare`` and the fields of ``Settings``."""
    chosen = {key: arguments.pop(key) for key in list(arguments) if key in Settings.__slots__}
    return prepare(name, Settings(**chosen), **arguments).open()


def prepare(
    name: str,
    settings: Settings = Settings(),
    *,
    engine: str = "auto",
    device: str = "cpu",
    quantize: bool = False,
    offline: bool = False,
    allow_pickle: bool = False,
    note: Callable[[str], None] = lambda _: None,
    report: hub.Report = lambda there, total, received: None,
) -> Prepared | word_encoder.Prepared | static_encoder.Prepared:
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
    if word_models.are_vectors(name):
        from nlptool.models import word_encoder

        return word_encoder.prepare(name, settings, engine=engine, device=device, quantize=quantize, note=note)
    if device != "auto":
        device = devices.choose(device, engine)
    known = catalogue.KNOWN.get(name)
    if known is not None and known.task != "embed":
        raise ModelError(
            f"{name} is a model for {known.task}", hint="nlptool models list --task embed shows the encoders"
        )
    folder = folders.find(name, offline=offline, allow_pickle=allow_pickle, note=note, report=report)
    like = known or catalogue.like(name.partition("@")[0])
    if known is not None and known.hub:
        name = known.hub
    files = folders.weight_files(folder, allow_pickle=allow_pickle)
    if engine != "torch" and device in ("auto", "cpu") and folders.is_static(folder):
        from nlptool.models import static_encoder

        return static_encoder.prepare(name, folder, settings, like=like, engine=engine, quantize=quantize, note=note)
    if device == "auto":  # not before it matters: it may cost the import of torch
        device = "cpu" if quantize else devices.choose(device, engine)
    wants_torch = engine == "torch" or device != "cpu"
    if quantize and wants_torch:
        raise RunError("--quantize int8 works in onnxruntime, on the processor alone")
    graph: Path | None = None
    about: Mapping[str, Any] = {}
    if known is not None and known.graph and not wants_torch:
        graph = folders.built_in_graph(known)
    elif not wants_torch:
        try:
            make = partial(_convert, folder, allow_pickle=allow_pickle)
            parts = [path for _, path in folders.modules(folder)]
            graph = folder = copies.converted("encoders", name, folder, files, make, parts=parts, note=note)
        except NotConvertible as error:
            if engine == "onnx" or quantize:
                raise ModelError(
                    f"{name} does not run in onnxruntime: {error}", hint="--engine torch runs it"
                ) from error
            note(f"{name} runs in torch: {error}")
    if graph is not None:
        about = folders.read_json(graph / copies.MANIFEST)
    else:
        from nlptool.models import torch_network

        about = torch_network.describe(folder, allow_pickle=allow_pickle)
    about = prompts.with_quirks(about, like)
    if assumed := about.get("assumed"):
        note(f"{name}: {assumed}")
    if settings.dim is not None and settings.dim > int(about["dimension"]):
        raise RunError(f"{name} has {about['dimension']} dimensions, fewer than {settings.dim}")
    return Prepared(
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
        quantized=copies.quantized(name, graph, folder, note) if quantize and graph is not None else None,
        allow_pickle=allow_pickle,
    )


def _convert(folder: Path, target: Path, *, allow_pickle: bool) -> None:
    """The frameworks are imported when there is something to convert."""
    from nlptool.models import convert

    convert.convert(folder, target, allow_pickle=allow_pickle)


def identity(name: str, *, allow_pickle: bool = False) -> str:
    """A hash of the files of the model called ``name``, which is here: another one of the same name has another.

    Raises:
        ModelError: it is not here.
    """
    if word_models.are_vectors(name):
        folder = word_models.open_vectors(name).folder
        files = [folder / "words.txt", folder / "vectors.npy"]
    else:
        folder = folders.find(name, offline=True, allow_pickle=allow_pickle)
        files = [*folders.weight_files(folder, allow_pickle=allow_pickle), *folder.glob("tokenizer.json")]
    return cache.content_key(files, salt="identity 1")
