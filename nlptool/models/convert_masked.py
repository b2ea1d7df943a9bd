"""A masked language model of transformers to an ONNX graph, once, by torch.

The graph goes from token ids to the logits of the tokens that are asked for (``torch_masked.AtPlaces``), and, where the model
was trained for it, to those of the next sentence. It is run beside the original on a few texts, alone and in one padded batch,
before it is believed.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nlptool.errors import ModelError, NotConvertible
from nlptool.models import bert_japanese, convert, folders, masked
from nlptool.models.copies import MASKED
from nlptool.models.masked import MaskedModel
from nlptool.models.masked_texts import Row, Texts
from nlptool.models.onnx_network import GRAPH
from nlptool.models.torch_masked import AtPlaces

LARGEST_DIFFERENCE = 1e-4  # of a probability

# The last one reaches beyond the window of local attention, and mostly to the last position there is.
_SAMPLE = ["a", "A plane is taking off.", "東京は日本の首都です。", "long " * 600]
_ALONE, _TOGETHER = 1, 10_000  # tokens in a batch
_NAMES = {"mlm": "logits", "nsp": "next_sentence"}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in torch, in float32 on the processor."""

    network: Any  # of transformers
    tokenizer: Any  # of the library ``tokenizers``
    about: dict[str, Any]  # the manifest


def load(folder: Path, *, allow_pickle: bool = False) -> Loaded:
    """The model of a folder with those heads for which it has weights, running no code of its own.

    Args:
        allow_pickle: open a pickle where there are no safetensors.

    Raises:
        ModelError: transformers refuses it, it asks for code of its own, has neither head, is no model for masks, or its
            parts do not belong together.
    """
    with convert.silenced():
        convert.refuse_own_code(folder)
        network, heads, missing = _network(folder, allow_pickle=allow_pickle)
        tokenizer, own = tokenizers(folder)
    inside = f"{network.base_model_prefix}."
    if damaged := [name for name in missing if name.startswith(inside)]:
        raise convert.lacks(folder, damaged)
    if missing:
        heads = [head for head in heads if head != "mlm"]
    if not heads:
        raise ModelError(
            f"{folder} was saved without its head for masked words: its weights hold no {missing[0]}",
            hint="nlptool models list --task fill-mask shows models that have one",
        )
    if own.mask_token is None or tokenizer.token_to_id(own.mask_token) is None:
        raise ModelError(
            f"{folder} has no mask token, so it was not trained to fill masks",
            hint="nlptool models list --task fill-mask shows models that were",
        )
    convert.check_tokenizer(network, own, folder)
    return Loaded(network, tokenizer, _describe(network, own, folder, heads))


