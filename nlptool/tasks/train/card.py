"""The card of a trained model: a description, facts about the training, scores and settings, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Card:
    """What a card says beside the manifest."""

    text: str  # the description after the name
    facts: Sequence[str]  # the corpus and the tokenizer
    scores: str  # heading and remarks above the scores
    header: str = ""  # YAML for the hub


def write_card(path: Path, name: str, manifest: Mapping[str, Any], card: Card) -> None:
    """Write the card of the model ``name``. The manifest's `scores` and `options` become tables, its `signatures` a list."""
    length = f"{manifest['n_steps']:,} steps, {manifest['n_tokens']:,} tokens, " if "n_steps" in manifest else ""
    facts = [*card.facts, f"Training: {length}{manifest['seconds']:,.0f} seconds"]
    text = f"{card.header}# {name}\n\n{card.text}\n\n{_list(facts)}\n"
    if manifest["scores"]:
        text += f"## {card.scores}\n\n{_table('score', manifest['scores'], ' ')}\n"
        text += f"{_list(manifest['signatures'].values())}\n" if "signatures" in manifest else ""
    text += f"## Settings\n\n{_table('option', manifest['options'], '-')}"
    path.write_text(text, encoding="utf-8")


def _list(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


def _table(heading: str, values: Mapping[str, Any], between_words: str) -> str:
    rows = "".join(f"| {name.replace('_', between_words)} | {value} |\n" for name, value in values.items())
    return f"| {heading} | |\n|---|---|\n{rows}"
