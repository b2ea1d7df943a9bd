"""The BERT that is pre-trained: made anew or read from a folder, asked, and written as transformers reads it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nlptool.errors import ModelError
from nlptool.models.runtime.transformers_loading import silenced
from nlptool.training.saving import PRECISIONS, save_dtype_of

if TYPE_CHECKING:
    from nlptool.training.bert.tokenizer import BertTokenizer


def new(
    *, vocabulary: int, layers: int, width: int, heads: int, intermediate: int, max_length: int, dropout: float,
    padding: int, nsp: bool,
) -> Any:  # fmt: skip
    """A BERT with random weights: ``BertForPreTraining``, or ``BertForMaskedLM`` without next sentences.

    Args:
        padding: the id of [PAD].
    """
    with silenced():
        from transformers import BertConfig, BertForMaskedLM, BertForPreTraining

        config = BertConfig(
            vocab_size=vocabulary,
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=intermediate,
            max_position_embeddings=max_length,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            pad_token_id=padding,
        )
        return BertForPreTraining(config) if nsp else BertForMaskedLM(config)


def begun(folder: str, *, max_length: int, dropout: float, nsp: bool, note: Callable[[str], None]) -> Any:
    """The BERT of a folder, to go on from.

    Args:
        note: is told what of it begins at random, since the folder has none.

    Raises:
        ModelError: it cannot be loaded, is no BERT, or takes fewer tokens.
    """
    with silenced():
        from transformers import BertForMaskedLM, BertForPreTraining

        kind: Any = BertForPreTraining if nsp else BertForMaskedLM
        try:
            network, about = kind.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True,
                hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout,
            )  # fmt: skip
        except Exception as error:  # of many libraries
            raise ModelError(f"{folder} cannot be loaded: {str(error).partition(chr(10))[0]}") from error
    missing = sorted({".".join(name.split(".")[:2]) for name in about["missing_keys"]})
    if network.config.model_type != "bert" or "bert.embeddings" in missing:
        raise ModelError(f"{folder} holds no BERT to begin with")
    if missing:
        note(f"{folder} has no {', '.join(missing)}: they begin at random")
    n_most = network.config.max_position_embeddings
    if max_length > n_most:
        raise ModelError(f"{folder} takes {n_most:,} tokens, fewer than --max-length {max_length:,}")
    return network


def logits(
    network: Any, ids: Tensor, types: Tensor, there: Tensor | None, places: Tensor
) -> tuple[Tensor, Tensor | None]:
    """What a network says: (M, V) of the tokens at ``places`` alone, counted through all rows of ``ids`` (B, T), and (B, 2) of
    the next sentences, index 0 for one that follows, None without that head; in float32.

    Args:
        types: (B, T), 0 for the first part and 1 for the second.
        there: (B, T), False for padding; None if there is none.
    """
    found = network.bert(input_ids=ids, token_type_ids=types, attention_mask=there)
    states = found.last_hidden_state.flatten(0, 1)[places]
    words = network.cls.predictions(states).float()
    if not hasattr(network.cls, "seq_relationship"):
        return words, None
    return words, network.cls.seq_relationship(found.pooler_output).float()


def save(network: Any, tokenizer: BertTokenizer, folder: Path, precision: str) -> None:
    """Write a network and its tokenizer.

    Raises:
        OSError: the files cannot be written.
    """
    with silenced(), save_dtype_of(folder):
        tokenizer.save(folder, network.config.max_position_embeddings)
        copy.deepcopy(network).to(PRECISIONS[precision]).save_pretrained(str(folder))
