"""A sentence-transformers model to an ONNX graph, once, by torch.

The graph goes from token ids to the sentence's vector: transformer, pooling and dense layers as sentence-transformers runs
them. The last normalisation stays outside, so that it can be chosen. The weights lie beside the graph in a file that
onnxruntime maps into memory: it opens e5-small in 0.1 s instead of 0.6. The graph is run beside the original on a few
texts, alone and in one padded batch, before it is believed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import NotConvertible
from nlptool.models.encoders.encoder import Encoder, OnnxNetwork
from nlptool.models.encoders.sentence_transformer import describe, is_usual, load, network
from nlptool.models.encoders.tokenizer import EncoderTokenizer
from nlptool.models.runtime.onnx import GRAPH
from nlptool.models.runtime.onnx_export import eager, export
from nlptool.models.runtime.tokenizers import backend, read_tokenizer
from nlptool.models.runtime.transformers_loading import silenced
from nlptool.models.store import model_folder
from nlptool.models.store.kinds import ENCODER
from nlptool.specs import EncoderSpec

LARGEST_DIFFERENCE = 1e-3  # of a vector's length; the cosine is then at least 0.9999995

# The last one reaches beyond the window of local attention, and mostly to the last position there is.
_SAMPLE = ["A plane is taking off.", "猫が好き", "", "a", "東京は日本の首都です。 " * 12, "long " * 600]
_ALONE, _TOGETHER = 1, 10_000  # tokens in a batch


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
    tokenizer = backend(model.tokenizer, model_folder.first(folder))
    if tokenizer is None:
        raise NotConvertible("its tokenizer is not a fast one, or cuts texts on the left")
    about = describe(model, folder)
    with silenced():
        # One by one: a tokenizer that pads on the left would move the texts in a batch to other positions. Without special
        # tokens, an empty text has none at all, and sentence-transformers fails.
        sample = [text for text in _SAMPLE if _ids(model.tokenizer, text)]
        expected = model.encode(sample, batch_size=1, prompt="")
        _export(modules, target / GRAPH)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(str(target / "tokenizer.json"))
    (target / ENCODER.manifest).write_text(json.dumps(about, indent=2, ensure_ascii=False))
    _compare(sample, expected, about, target)


def _ids(tokenizer: Any, text: str) -> list[int]:
    """Return the ids of a text; none where the tokenizer has no token for a part of it, nor for what is unknown."""
    try:
        return list(tokenizer(text).input_ids)
    except Exception:  # noqa: BLE001  # the library tokenizers raises bare Exception
        return []


def _export(modules: list[Any], path: Path) -> None:
    import torch

    class Stack(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = modules[0].model
            self.rest = torch.nn.ModuleList(modules[1:])

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            hidden = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            features: dict[str, Any] = {"token_embeddings": hidden, "attention_mask": attention_mask}
            for module in self.rest:
                features = module(features)
            embedding: torch.Tensor = features["sentence_embedding"]
            return embedding

    wrapped = Stack().eval()
    eager(wrapped.model)
    ids = torch.zeros((2, 7), dtype=torch.long)
    mask = torch.ones(2, 7, dtype=torch.long)
    mask[1, 5:] = 0
    axes = ("batch", "length")
    inputs = {"input_ids": (ids, axes), "attention_mask": (mask, axes)}
    export(wrapped, inputs, ["sentence_embedding"], path)


def _compare(sample: list[str], expected: NDArray[np.float32], about: dict[str, Any], target: Path) -> None:
    for budget in (_ALONE, _TOGETHER):
        spec = EncoderSpec(prompt="", batch_tokens=budget)
        try:
            tokenizer = EncoderTokenizer.of_model(read_tokenizer(target / "tokenizer.json"), about)
            got = Encoder(tokenizer, OnnxNetwork(target, target), about, spec).encode(sample).vectors
        except Exception as error:  # onnxruntime's own classes, all derived from Exception alone
            raise NotConvertible(f"its converted copy does not run: {str(error)[:200]}") from error
        lengths = np.linalg.norm(expected, axis=1)
        difference = float(np.max(np.linalg.norm(got - expected, axis=1) / np.where(lengths == 0, 1, lengths)))
        if not difference <= LARGEST_DIFFERENCE:  # nor if it is no number
            raise NotConvertible(f"its converted copy gives vectors that differ by {difference:.1e} of their length")
