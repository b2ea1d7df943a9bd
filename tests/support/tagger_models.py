"""Taggers of the real architectures with random weights, as transformers writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import masked_models
import torch
import transformers

CLASSES = {
    "albert": "AlbertForTokenClassification",
    "bert": "BertForTokenClassification",
    "bert-japanese": "BertForTokenClassification",
    "deberta": "DebertaV2ForTokenClassification",
    "distilbert": "DistilBertForTokenClassification",
    "electra": "ElectraForTokenClassification",
    "modernbert": "ModernBertForTokenClassification",
    "roberta": "RobertaForTokenClassification",
    "xlm-roberta": "XLMRobertaForTokenClassification",
}
LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


def save(kind: str, folder: Path, labels: Sequence[str] = LABELS) -> Path:
    """A tagger with a random head, the same every time, and its tokenizer."""
    own = masked_models.tokenizer(kind, folder)
    config = masked_models.network(kind, len(own), own.pad_token_id, num_hidden_layers=1).config
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: number for number, label in enumerate(labels)}
    torch.manual_seed(1)
    made = getattr(transformers, CLASSES[kind])(config).eval()
    with torch.no_grad():
        for tensor in made.parameters():
            if tensor.dim() == 1:
                tensor.add_(0.2 * torch.randn_like(tensor))
        made.classifier.weight.mul_(3)  # so that words differ
    made.save_pretrained(folder)
    own.save_pretrained(folder)
    return folder


def logits(folder: Path, rows: Sequence[Sequence[int]]) -> list[Any]:
    """What transformers gives for each sequence of ids by itself, (T, K); no tensor of the folder is missing."""
    model, said = transformers.AutoModelForTokenClassification.from_pretrained(folder, output_loading_info=True)
    assert not said["missing_keys"]
    assert not said["unexpected_keys"]
    assert not said["mismatched_keys"]
    with torch.no_grad():
        return [model.eval()(input_ids=torch.tensor([list(row)])).logits[0].numpy() for row in rows]
