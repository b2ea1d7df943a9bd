"""Classifiers of the real architectures with random weights, as transformers writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import masked_models
import torch
import transformers

CLASSES = {
    "albert": "AlbertForSequenceClassification",
    "bert": "BertForSequenceClassification",
    "bert-japanese": "BertForSequenceClassification",
    "deberta": "DebertaV2ForSequenceClassification",
    "distilbert": "DistilBertForSequenceClassification",
    "electra": "ElectraForSequenceClassification",
    "modernbert": "ModernBertForSequenceClassification",
    "roberta": "RobertaForSequenceClassification",
    "xlm-roberta": "XLMRobertaForSequenceClassification",
}
MAX_LENGTH = masked_models.POSITIONS - 4  # RoBERTa and its kin have fewer positions than rows
LABELS = ("bad", "good", "so-so")


def network(kind: str, own: Any, **more: Any) -> Any:
    """A network with a random head of three labels, the same every time."""
    base = masked_models.network(kind, len(own), own.pad_token_id, **{"num_hidden_layers": 1, **more})
    config = base.config
    config.id2label = dict(enumerate(LABELS))
    config.label2id = {label: number for number, label in enumerate(LABELS)}
    torch.manual_seed(1)
    made = getattr(transformers, CLASSES[kind])(config).eval()
    with torch.no_grad():
        for tensor in made.parameters():
            if tensor.dim() == 1:
                tensor.add_(0.2 * torch.randn_like(tensor))
    return made


def save(kind: str, folder: Path, **more: Any) -> Path:
    """A classifier and its tokenizer."""
    own = masked_models.tokenizer(kind, folder)
    network(kind, own, **more).save_pretrained(folder)
    own.save_pretrained(folder)
    return folder


def logits(folder: Path, texts: list[tuple[str, ...]]) -> list[list[float]]:
    """What transformers gives for texts and pairs, one by one."""
    own = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    found = []
    for some in texts:
        inputs = own(*some, return_tensors="pt", truncation=True, max_length=MAX_LENGTH)
        with torch.no_grad():
            found.append(model(**inputs).logits[0].tolist())
    return found
