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
from nlptool.models import bert_japanese
from nlptool.models.encoder import MANIFEST, Prepared, Settings

LEAST_COSINE = 0.99999

_SAMPLE = ["A plane is taking off.", "猫が好き", "", "long " * 40, "東京は日本の首都です。 " * 12]


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


def load(folder: Path, *, allow_pickle: bool = False) -> Any:
    """The ``SentenceTransformer`` of a folder, in float32 on the CPU, running no code of its own.

    Args:
        allow_pickle: open a pickle where there are no safetensors.

    Raises:
        ModelError: sentence-transformers refuses it.
    """
    words = bert_japanese.settings(folder)
    with silenced():
        import torch
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(
                str(folder.absolute()),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": torch.float32, "use_safetensors": None if allow_pickle else True},
                processor_kwargs=bert_japanese.arguments(words) if words else None,
            ).eval()
        except Exception as error:
            lines = str(error).strip().splitlines()
            raise ModelError(f"{folder} cannot be loaded: {lines[0] if lines else type(error).__name__}") from error


def convert(folder: Path, target: Path, *, allow_pickle: bool = False) -> None:
    """Write ``model.onnx``, ``tokenizer.json`` and ``encoder.json`` for the model in ``folder`` to ``target``.

    Raises:
        NotConvertible: its parts, its tokenizer or its graph do not allow it.
        ModelError: its files do not belong together.
    """
    model = load(folder, allow_pickle=allow_pickle)
    modules = network(model)
    if not is_usual(modules):
        raise NotConvertible(f"its parts are {', '.join(type(module).__name__ for module in modules)}")
    subwords = tokenizer(model, folder)
    if subwords is None:
        raise NotConvertible("its tokenizer is not a fast one")
    about = describe(model, folder)
    with silenced():
        _export(modules, target / "model.onnx")
    subwords.no_truncation()
    subwords.no_padding()
    subwords.save(str(target / "tokenizer.json"))
    (target / MANIFEST).write_text(json.dumps(about, indent=2, ensure_ascii=False))
    _compare(model, about, target)


def network(model: Any) -> list[Any]:
    """The modules of a ``SentenceTransformer`` without the last normalisation."""
    modules = list(model)
    return modules[:-1] if type(modules[-1]).__name__ == "Normalize" else modules


def is_usual(modules: list[Any]) -> bool:
    """Whether token ids go in and one vector comes out, and nothing else is asked for."""
    names = [type(module).__name__ for module in modules]
    return names[:2] == ["Transformer", "Pooling"] and set(names[2:]) <= {"Dense"} and modules[1].include_prompt


def tokenizer(model: Any, folder: Path) -> Any:
    """The ``tokenizers.Tokenizer`` of a model; None if it has none."""
    own = model.tokenizer
    if bert_japanese.settings(folder) is not None:
        return bert_japanese.tokenizer(folder, own)
    return getattr(own, "backend_tokenizer", None)


def describe(model: Any, folder: Path) -> dict[str, Any]:
    """What an encoder has to know beside the graph."""
    about = {
        "dimension": int(model.get_embedding_dimension()),
        "max_length": int(model.max_seq_length or 512),
        "normalize": type(model[-1]).__name__ == "Normalize",
        "pad_id": int(getattr(model.tokenizer, "pad_token_id", None) or 0),
        "lower_case": bool(getattr(model[0], "do_lower_case", False)),
        "words": bert_japanese.settings(folder),
        "prompts": {name: text for name, text in model.prompts.items() if text},
        "default_prompt": model.default_prompt_name,
    }
    return {name: value for name, value in about.items() if value not in (None, {})}


def _export(modules: list[Any], path: Path) -> None:
    import torch

    class Stack(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = modules[0].auto_model if hasattr(modules[0], "auto_model") else modules[0].model
            self.rest = torch.nn.ModuleList(modules[1:])

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


def _compare(model: Any, about: dict[str, Any], target: Path) -> None:
    prepared = Prepared("", "onnx", "cpu", about["dimension"], "", about, Settings(normalize=True), target, target)
    with silenced():
        expected = model.encode(_SAMPLE, prompt="", normalize_embeddings=True)
        got = prepared.open().encode(_SAMPLE).vectors
    least = float(np.min(np.sum(expected * got, axis=1)))
    if not least >= LEAST_COSINE:
        raise NotConvertible(f"its converted copy gives other vectors (cosine {least:.6f})")
