"""Pre-train a BERT."""

from __future__ import annotations

import dataclasses
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nlptool.training.bert.trainer import BertTraining

MANIFEST = "pretraining.json"
CURVES = "curves.jsonl"

OPTIONS_OF_NEW = (
    "vectors",
    "nsp_from",
    "layers",
    "width",
    "heads",
    "intermediate",
    "tokenizer",
    "lowercase",
    "vocabulary",
)


def manifest(training: BertTraining) -> dict[str, Any]:
    """What the manifest says of a training."""
    chosen = dataclasses.asdict(training.settings)
    if training.settings.init is not None:  # they are those of that BERT
        chosen = {name: value for name, value in chosen.items() if name not in OPTIONS_OF_NEW}
        chosen["init"] = Path(training.settings.init).name  # where it lay is nobody else's business
    return {
        "n_steps": training.n_steps,
        "n_tokens": training.n_tokens,
        "seconds": training.seconds,
        "scores": training.scores,
        "options": chosen,
        "versions": {name: version(name) for name in ("nlptool", "torch", "transformers", "tokenizers", "unidic-lite")},
    }


def card(name: str, about: dict[str, Any]) -> str:
    """The model's card."""
    chosen = about["options"]
    heads = "BertForPreTraining" if chosen["nsp"] else "BertForMaskedLM"
    words = "MeCab with unidic-lite, WordPiece" if about["tokenizer"] == "unidic" else "WordPiece"
    told = "".join(f"| {score.replace('_', ' ')} | {value} |\n" for score, value in about["scores"].items())
    scores = f"## Scores on documents that were held out\n\n| score | |\n|---|---|\n{told}\n" if told else ""
    settings = "".join(f"| {option.replace('_', '-')} | {value} |\n" for option, value in chosen.items())
    return (
        f"---\nlibrary_name: transformers\npipeline_tag: fill-mask\n---\n\n# {name}\n\n"
        f"A BERT of {about['n_parameters']:,} parameters ({heads}), pre-trained by `nlptool train bert`.\n\n"
        f"- Corpus: {about['n_documents']:,} documents, {about['n_corpus_tokens']:,} tokens; held out: "
        f"{about['n_dev_documents']:,} documents, {about['n_dev_tokens']:,} tokens\n"
        f"- Tokenizer: {words}, {about['n_pieces']:,} pieces\n"
        f"- Training: {about['n_steps']:,} steps, {about['n_tokens']:,} tokens, {about['seconds']:,.0f} seconds\n\n"
        f"{scores}## Settings\n\n| option | |\n|---|---|\n{settings}"
    )
