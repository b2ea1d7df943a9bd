"""Tokenizers of the tokenizers library, read from a folder and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.japanese import bert_words


def tokenizer(own: Any, folder: Path) -> Any:
    """The ``tokenizers.Tokenizer`` of a tokenizer of transformers; None if it has none, or if a text would be cut at its
    beginning."""
    if getattr(own, "truncation_side", "right") != "right":
        return None
    if bert_words.settings(folder) is not None:
        return bert_words.tokenizer(folder, own)
    return getattr(own, "backend_tokenizer", None)


def read_tokenizer(path: Path) -> Any:
    """The ``tokenizers.Tokenizer`` of a file.

    Raises:
        ModelError: it cannot be read.
    """
    import tokenizers

    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception
        raise ModelError(f"{path} cannot be read: {error}") from error
