"""A Transformer that reads to an ONNX graph, once, by torch.

The graph goes from token ids to the hidden states of all layers, of which onnxruntime computes those that are asked for. It is
compared with the original on a few texts, alone and in one padded batch, before it is used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nlptool.errors import NotConvertible
from nlptool.models.contextual.model import ContextualModel, OnnxStates, output_name
from nlptool.models.contextual.texts import PlacingTokenizer
from nlptool.models.contextual.torch_backend import HiddenStates
from nlptool.models.contextual.transformers_model import load
from nlptool.models.japanese.bert_words import words_of
from nlptool.models.masked.tokenizer import ModelInput
from nlptool.models.masked.transformers_model import Loaded
from nlptool.models.runtime import onnx_export, transformers_loading
from nlptool.models.runtime.onnx import GRAPH
from nlptool.models.runtime.tokenizers import read_tokenizer
from nlptool.models.store.kinds import CONTEXTUAL
from nlptool.specs import ContextualSpec

LARGEST_DIFFERENCE = 1e-4  # of a component, relative to the largest one if that is above 1

# The last one reaches beyond the window of local attention.
_SAMPLE = ["a", "A plane is taking off.", "東京は日本の首都です。", "long " * 200]
_ALONE, _TOGETHER = 1, 10_000  # tokens in a batch


def convert(folder: Path, name: str, target: Path, *, allow_pickle: bool = False) -> None:
    """Write ``model.onnx``, ``tokenizer.json`` and ``contextual.json`` for the Transformer in ``folder`` to ``target``.

    Args:
        name: of the model, for messages.

    Raises:
        NotConvertible: its graph does not allow it.
        ModelError: as of ``load``.
    """
    loaded = load(folder, name, allow_pickle=allow_pickle)
    onnx_export.write_tokenizer(loaded.tokenizer, loaded.about, target, CONTEXTUAL.manifest)
    outputs = [output_name(layer) for layer in range(loaded.about["n_layers"] + 1)]
    with transformers_loading.silenced():
        onnx_export.export(
            HiddenStates(loaded.network), onnx_export.example_inputs(loaded.about), outputs, target / GRAPH
        )
    _compare(loaded, target)


def _compare(loaded: Loaded, target: Path) -> None:
    """Compare the graph with the network that it was made of; NotConvertible if it gives other vectors."""
    about = loaded.about
    layers = list(range(about["n_layers"] + 1))
    try:
        tokenizer = read_tokenizer(target / "tokenizer.json")
        texts = PlacingTokenizer(tokenizer, about, words=words_of(about, tokenizer))
        states = OnnxStates(about, target, target)
        sample = [text for text in texts.read(_SAMPLE) if len(text.ids) <= texts.max_pieces()]
        answers = [
            ContextualModel(texts, states, about, ContextualSpec(batch_tokens=budget)).vectors(sample, layers)
            for budget in (_ALONE, _TOGETHER)
        ]
    except Exception as error:  # onnxruntime's own classes, all derived from Exception alone
        raise NotConvertible(f"its converted copy does not run: {str(error)[:200]}") from error
    for number, text in enumerate(sample):
        row = texts.model_input(text.ids, positions=range(len(text.ids)))
        expected = _plainly(loaded, row)
        largest = max(1.0, float(np.abs(expected).max(initial=0)))
        for found in answers:
            difference = float(np.max(np.abs(found[number] - expected), initial=0)) / largest
            if not difference <= LARGEST_DIFFERENCE:  # nor if it is no number
                raise NotConvertible(f"its converted copy gives vectors that differ by {difference:.1e}")


@torch.inference_mode()
def _plainly(loaded: Loaded, row: ModelInput) -> NDArray[np.float32]:
    """Return what the network gives for one sequence by itself, at the row's positions: (T, L + 1, D)."""
    types = {"token_type_ids": torch.tensor([row.types])} if loaded.about["types"] else {}
    states = loaded.network(input_ids=torch.tensor([row.ids]), output_hidden_states=True, **types).hidden_states
    found: NDArray[np.float32] = torch.stack([state[0, row.positions] for state in states], dim=1).numpy()
    return found
