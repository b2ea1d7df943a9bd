"""Sentence encoders: texts to vectors, in onnxruntime, or in torch where a model needs it.

Method of the models: N. Reimers, I. Gurevych: Sentence-BERT (EMNLP 2019). The vectors are those of
``SentenceTransformer.encode``; only the way there is shorter: texts are sorted by their number of tokens and packed by a
token budget, and no framework is imported.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nlptool.batches import pack
from nlptool.errors import ModelError, NotConvertible
from nlptool.models import cache, folders

BATCH_TOKENS = 512  # larger batches were slower on two cores: they fall out of the processor's cache
MANIFEST = "encoder.json"
_CHARACTERS_PER_TOKEN = 50  # many times more than there are in any text but one of blanks


@dataclass(frozen=True, slots=True)
class Embeddings:
    """vectors[i] is the embedding of text i: (N, D) float32, unit length if normalised."""

    vectors: NDArray[np.float32]
    n_tokens: list[int]  # those that were used, special tokens included
    truncated: list[bool]


class Encoder(Protocol):
    """What ``commands.embed`` needs of a model."""

    name: str
    dimension: int
    engine: str

    def encode(self, texts: Sequence[str]) -> Embeddings: ...


class OnnxEncoder:
    """Runs a converted copy: ``model.onnx``, ``tokenizer.json`` and ``encoder.json``.

    Args:
        graph: the folder with the graph and ``encoder.json``.
        weights: the folder with ``tokenizer.json`` and, if the graph holds none, the weights; else the same folder.
        normalize: unit length or not; as the model says unless given.
        max_length: tokens; a longer text is cut.
        deterministic: every text is computed alone, so that no neighbour or padding changes the last digits.
    """

    engine = "onnx"

    def __init__(
        self,
        name: str,
        graph: Path,
        weights: Path,
        *,
        normalize: bool | None = None,
        max_length: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
        threads: int = 0,
        deterministic: bool = False,
    ) -> None:
        if threads:
            os.environ["RAYON_NUM_THREADS"] = str(threads)  # the tokenizers' threads
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # since 1.29 onnxruntime reports to its makers unless told not to
        import onnxruntime
        import tokenizers

        about: dict[str, Any] = folders.read_json(graph / MANIFEST)
        self.name = name
        self.dimension = int(about["dimension"])
        self.max_length = min(max_length or int(about["max_length"]), int(about["max_length"]))
        self.normalize = bool(about["normalize"]) if normalize is None else normalize
        self._pad_id = int(about["pad_id"])
        self._budget = 1 if deterministic else batch_tokens
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(weights / "tokenizer.json"))
        except Exception as error:  # the library raises bare Exception
            raise ModelError(f"{weights / 'tokenizer.json'} cannot be read: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.max_length)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        settings.log_severity_level = 3
        # With batches of ever new shapes the arena would keep the largest of each tensor.
        settings.enable_cpu_mem_arena = False
        settings.enable_mem_pattern = False
        settings.use_deterministic_compute = deterministic
        model: str | bytes = str(graph / "model.onnx")
        if graph != weights:  # a graph without weights: they are read where they are
            model = (graph / "model.onnx").read_bytes()
            settings.add_session_config_entry("session.model_external_initializers_file_folder_path", str(weights))
        try:
            self._session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own classes, all derived from Exception alone
            raise ModelError(f"onnxruntime cannot load {graph / 'model.onnx'}: {error}") from error

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Embed ``texts``; the order is kept."""
        encodings = self._encodings(texts)
        ids = [encoding.ids for encoding in encodings]
        lengths = [len(each) for each in ids]
        vectors = np.empty((len(ids), self.dimension), np.float32)
        for batch in pack(lengths, self._budget):
            input_ids = np.full((len(batch), max(1, lengths[batch[0]])), self._pad_id, np.int64)  # (B, T)
            mask = np.zeros_like(input_ids)
            for row, index in enumerate(batch):
                input_ids[row, : lengths[index]] = ids[index]
                mask[row, : lengths[index]] = 1
            (vectors[batch],) = self._session.run(None, {"input_ids": input_ids, "attention_mask": mask})
        if self.normalize:
            vectors = normalized(vectors)
        return Embeddings(vectors, lengths, [bool(encoding.overflowing) for encoding in encodings])

    def _encodings(self, texts: Sequence[str]) -> list[Any]:
        """Tokenize, and of a text much longer than the model takes only the beginning, if that is enough."""
        limit = _CHARACTERS_PER_TOKEN * self.max_length
        encodings: list[Any] = self._tokenizer.encode_batch_fast([text[:limit] for text in texts])
        for index, text in enumerate(texts):
            if len(text) > limit and not encodings[index].overflowing:
                encodings[index] = self._tokenizer.encode(text)
        return encodings


