"""The BERT that is pre-trained: created or read from a folder, applied to a batch, and written as transformers reads it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from nlptool.errors import ModelError
from nlptool.models.runtime import transformers_loading
from nlptool.models.runtime.transformers_loading import silenced
from nlptool.training.bert_config import bert_config
from nlptool.training.saving import SAVE_DTYPES, folder_permissions

if TYPE_CHECKING:
    from nlptool.training.bert.tokenizer import BertTokenizer


def new(*, nsp: bool, **sizes: Any) -> Any:
    """Return a BERT with random weights: ``BertForPreTraining``, or ``BertForMaskedLM`` without next-sentence prediction.

    Args:
        sizes: the arguments of ``bert_config``.
    """
    config = bert_config(**sizes)
    with silenced():
        from transformers import BertForMaskedLM, BertForPreTraining

        return BertForPreTraining(config) if nsp else BertForMaskedLM(config)


def pretrained(folder: str, *, max_length: int, dropout: float, nsp: bool, note: Callable[[str], None]) -> Any:
    """Load the BERT of a folder, to be trained further.

    Args:
        note: called with the parts that begin at random because the folder has none.

    Raises:
        ModelError: it cannot be loaded, is no BERT, or takes fewer tokens.
    """
    with silenced():
        from transformers import BertForMaskedLM, BertForPreTraining

        kind = BertForPreTraining if nsp else BertForMaskedLM
        network, tensors = transformers_loading.network(
            kind, Path(folder), hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout
        )
    missing = sorted({".".join(name.split(".")[:2]) for name in tensors})
    if network.config.model_type != "bert" or "bert.embeddings" in missing:
        raise ModelError(f"{folder} holds no BERT to begin with")
    if missing:
        note(f"{folder} has no {', '.join(missing)}: they begin at random")
    n_most = network.config.max_position_embeddings
    if max_length > n_most:
        raise ModelError(f"{folder} takes {n_most:,} tokens, fewer than --max-length {max_length:,}")
    return network


def logits(
    network: Any, ids: Tensor, token_types: Tensor, mask: Tensor | None, positions: Tensor
) -> tuple[Tensor, Tensor | None]:
    """Return the logits of the tokens at ``positions`` (M, V) and of the next sentences (B, 2), both float32.

    Index 0 of the latter means that the second part follows; they are None without that head.

    Args:
        ids: (B, T) int64.
        token_types: (B, T), 0 for the first part and 1 for the second.
        mask: (B, T), False for padding; None if there is none.
        positions: (M,), indices into the flattened ``ids``.
    """
    output = network.bert(input_ids=ids, token_type_ids=token_types, attention_mask=mask)
    states = output.last_hidden_state.flatten(0, 1)[positions]
    mlm_logits = network.cls.predictions(states).float()
    if not hasattr(network.cls, "seq_relationship"):
        return mlm_logits, None
    return mlm_logits, network.cls.seq_relationship(output.pooler_output).float()


def save(network: Any, tokenizer: BertTokenizer, folder: Path, save_dtype: str) -> None:
    """Write a network and its tokenizer.

    Raises:
        OSError: the files cannot be written.
    """
    with silenced(), folder_permissions(folder):
        tokenizer.save(folder, network.config.max_position_embeddings)
        copy.deepcopy(network).to(SAVE_DTYPES[save_dtype]).save_pretrained(str(folder))
