"""Small encoders of sentence-transformers with random weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nlptool import catalog
from nlptool.models.store import locate

MINILM = locate.packaged(catalog.KNOWN["all-MiniLM-L6-v2"])
N_PIECES = 5000


def save(path: Path, modules: Sequence[Any], **more: Any) -> Path:
    """Write the folder of a model, but for its card, which takes longer than all else."""
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(modules=list(modules), device="cpu", **more).save(str(path), create_model_card=False)
    return path


def write_tokenizer(folder: Path) -> None:
    """Write the tokenizer of MiniLM with its first pieces alone, the frequent ones: it is read in a sixth of the time."""
    about = json.loads((MINILM / "tokenizer.json").read_text(encoding="utf-8"))
    pieces = about["model"]["vocab"].items()
    about["model"]["vocab"] = {piece: number for piece, number in pieces if number < N_PIECES}
    (folder / "tokenizer.json").write_text(json.dumps(about), encoding="utf-8")
    shutil.copyfile(MINILM / "tokenizer_config.json", folder / "tokenizer_config.json")


def small_model(path: Path, *stack: Any, normalize: bool = True) -> Path:
    """A BERT of one layer with random weights, pieces of MiniLM, and what stands behind it."""
    import torch
    from sentence_transformers.sentence_transformer.modules import Normalize, Transformer
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=N_PIECES, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
        initializer_range=0.5,
    )  # fmt: skip
    plain = path.with_name(path.name + "-plain")
    BertModel(config).save_pretrained(plain)
    write_tokenizer(plain)
    transformer = Transformer(str(plain), max_seq_length=64)
    modules = [transformer, *stack, *([Normalize()] if normalize else [])]
    return save(path, modules)


def configure(folder: Path, **values: Any) -> Path:
    """Change values in the folder's config_sentence_transformers.json."""
    path = folder / "config_sentence_transformers.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return folder