class TorchEncoder:
    """Runs any sentence-transformers model in sentence-transformers itself. Arguments as ``OnnxEncoder``."""

    engine = "torch"

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        normalize: bool | None = None,
        max_length: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
        threads: int = 0,
        deterministic: bool = False,
    ) -> None:
        from nlptool.models import convert

        model = convert.load(folder)
        import torch
        from sentence_transformers import SentenceTransformer

        if threads:
            torch.set_num_threads(threads)
        ends_normalized = type(model[-1]).__name__ == "Normalize"
        self.name = name
        self.normalize = ends_normalized if normalize is None else normalize
        with convert.silenced():
            self._model = SentenceTransformer(modules=list(model)[:-1], device="cpu") if ends_normalized else model
        if max_length is not None and self._model.max_seq_length:
            self._model.max_seq_length = min(max_length, self._model.max_seq_length)
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self._budget = 1 if deterministic else batch_tokens

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Embed ``texts``; the order is kept."""
        whole = [self._n_tokens(text) for text in texts]
        limit = self._model.max_seq_length or max(whole, default=0)
        lengths = [min(length, limit) for length in whole]
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for batch in pack(lengths, self._budget):
            vectors[batch] = self._model.encode(
                [texts[index] for index in batch], batch_size=len(batch), show_progress_bar=False
            )
        if self.normalize:
            vectors = normalized(vectors)
        return Embeddings(vectors, lengths, [length > limit for length in whole])

    def _n_tokens(self, text: str) -> int:
        tokenizer = self._model.tokenizer
        encoded = (
            tokenizer.encode(text, truncation=False, verbose=False) if callable(tokenizer) else tokenizer.encode(text)
        )
        return len(getattr(encoded, "ids", encoded))


def normalized(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows divided by their Euclidean length; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32, copy=False)


def load(
    name: str,
    *,
    engine: str = "auto",
    offline: bool = False,
    note: Callable[[str], None] = lambda _: None,
    **settings: Any,
) -> Encoder:
    """The encoder called ``name``.

    Args:
        engine: onnx, torch, or auto: onnx where the model can be converted, else torch.
        note: is told what takes long or did not work as usual.
        settings: those of ``OnnxEncoder``.

    Raises:
        ModelError: the model is not there, is damaged, or cannot be run by the engine.
    """
    built_in = folders.BUILT_IN.get(name)
    if built_in is not None:
        weights = folders.built_in_weights(built_in)
        folders.check_safetensors(weights / "model.safetensors")
        if engine == "torch":
            return TorchEncoder(name, weights, **settings)
        graph = Path(__file__).parent.parent / "builtin" / built_in.graph
        return OnnxEncoder(name, graph, weights, **settings)
    folder = folders.find(name, offline=offline)
    weight_files = folders.weight_files(folder)
    if engine != "torch":
        try:
            copy = _converted(name, folder, weight_files, note)
            return OnnxEncoder(name, copy, copy, **settings)
        except NotConvertible as error:
            if engine == "onnx":
                raise ModelError(
                    f"{name} does not run in onnxruntime: {error}", hint="--engine torch runs it"
                ) from error
            note(f"{name} runs in torch: {error}")
    return TorchEncoder(name, folder, **settings)


def _converted(name: str, folder: Path, weight_files: list[Path], note: Callable[[str], None]) -> Path:
    """The converted copy in the cache, made now if it is not there. That a model is not convertible is kept there too.

    Raises:
        NotConvertible: the model is not, or the cache cannot be written.
    """
    described = [path for path in folder.rglob("*") if path.suffix in (".json", ".txt", ".model") and path.is_file()]

    def make(work: Path) -> None:
        from nlptool.models import convert

        note(f"converting {name} for onnxruntime, once")
        try:
            convert.convert(folder, work)
        except NotConvertible as error:
            (work / "model.onnx").unlink(missing_ok=True)
            (work / MANIFEST).write_text(json.dumps({"not_convertible": error.message}))

    try:
        key = cache.content_key([*weight_files, *described], salt="encoder 1")
        copy = cache.made_once("encoders", key, MANIFEST, make)
    except OSError as error:
        raise NotConvertible(f"the cache {cache.folder()} cannot be written ({error.strerror})") from error
    if reason := folders.read_json(copy / MANIFEST).get("not_convertible"):
        raise NotConvertible(str(reason))
    return copy
