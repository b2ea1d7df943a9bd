"""The configuration of every new BERT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nlptool.models.runtime.transformers_loading import silenced

if TYPE_CHECKING:
    from transformers import BertConfig


def bert_config(
    *, layers: int, heads: int, max_length: int, pad_id: int, dropout: float = 0.0, **more: Any
) -> BertConfig:  # fmt: skip
    """Return the ``BertConfig`` of transformers, with ``more`` arguments of it: vocab_size, hidden_size, intermediate_size."""
    with silenced():
        from transformers import BertConfig

        return BertConfig(
            num_hidden_layers=layers, num_attention_heads=heads, max_position_embeddings=max_length, pad_token_id=pad_id,
            hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout, **more,
        )  # fmt: skip
