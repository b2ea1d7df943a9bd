"""Save a trained model: weights in the chosen dtype, the manifest, the curves and the card."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import torch
from safetensors import SafetensorError

SAVE_DTYPES = {"float32": torch.float32, "float16": torch.float16}


@contextlib.contextmanager
def folder_permissions(folder: Path) -> Iterator[None]:
    """Give the files written within the permissions of their folder: safetensors makes its own for the owner alone.

    Raises:
        OSError: they cannot be written.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, SafetensorError) or type(error) is Exception:  # how the libraries say that a disk is full
            raise OSError(None, str(error), str(folder)) from error
        raise
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(folder.stat().st_mode & 0o666)


def write_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    """Write a manifest as indented JSON."""
    path.write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))


def write_curves(path: Path, curves: Sequence[Mapping[str, Any]]) -> None:
    """Write the curves as JSONL."""
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in curves))


def write_card(
    path: Path, name: str, manifest: Mapping[str, Any], *, header: str, text: str, facts: Sequence[str], scores: str
) -> None:
    """Write the model card: a description, facts about the training, scores and settings, in Markdown.

    Args:
        name: of the model.
        manifest: its `scores` and `options` become tables, its `signatures` a list.
        header: YAML for the hub, or "".
        text: the description after the name.
        facts: the corpus and the tokenizer.
        scores: heading and remarks above the scores.
    """
    facts = [
        *facts,
        f"Training: {manifest['n_steps']:,} steps, {manifest['n_tokens']:,} tokens, {manifest['seconds']:,.0f} seconds",
    ]
    card = f"{header}# {name}\n\n{text}\n\n{_list(facts)}\n"
    if manifest["scores"]:
        card += f"## {scores}\n\n{_table('score', manifest['scores'], ' ')}\n"
        card += f"{_list(manifest['signatures'].values())}\n" if "signatures" in manifest else ""
    card += f"## Settings\n\n{_table('option', manifest['options'], '-')}"
    path.write_text(card, encoding="utf-8")


def _list(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


def _table(heading: str, values: Mapping[str, Any], between_words: str) -> str:
    rows = "".join(f"| {name.replace('_', between_words)} | {value} |\n" for name, value in values.items())
    return f"| {heading} | |\n|---|---|\n{rows}"
