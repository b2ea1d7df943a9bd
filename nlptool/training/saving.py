"""Save the weights of a trained model: their data types, and the permissions of their files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

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
