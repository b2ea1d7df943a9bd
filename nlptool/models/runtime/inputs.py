"""What a network takes beside token ids, under the names that transformers gives its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray


def named(
    about: Mapping[str, Any], ids: NDArray[Any], mask: NDArray[Any], types: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    """Return those inputs that a network takes.

    Args:
        about: the manifest of a model: ``masks`` and ``types`` say whether it takes these.
        ids: (B, T) int64.
        mask: (B, T) int64, 0 for padding.
        types: (B, T) int64, 0 for the first text of a sequence, 1 for the second.
    """
    found = {"input_ids": ids}
    if about["masks"]:
        found["attention_mask"] = mask
    if about["types"]:
        found["token_type_ids"] = types
    return found