def _network(folder: Path, *, allow_pickle: bool) -> tuple[Any, list[str], list[str]]:
    """A network with the head for masks, and that for next sentences if there is one; the heads; and the names of the tensors
    that are in no file and so are random, which transformers only logs."""
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_MASKED_LM_MAPPING,
        AutoConfig,
        AutoModelForMaskedLM,
        AutoModelForPreTraining,
    )

    place = str(folder.absolute())
    try:
        config = AutoConfig.from_pretrained(place, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # of many libraries
        raise convert.cannot_be_loaded(folder, error) from error
    if type(config) not in MODEL_FOR_MASKED_LM_MAPPING:
        if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING:
            raise masked.decoder(folder, config.model_type)
        raise ModelError(f"{folder} is a {config.model_type}, which was not trained to fill masks")

    def loaded(kind: Any) -> tuple[Any, list[str]]:
        try:
            network, found = kind.from_pretrained(
                place,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=None if allow_pickle else True,
                dtype=torch.float32,
                attn_implementation="eager",  # the plain products are what onnxruntime fuses best
                output_loading_info=True,
            )
        except Exception as error:
            raise convert.cannot_be_loaded(folder, error) from error
        return network.eval(), sorted(found["missing_keys"])

    if config.model_type in folders.NEXT_SENTENCE:
        network, missing = loaded(AutoModelForPreTraining)
        if not any("seq_relationship" in name or "pooler" in name for name in missing):
            return network, ["mlm", "nsp"], missing
    network, missing = loaded(AutoModelForMaskedLM)
    return network, ["mlm"], missing


def tokenizers(folder: Path) -> tuple[Any, Any]:
    """That of the library ``tokenizers``, and the one of transformers that it stands for.

    Raises:
        ModelError: it cannot be loaded, or does not run in that library.
    """
    from transformers import AutoTokenizer

    words = bert_japanese.settings(folder)
    arguments = bert_japanese.arguments(words) if words else {}
    try:
        own: Any = AutoTokenizer.from_pretrained(
            str(folder.absolute()), local_files_only=True, trust_remote_code=False, **arguments
        )
    except Exception as error:  # of many libraries
        raise convert.cannot_be_loaded(folder, error) from error
    tokenizer = convert.tokenizer(own, folder)
    if tokenizer is None:
        raise ModelError(f"{folder}: its tokenizer, a {type(own).__name__}, is none that nlptool can run")
    return tokenizer, own


def _describe(network: Any, own: Any, folder: Path, heads: list[str]) -> dict[str, Any]:
    """What ``MaskedModel`` and ``Texts`` have to know beside the graph."""
    config = network.config
    limits = (own.model_max_length, getattr(config, "max_position_embeddings", None))
    pad_id = next((id for id in (getattr(config, "pad_token_id", None), own.pad_token_id) if id is not None), 0)
    about = {
        "architecture": config.model_type,
        "heads": heads,
        "size": int(config.vocab_size),
        "max_length": convert.positions(network, said=min(limit for limit in limits if limit and limit > 0)),
        "types": int(getattr(config, "type_vocab_size", 0) or 0) > 1,
        "masks": "attention_mask" in inspect.signature(network.base_model.forward).parameters,
        "pad_id": int(pad_id),
        "mask_token": own.mask_token,
        "unknown_id": own.unk_token_id,
        "special_ids": sorted(set(own.all_special_ids)),
        "words": bert_japanese.settings(folder),
    }
    return {name: value for name, value in about.items() if value is not None}


def convert_masked(folder: Path, target: Path, *, allow_pickle: bool = False) -> None:
    """Write ``model.onnx``, ``tokenizer.json`` and ``masked.json`` for the model in ``folder`` to ``target``.

    Raises:
        NotConvertible: its graph does not allow it.
        ModelError: as of ``load``.
    """
    loaded = load(folder, allow_pickle=allow_pickle)
    loaded.tokenizer.no_truncation()
    loaded.tokenizer.no_padding()
    loaded.tokenizer.save(str(target / "tokenizer.json"), pretty=False)
    (target / MASKED).write_text(json.dumps(loaded.about, indent=2, ensure_ascii=False))
    with convert.silenced():
        _export(loaded, target / GRAPH)
    _compare(loaded, target)


def _export(loaded: Loaded, path: Path) -> None:
    ids = torch.full((2, 7), 3)
    mask = torch.ones(2, 7, dtype=torch.long)
    mask[1, 5:] = 0
    axes: tuple[str, ...] = ("batch", "length")
    inputs = {"input_ids": (ids, axes)}
    if loaded.about["masks"]:
        inputs["attention_mask"] = (mask, axes)
    heads = loaded.about["heads"]
    if "mlm" in heads:
        inputs["places"] = (torch.tensor([1, 2, 9]), ("places",))
    if loaded.about["types"]:
        inputs["token_type_ids"] = (torch.zeros(2, 7, dtype=torch.long), axes)
    convert.export(AtPlaces(loaded.network, loaded.about), inputs, [_NAMES[head] for head in heads], path)


def _compare(loaded: Loaded, target: Path) -> None:
    """
    Raises:
        NotConvertible: the graph does not run, or gives other probabilities than the network that it was made of.
    """
    about = loaded.about
    settings = [masked.Settings(batch_tokens=budget) for budget in (_ALONE, _TOGETHER)]
    try:
        models = [masked.Prepared("", "onnx", "cpu", about, each, target, target).open() for each in settings]
        rows = _rows(models[0].texts)
        answers = [_answers(model, rows) for model in models]
    except Exception as error:  # onnxruntime's own classes, all derived from Exception alone
        raise NotConvertible(f"its converted copy does not run: {str(error)[:200]}") from error
    for number, row in enumerate(rows):
        for head, expected in _plainly(loaded, row).items():
            for found in answers:
                ours = np.exp(masked.log_softmax(found[head][number]))
                difference = float(np.max(np.abs(ours - np.exp(masked.log_softmax(expected)))))
                if not difference <= LARGEST_DIFFERENCE:  # nor if it is no number
                    raise NotConvertible(f"its converted copy gives probabilities that differ by {difference:.1e}")


def _rows(texts: Texts) -> list[Row]:
    """The sample, and a pair, with a mask in the middle of each and two more places."""
    rows = []
    for cut in texts.cut(_SAMPLE):
        ids = cut.ids[: texts.room()]
        middle = len(ids) // 2
        ids[middle] = texts.mask_id
        rows.append(texts.row(ids, places=sorted({0, middle, len(ids) - 1})))
    first, second = (cut.ids[: texts.room(pair=True) // 2] for cut in texts.cut(_SAMPLE[1:3]))
    return [*rows, texts.row(first, [texts.mask_id, *second[1:]], places=[0, len(first)])]


def _answers(model: MaskedModel, rows: list[Row]) -> dict[str, list[NDArray[np.float32]]]:
    """What the graph says of each row: mlm (M, V), nsp (1, 2)."""
    said = {}
    if "mlm" in model.heads:
        found = dict(model.logits(rows))
        said["mlm"] = [found[number] for number in range(len(rows))]
    if "nsp" in model.heads:
        said["nsp"] = list(model.next_sentence(rows)[:, None])
    return said


@torch.inference_mode()
def _plainly(loaded: Loaded, row: Row) -> dict[str, NDArray[np.float32]]:
    """What the network says of a row by itself: mlm (M, V), nsp (1, 2)."""
    types = {"token_type_ids": torch.tensor([row.types])} if loaded.about["types"] else {}
    found = loaded.network(input_ids=torch.tensor([row.ids]), **types)
    said = {}
    if "mlm" in loaded.about["heads"]:
        logits = found.logits if "logits" in found else found.prediction_logits
        said["mlm"] = logits[0, row.places].numpy()
    if "nsp" in loaded.about["heads"]:
        said["nsp"] = found.seq_relationship_logits.numpy()
    return said
