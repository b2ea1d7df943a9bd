"""What a search asks of torch (see ``arrays.Arrays``), and batches of sequences as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.models.generation.arrays import no_numbers
from nlptool.models.generation.decoding import Decoding
from nlptool.models.generation.sampling import filter_logits, sample, split_rows
from nlptool.models.runtime.batching import pad


class TorchArrays:
    """``arrays.Arrays`` of tensors on any device."""

    def computing(self) -> AbstractContextManager[object]:
        return torch.inference_mode()

    def copy(self, logits: Tensor) -> Tensor:
        return logits.clone()

    def normalizers(self, logits: Tensor) -> NDArray[np.float32]:
        found: NDArray[np.float32] = log_normalizers(logits).cpu().numpy()
        return found

    def most_probable(self, logits: Tensor) -> Tensor:
        return logits.argmax(-1)

    def sample(self, logits: Tensor, decoding: Decoding, uniform: NDArray[np.float64]) -> Tensor:
        numbers = split_rows(torch.from_numpy(uniform), logits.shape[1])
        parts = zip(split_rows(logits), numbers, strict=True)
        return torch.cat([sample(filter_logits(part, decoding), of_part) for part, of_part in parts])

    def values(self, logits: Tensor, tokens: Tensor) -> NDArray[np.float32]:
        found: NDArray[np.float32] = logits.gather(1, tokens[:, None])[:, 0].cpu().numpy()
        return found

    def ids(self, tokens: Tensor) -> NDArray[np.int64]:
        found: NDArray[np.int64] = tokens.cpu().numpy()
        return found

    def rows(self, indices: NDArray[np.int64], like: Tensor) -> Tensor:
        return torch.from_numpy(indices).to(like.device)


def log_normalizers(logits: Tensor) -> Tensor:
    """Return what ``TorchArrays.normalizers`` does, on the device.

    Raises:
        ModelError: one is NaN or infinite.
    """
    sums = torch.cat([part.logsumexp(-1) for part in split_rows(logits)])
    if not bool(sums.isfinite().all()):
        raise no_numbers()
    return sums


def padded(sources: Sequence[Sequence[int]], pad_id: int, device: Any, *, left: bool = False) -> tuple[Tensor, Tensor]:
    """Return the ids of sequences and their mask, 0 for padding, both (B, S) int64, on the device: see ``batching.pad``."""
    ids, mask = pad(sources, pad_id, left=left)
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
