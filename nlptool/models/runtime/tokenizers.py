"""Tokenizers of the tokenizers library, read from a folder and checked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.japanese import bert_words

_THREADS = "RAYON_NUM_THREADS"


def backend(tokenizer: Any, folder: Path, *, threads: int | None = None) -> Any:
    """Return the ``tokenizers.Tokenizer`` of a tokenizer of transformers; None if it has none, or if a text would be truncated
    at its beginning.

    Args:
        threads: as of ``read_tokenizer``.
    """
    if getattr(tokenizer, "truncation_side", "right") != "right":
        return None
    if bert_words.settings(folder) is not None:
        return bert_words.tokenizer(folder, tokenizer)
    found = getattr(tokenizer, "backend_tokenizer", None)
    return found if found is None else _with_threads(found, threads)


def read_tokenizer(path: Path, *, threads: int | None = None) -> Any:
    """Return the ``tokenizers.Tokenizer`` of a file.

    Args:
        threads: that it uses for many texts, as far as the library allows: all its tokenizers in a process share one pool of
            threads, which is made by the first that is used. None: all processors.

    Raises:
        ModelError: it cannot be read.
    """
    import tokenizers

    try:
        found = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception
        raise ModelError(f"{path} cannot be read: {error}") from error
    return _with_threads(found, threads)


def _with_threads(tokenizer: Any, threads: int | None) -> Any:
    """Make the library's pool of threads now, since it reads their number from the environment, which stays as it is."""
    if threads is None:
        return tokenizer
    usual = os.environ.get(_THREADS)
    os.environ[_THREADS] = str(threads)
    try:
        tokenizer.encode_batch_fast(["", ""], add_special_tokens=False)
    finally:
        if usual is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = usual
    return tokenizer
