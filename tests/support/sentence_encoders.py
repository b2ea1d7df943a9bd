"""Small encoders of sentence-transformers with random weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nlptool import catalog
from nlptool.models.store import locate

MINILM = locate.packaged(catalog.KNOWN["all-MiniLM-L6-v2"])


def save(path: Path, modules: Sequence[Any], **more: Any) -> Path:
    """Write the folder of a model, but for its card, which takes longer than all else."""
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(modules=list(modules), device="cpu", **more).save(str(path), create_model_card=False)
    return path


def small_model(path: Path, *stack: Any, normalize: bool = True) -> Path:
    """A BERT of one layer with random weights, the tokenizer of MiniLM, and what stands behind it."""
    import torch
    from sentence_transformers.sentence_transformer.modules import Normalize, Transformer
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30522, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
        initializer_range=0.5,
    )  # fmt: skip
    plain = path.with_name(path.name + "-plain")
    BertModel(config).save_pretrained(plain)
    AutoTokenizer.from_pretrained(str(MINILM)).save_pretrained(plain)
    transformer = Transformer(str(plain), max_seq_length=64)
    modules = [transformer, *stack, *([Normalize()] if normalize else [])]
    SentenceTransformer(modules=modules, device="cpu").save(
        str(path), create_model_card=False
    )  # which takes longer than all else
    return path


def configure(folder: Path, **values: Any) -> Path:
    """Change values in the folder's config_sentence_transformers.json."""
    path = folder / "config_sentence_transformers.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return folder
