"""Readers and choosers of the real architectures with random weights, as transformers writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import masked_models
import torch
import transformers

NAMES = {
    "albert": "Albert",
    "bert": "Bert",
    "bert-japanese": "Bert",
    "deberta": "DebertaV2",
    "distilbert": "DistilBert",
    "electra": "Electra",
    "modernbert": "ModernBert",
    "roberta": "Roberta",
    "xlm-roberta": "XLMRoberta",
}


def save(kind: str, folder: Path, ending: str) -> Path:
    """A network with a random head, the same every time, and its tokenizer.

    Args:
        ending: of the class of transformers: ForQuestionAnswering | ForMultipleChoice.
    """
    own = masked_models.tokenizer(kind, folder)
    config = masked_models.network(kind, len(own), own.pad_token_id, num_hidden_layers=1).config
    torch.manual_seed(1)
    made = getattr(transformers, f"{NAMES[kind]}{ending}")(config).eval()
    with torch.no_grad():
        for tensor in made.parameters():
            if tensor.dim() == 1:
                tensor.add_(0.2 * torch.randn_like(tensor))
    made.save_pretrained(folder)
    own.save_pretrained(folder)
    return folder


def loaded(folder: Path, auto: Any) -> Any:
    """The network as transformers loads it; no tensor of the folder is missing."""
    model, said = auto.from_pretrained(folder, output_loading_info=True)
    assert not said["missing_keys"]
    assert not said["unexpected_keys"]
    assert not said["mismatched_keys"]
    return model.eval()


def span_logits(folder: Path, rows: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[Any]:
    """The logits of start and end that transformers gives for each sequence by itself, (T, 2).

    Args:
        rows: ids and types of each.
    """
    model = loaded(folder, transformers.AutoModelForQuestionAnswering)
    takes_types = "token_type_ids" in transformers.AutoTokenizer.from_pretrained(folder)("a", "b")
    found = []
    for ids, types in rows:
        inputs = {"input_ids": torch.tensor([list(ids)])}
        if takes_types:
            inputs["token_type_ids"] = torch.tensor([list(types)])
        with torch.no_grad():
            outputs = model(**inputs)
        found.append(torch.stack([outputs.start_logits[0], outputs.end_logits[0]], dim=-1).numpy())
    return found


def choice_logits(folder: Path, pairs: Sequence[tuple[str, str]], *, max_length: int = 60) -> Any:
    """The logit that transformers gives for each choice, all of them in one padded batch, (C,)."""
    model = loaded(folder, transformers.AutoModelForMultipleChoice)
    own = transformers.AutoTokenizer.from_pretrained(folder)
    inputs = own(
        [first for first, _ in pairs], [second for _, second in pairs], return_tensors="pt", padding=True, truncation=True,
        max_length=max_length,
    )  # fmt: skip
    with torch.no_grad():
        return model(**{name: values[None] for name, values in inputs.items()}).logits[0].numpy()
