"""A sentence-transformers model to an ONNX graph, once, by torch.

The graph goes from token ids to the sentence's vector: transformer, pooling and dense layers as sentence-transformers runs
them. The last normalisation stays outside, so that it can be chosen. The graph is run beside the original on a few texts
before it is believed.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nlptool.errors import ModelError, NotConvertible
from nlptool.models.encoder import MANIFEST, OnnxEncoder

VERSION = 1  # of the converted copy; a new one makes old copies void
LEAST_COSINE = 0.99999

_SAMPLE = ["A plane is taking off.", "猫が好き", "", "long " * 40, "東京は日本の首都です。 " * 12]
_CONVERTED = {"Transformer", "Pooling", "Dense", "Normalize"}


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Keep libraries that print and warn away from the streams."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TQDM_DISABLE", "1")
    logging.disable(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def load(folder: Path) -> Any:
    """The ``SentenceTransformer`` of a folder, in float32 on the CPU, from safetensors alone, running no code of its own.

    Raises:
        ModelError: sentence-transformers refuses it.
    """
    with silenced():
        import torch
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(
                str(folder.absolute()),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": torch.float32, "use_safetensors": True},
            ).eval()
        except Exception as error:
            lines = str(error).strip().splitlines()
            raise ModelError(f"{folder} cannot be loaded: {lines[0] if lines else type(error).__name__}") from error


def convert(folder: Path, target: Path) -> None:
    """Write ``model.onnx``, ``tokenizer.json`` and ``encoder.json`` for the model in ``folder`` to ``target``.

    Raises:
        NotConvertible: its parts, its tokenizer or its graph do not allow it.
    """
    model = load(folder)
    modules = list(model)
    names = [type(module).__name__ for module in modules]
    if names[:2] != ["Transformer", "Pooling"] or not set(names) <= _CONVERTED or "Normalize" in names[:-1]:
        raise NotConvertible(f"its parts are {', '.join(names)}")
    tokenizer = getattr(model.tokenizer, "backend_tokenizer", None)
    if tokenizer is None:
        raise NotConvertible("its tokenizer is not a fast one")
    description = describe(model)
    with silenced():
        _export(modules, target / "model.onnx")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(str(target / "tokenizer.json"))
    (target / MANIFEST).write_text(json.dumps(description, indent=2, ensure_ascii=False))
    _compare(model, target)


def describe(model: Any) -> dict[str, Any]:
    """What an encoder has to know beside the graph."""
    return {
        "version": VERSION,
        "dimension": int(model.get_embedding_dimension()),
        "max_length": int(model.max_seq_length or 512),
        "normalize": type(model[-1]).__name__ == "Normalize",
        "pad_id": int(getattr(model.tokenizer, "pad_token_id", None) or 0),
    }


def _export(modules: list[Any], path: Path) -> None:
    import torch

    stack = modules[:-1] if type(modules[-1]).__name__ == "Normalize" else modules

    class Stack(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = stack[0].auto_model if hasattr(stack[0], "auto_model") else stack[0].model
            self.rest = torch.nn.ModuleList(stack[1:])

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            hidden = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            features: dict[str, Any] = {"token_embeddings": hidden, "attention_mask": attention_mask}
            for module in self.rest:
                features = module(features)
            embedding: torch.Tensor = features["sentence_embedding"]
            return embedding

    wrapped = Stack().eval()
    config = getattr(wrapped.model, "config", None)
    if config is not None:
        config._attn_implementation = "eager"  # the plain products are what onnxruntime fuses best
    ids = torch.randint(5, 50, (2, 7))
    mask = torch.ones(2, 7, dtype=torch.long)
    mask[1, 5:] = 0
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    try:
        torch.onnx.export(
            wrapped,
            (ids, mask),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["sentence_embedding"],
            dynamic_shapes={"input_ids": {0: batch, 1: length}, "attention_mask": {0: batch, 1: length}},
            dynamo=True,
            external_data=sum(p.numel() for p in wrapped.parameters()) > 400_000_000,  # protobuf ends at 2 GB
            verbose=False,
        )
    except Exception as error:
        raise NotConvertible(f"torch cannot export it: {str(error).strip().splitlines()[0][:200]}") from error


def _compare(model: Any, target: Path) -> None:
    with silenced():
        expected = model.encode(_SAMPLE, normalize_embeddings=True)
        got = OnnxEncoder("", target, target, normalize=True).encode(_SAMPLE).vectors
    least = float(np.min(np.sum(expected * got, axis=1)))
    if not least >= LEAST_COSINE:
        raise NotConvertible(f"its converted copy gives other vectors (cosine {least:.6f})")
