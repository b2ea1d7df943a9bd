"""A network with heads to an ONNX graph, once, by torch.

The graph goes from token ids to the logits of every task. It is compared with the original on a few texts, alone and in one
padded batch, before it is used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nlptool.errors import NotConvertible
from nlptool.models.heads.folder import Family
from nlptool.models.heads.tokenizer import ModelInput, TextTokenizer
from nlptool.models.heads.torch_backend import LogitsOfAll
from nlptool.models.heads.transformers_model import Loaded, load
from nlptool.models.runtime import onnx_export, transformers_loading
from nlptool.models.runtime.batching import pad
from nlptool.models.runtime.onnx import GRAPH
from nlptool.models.runtime.onnx_network import OnnxNetwork
from nlptool.models.runtime.tokenizers import read_tokenizer

LARGEST_DIFFERENCE = 1e-4  # of a logit, relative to the largest one if that is above 1

# The last one reaches beyond the window of local attention, and mostly to the last position there is.
_SAMPLE = [("a",), ("A plane is taking off.",), ("東京は日本の首都です。", "首都は東京だ。"), ("long " * 600,)]


def convert(folder: Path, name: str, family: Family, target: Path, *, allow_pickle: bool = False) -> None:
    """Write ``model.onnx``, ``tokenizer.json`` and the family's manifest for the model in ``folder`` to ``target``.

    Args:
        name: of the model, for messages.
        family: that it must be of.

    Raises:
        NotConvertible: its graph does not allow it.
        ModelError: as of ``load``.
    """
    loaded = load(folder, name, family, allow_pickle=allow_pickle)
    onnx_export.write_tokenizer(loaded.tokenizer, loaded.about, target, family.copy.manifest)
    with transformers_loading.silenced():
        _export(loaded, target / GRAPH)
    _compare(loaded, target)


def _export(loaded: Loaded, path: Path) -> None:
    names = [f"logits_{number}" for number in range(len(loaded.about["tasks"]))]
    onnx_export.export(LogitsOfAll(loaded.network), onnx_export.example_inputs(loaded.about), names, path)


def _compare(loaded: Loaded, target: Path) -> None:
    """Compare the graph with the network that it was made of; NotConvertible if it gives other logits."""
    try:
        texts = TextTokenizer(read_tokenizer(target / "tokenizer.json"), loaded.about)
        rows = [text.chunks[0] for text in texts.read(_SAMPLE)]
        network = OnnxNetwork(loaded.about, target, target)
        alone = [_run(network, loaded, [row]) for row in rows]
        together = _run(network, loaded, rows)
    except Exception as error:  # onnxruntime's own classes, all derived from Exception alone
        raise NotConvertible(f"its converted copy does not run: {str(error)[:200]}") from error
    plain = LogitsOfAll(loaded.network)
    for number, row in enumerate(rows):
        expected = _plainly(plain, loaded, row)
        for task, logits in enumerate(expected):
            for found in (alone[number][task][0], together[task][number]):
                found = found[: len(logits)] if found.ndim > 1 else found  # without padding
                difference = float(np.max(np.abs(found - logits)) / max(1.0, float(np.max(np.abs(logits)))))
                if not difference <= LARGEST_DIFFERENCE:  # nor if it is no number
                    raise NotConvertible(f"its converted copy gives logits that differ by {difference:.1e}")


def _run(network: OnnxNetwork, loaded: Loaded, rows: list[ModelInput]) -> list[NDArray[np.float32]]:
    """Return the logits of each task for some rows in one batch: (B, K), or of tokens (B, T, K)."""
    ids, mask = pad([row.ids for row in rows], int(loaded.about["pad_id"]))
    types, _ = pad([row.types for row in rows], 0)
    return network(ids, mask, types)


@torch.inference_mode()
def _plainly(network: LogitsOfAll, loaded: Loaded, row: ModelInput) -> list[NDArray[np.float32]]:
    """Return the logits of each task that the network gives for one row by itself: (K,), or of tokens (T, K)."""
    more = {"attention_mask": torch.ones(1, len(row.ids), dtype=torch.long)} if loaded.about["masks"] else {}
    if loaded.about["types"]:
        more["token_type_ids"] = torch.tensor([row.types])
    return [logits[0].numpy() for logits in network(torch.tensor([row.ids]), **more)]
