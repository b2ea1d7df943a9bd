"""Train an encoder–decoder."""

from __future__ import annotations

import dataclasses
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nlptool.training.seq2seq.trainer import Seq2SeqTraining

MANIFEST = "seq2seq.json"
CURVES = "curves.jsonl"


def manifest(training: Seq2SeqTraining) -> dict[str, Any]:
    """What the manifest says of a training."""
    best = training.best
    return {
        "n_parameters": training.n_parameters,
        "n_steps": training.n_steps,
        "n_tokens": training.n_tokens,
        "seconds": training.seconds,
        "best_epoch": best and best["epoch"],
        "scores": training.scores,
        "signatures": dict(training.signatures),
        "shape": training.shape.as_dict(),
        "options": dataclasses.asdict(training.settings),
        "versions": {name: version(name) for name in ("nlptool", "torch", "tokenizers", "sacrebleu")},
    }


def card(name: str, about: dict[str, Any]) -> str:
    """The model's card."""
    told = "".join(f"| {score.replace('_', ' ')} | {value} |\n" for score, value in about["scores"].items())
    said = "".join(f"- {signature}\n" for signature in about["signatures"].values())
    scores = (
        f"## Scores on dev\n\nExact match (0 to 1), BLEU and chrF (0 to 100) are of free-running greedy generation.\n\n"
        f"| score | |\n|---|---|\n{told}\n{said}\n" if told else ""
    )  # fmt: skip
    settings = "".join(f"| {option.replace('_', '-')} | {value} |\n" for option, value in about["options"].items())
    return (
        f"# {name}\n\nAn encoder–decoder of {about['n_parameters']:,} parameters, trained by `nlptool train seq2seq`; "
        f"`nlptool generate` runs it.\n\n"
        f"- Pairs: {about['n_pairs']:,}; dev: {about['n_dev_pairs']:,}\n"
        f"- Tokens: {about['source_unit']} to {about['target_unit']}\n"
        f"- Training: {about['n_steps']:,} steps, {about['n_tokens']:,} tokens, {about['seconds']:,.0f} seconds\n\n"
        f"{scores}## Settings\n\n| option | |\n|---|---|\n{settings}"
    )
