"""A masked language model of transformers, loaded by the library itself and described."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.japanese import bert_words
from nlptool.models.masked import model as masked_models
from nlptool.models.runtime import transformers_loading
from nlptool.models.store import model_folder


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in torch, in float32 on the processor."""

    network: Any  # of transformers
    tokenizer: Any  # of the library ``tokenizers``
    about: dict[str, Any]  # the manifest


def load(folder: Path, *, allow_pickle: bool = False) -> Loaded:
    """Load the model of a folder with those heads for which it has weights, running no code of its own.

    Args:
        allow_pickle: open a pickle where there are no safetensors.

    Raises:
        ModelError: transformers refuses it, it asks for code of its own, has neither head, is no model for masks, or its
            parts do not belong together.
    """
    with transformers_loading.silenced():
        transformers_loading.refuse_own_code(folder)
        network, heads, missing = _network(folder, allow_pickle=allow_pickle)
        tokenizer, own = transformers_loading.tokenizers(folder)
    inside = f"{network.base_model_prefix}."
    if damaged := [name for name in missing if name.startswith(inside)]:
        raise transformers_loading.lacks(folder, damaged)
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
    transformers_loading.check_tokenizer(network, own, folder, transformers_loading.MASKED_ROLES)
    if tokenizer.token_to_id(own.mask_token) >= network.config.vocab_size:
        raise ModelError(f"{folder} is damaged: the network has no embedding for its mask token {own.mask_token}")
    return Loaded(network, tokenizer, describe(network, own, folder, heads))


def load_body(
    folder: Path, *, writes: Callable[[str], ModelError], threads: int | None = None, allow_pickle: bool = False
) -> Loaded:
    """Load the Transformer of a folder without its heads, running no code of its own.

    Args:
        writes: returns the error for an encoder–decoder of a kind.
        threads: of the tokenizer.

    Raises:
        ModelError: transformers refuses it, it asks for code of its own, is an encoder–decoder, or its parts do not belong
            together.
    """
    from transformers import AutoConfig, AutoModel

    with transformers_loading.silenced():
        transformers_loading.refuse_own_code(folder)
        config = transformers_loading.pretrained(AutoConfig, folder)
        if getattr(config, "is_encoder_decoder", False):
            raise writes(config.model_type)
        network, missing = transformers_loading.network(
            AutoModel, folder, allow_pickle=allow_pickle, attn_implementation="eager"  # the others give no weights
        )  # fmt: skip
        if lacking := [name for name in missing if "pooler" not in name]:  # the pooler is not used
            raise transformers_loading.lacks(folder, lacking)
        tokenizer, own = transformers_loading.tokenizers(folder, threads=threads)
    transformers_loading.check_tokenizer(network, own, folder)
    # An encoder may do without a mask.
    return Loaded(network, tokenizer, {"mask_token": "", **describe(network, own, folder, [])})


def _network(folder: Path, *, allow_pickle: bool) -> tuple[Any, list[str], list[str]]:
    """Load a network with the head for masks, and that for next sentences if there is one.

    Returns:
        The network, its heads, and the names of the tensors that are in no file and so are random.
    """
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_MASKED_LM_MAPPING,
        AutoConfig,
        AutoModelForMaskedLM,
        AutoModelForPreTraining,
    )

    config = transformers_loading.pretrained(AutoConfig, folder)
    if type(config) not in MODEL_FOR_MASKED_LM_MAPPING:
        if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING:
            raise masked_models.decoder(folder, config.model_type)
        raise ModelError(f"{folder} is a {config.model_type}, which was not trained to fill masks")

    # Eager attention: the plain products are what onnxruntime fuses best.
    load_network = partial(
        transformers_loading.network, folder=folder, allow_pickle=allow_pickle, attn_implementation="eager"
    )
    if config.model_type in model_folder.NEXT_SENTENCE:
        network, missing = load_network(AutoModelForPreTraining)
        if not any("seq_relationship" in name or "pooler" in name for name in missing):
            return network, ["mlm", "nsp"], missing
    network, missing = load_network(AutoModelForMaskedLM)
    return network, ["mlm"], missing


def describe(network: Any, own: Any, folder: Path, heads: list[str]) -> dict[str, Any]:
    """Return the manifest: what ``MaskedModel`` and ``MaskedLmTokenizer`` have to know beside the graph."""
    config = network.config
    limits = (own.model_max_length, getattr(config, "max_position_embeddings", None))
    about = {
        "architecture": config.model_type,
        "heads": heads,
        "size": int(config.vocab_size),
        "max_length": transformers_loading.positions(
            network, said=min(limit for limit in limits if limit and limit > 0)
        ),
        "types": int(getattr(config, "type_vocab_size", 0) or 0) > 1,
        "masks": "attention_mask" in inspect.signature(network.base_model.forward).parameters,
        "pad_id": transformers_loading.pad_id(
            getattr(config, "pad_token_id", None), own.pad_token_id, size=int(config.vocab_size)
        ),
        "mask_token": own.mask_token,
        "unknown_id": own.unk_token_id,
        "special_ids": sorted(set(own.all_special_ids)),
        "words": bert_words.settings(folder),
    }
    return {name: value for name, value in about.items() if value is not None}
