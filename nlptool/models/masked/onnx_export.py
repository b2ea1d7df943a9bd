"""A masked language model of transformers to an ONNX graph, once, by torch.

The graph goes from token ids to the logits at the positions that are asked for (``torch_backend.LogitsAtPositions``), and,
where the model was trained for it, to those of the next sentence. It is compared with the original on a few texts, alone and in
one padded batch, before it is used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nlptool.errors import NotConvertible
from nlptool.models.japanese.bert_words import words_of
from nlptool.models.masked import model as masked_models
from nlptool.models.masked.model import MaskedModel, MaskedNetwork
from nlptool.models.masked.tokenizer import MaskedLmTokenizer, ModelInput
from nlptool.models.masked.torch_backend import LogitsAtPositions
from nlptool.models.masked.transformers_model import Loaded, load
from nlptool.models.runtime import onnx_export, transformers_loading
from nlptool.models.runtime.onnx import GRAPH
from nlptool.models.runtime.onnx_network import OnnxNetwork
from nlptool.models.runtime.tokenizers import read_tokenizer
from nlptool.models.store.kinds import MASKED
from nlptool.specs import MaskedModelSpec

LARGEST_DIFFERENCE = 1e-4  # of a probability

# The last one reaches beyond the window of local attention, and mostly to the last position there is.
_SAMPLE = ["a", "A plane is taking off.", "東京は日本の首都です。", "long " * 600]
_ALONE, _TOGETHER = 1, 10_000  # tokens in a batch
_NAMES = {"mlm": "logits", "nsp": "next_sentence"}


def convert_masked(folder: Path, target: Path, *, allow_pickle: bool = False) -> None:
    """Write ``model.onnx``, ``tokenizer.json`` and ``masked.json`` for the model in ``folder`` to ``target``.

    Raises:
        NotConvertible: its graph does not allow it.
        ModelError: as of ``load``.
    """
    loaded = load(folder, allow_pickle=allow_pickle)
    onnx_export.write_tokenizer(loaded.tokenizer, loaded.about, target, MASKED.manifest)
    with transformers_loading.silenced():
        _export(loaded, target / GRAPH)
    _compare(loaded, target)


def _export(loaded: Loaded, path: Path) -> None:
    heads = loaded.about["heads"]
    places = {"places": (torch.tensor([1, 2, 9]), ("places",))} if "mlm" in heads else {}
    inputs = onnx_export.example_inputs(loaded.about, **places)
    onnx_export.export(LogitsAtPositions(loaded.network, loaded.about), inputs, [_NAMES[head] for head in heads], path)


def _compare(loaded: Loaded, target: Path) -> None:
    """Compare the graph with the network that it was made of; NotConvertible if it gives other probabilities."""
    about = loaded.about
    specs = [MaskedModelSpec(batch_tokens=budget) for budget in (_ALONE, _TOGETHER)]
    try:
        tokenizer = read_tokenizer(target / "tokenizer.json")
        texts = MaskedLmTokenizer(tokenizer, about, words=words_of(about, tokenizer))
        models = [
            masked_models.MaskedModel(texts, MaskedNetwork(OnnxNetwork(about, target, target), about), about, spec)
            for spec in specs
        ]
        rows = _rows(models[0].texts)
        answers = [_answers(model, rows) for model in models]
    except Exception as error:  # onnxruntime's own classes, all derived from Exception alone
        raise NotConvertible(f"its converted copy does not run: {str(error)[:200]}") from error
    for number, row in enumerate(rows):
        for head, expected in _plainly(loaded, row).items():
            for found in answers:
                ours = np.exp(masked_models.log_softmax(found[head][number]))
                difference = float(np.max(np.abs(ours - np.exp(masked_models.log_softmax(expected)))))
                if not difference <= LARGEST_DIFFERENCE:  # nor if it is no number
                    raise NotConvertible(f"its converted copy gives probabilities that differ by {difference:.1e}")


def _rows(texts: MaskedLmTokenizer) -> list[ModelInput]:
    """Return the sample and a pair as inputs, with a mask in the middle of each and two more positions."""
    rows = []
    for tokenized in texts.tokenize(_SAMPLE):
        ids = tokenized.ids[: texts.max_pieces()]
        middle = len(ids) // 2
        ids[middle] = texts.mask_id
        rows.append(texts.model_input(ids, positions=sorted({0, middle, len(ids) - 1})))
    first, second = (text.ids[: texts.max_pieces(pair=True) // 2] for text in texts.tokenize(_SAMPLE[1:3]))
    return [*rows, texts.model_input(first, [texts.mask_id, *second[1:]], positions=[0, len(first)])]


def _answers(model: MaskedModel, rows: list[ModelInput]) -> dict[str, list[NDArray[np.float32]]]:
    """Return what the graph gives for each input: mlm (M, V), nsp (1, 2)."""
    said = {}
    if "mlm" in model.heads:
        found = dict(model.logits(rows))
        said["mlm"] = [found[number] for number in range(len(rows))]
    if "nsp" in model.heads:
        said["nsp"] = list(model.next_sentence(rows)[:, None])
    return said


@torch.inference_mode()
def _plainly(loaded: Loaded, row: ModelInput) -> dict[str, NDArray[np.float32]]:
    """Return what the network gives for one input by itself: mlm (M, V), nsp (1, 2)."""
    types = {"token_type_ids": torch.tensor([row.types])} if loaded.about["types"] else {}
    found = loaded.network(input_ids=torch.tensor([row.ids]), **types)
    said = {}
    if "mlm" in loaded.about["heads"]:
        logits = found.logits if "logits" in found else found.prediction_logits
        said["mlm"] = logits[0, row.positions].numpy()
    if "nsp" in loaded.about["heads"]:
        said["nsp"] = found.seq_relationship_logits.numpy()
    return said
