"""The models of nlptool's own that write texts: how their folders are known, and which files they need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nlptool.errors import ModelError
from nlptool.storage import json_files


@dataclass(frozen=True, slots=True)
class OwnWriter:
    """A kind of model, as its config.json calls it.

    Attributes:
        what: it is, and what it does, in words.
        files: that a folder needs, beside config.json; of several in one string, separated by blanks, one is enough.
    """

    model_type: str
    what: str
    files: tuple[str, ...]


SEQ2SEQ = OwnWriter(
    "nlptool-seq2seq",
    "an encoder–decoder of `nlptool train seq2seq`, which writes a text from a text",
    ("model.safetensors", "source.json", "target.json"),
)
LANGUAGE_MODEL = OwnWriter(
    "nlptool-language",
    "a language model of `nlptool train lm`, which continues texts",
    ("model.safetensors ngrams.safetensors", "vocabulary.json"),
)
_KINDS = {kind.model_type: kind for kind in (SEQ2SEQ, LANGUAGE_MODEL)}


def of_folder(folder: Path) -> OwnWriter | None:
    """Return the kind of model in a folder, complete or damaged; None for any other."""
    try:
        return _KINDS.get(str(json_files.read_object(folder / "config.json").get("model_type")))
    except (OSError, ValueError):
        return None


def refuse(folder: Path) -> None:
    """Check that a folder holds no such model, for a command that has no use for one.

    Raises:
        ModelError: it holds one.
    """
    kind = of_folder(folder)
    if kind is not None:
        shown = folder if folder.is_absolute() or folder.parts[:1] == ("..",) else f"./{folder}"
        raise ModelError(f"{folder} is {kind.what}: no model for this", hint=f"nlptool generate -m {shown} runs it")


def missing(folder: Path, kind: OwnWriter) -> list[str]:
    """Return the files that a folder lacks; of several that would do the first."""
    return [names.split()[0] for names in kind.files if not any((folder / name).is_file() for name in names.split())]
