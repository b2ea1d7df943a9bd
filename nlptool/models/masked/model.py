"""Masked language models (BERT and its kin): the logits of tokens at positions, and of the next sentence.

Method of the models: J. Devlin et al.: BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding (NAACL
2019). They run in onnxruntime, or in torch where a model or a GPU needs it. Sequences are sorted by their length and packed by
a budget of tokens, and the logits, V numbers for each token, are computed where they are asked for and nowhere else.

A model is located once (found, checked, converted) and then opened, in this process or in several.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.masked.tokenizer import MaskedLmTokenizer, ModelInput
from nlptool.models.runtime.batching import pack, pad
from nlptool.models.runtime.onnx_network import OnnxNetwork
from nlptool.specs import MaskedModelSpec

if TYPE_CHECKING:
    from nlptool.models.runtime.torch_network import TorchNetwork

_LARGEST_LOGITS = 1 << 24  # numbers in a batch, 64 MiB
_TOGETHER = 2**19  # tokens in the rows that are taken at once: 8 MB, and enough to sort rows of like length together
_Tag = TypeVar("_Tag")
HINT = "nlptool models list --task fill-mask shows the masked language models"


class Network(Protocol):
    """Token ids to the outputs of the heads that the model has."""

    engine: str
    batch_tokens: int

    def __call__(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64], positions: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float32]]:
        """Run the network.

        Args:
            ids: (B, T).
            mask: (B, T), 0 for padding.
            types: (B, T), 0: the first text, 1: the second.
            positions: (M,), counted through all rows of ``ids``.

        Returns:
            mlm: (M, V) logits of the tokens; nsp: (B, 2) of the next sentence.
        """


class MaskedNetwork:
    """A network in onnxruntime or torch, whose outputs have the names of the heads.

    Args:
        network: ``OnnxNetwork`` or ``TorchNetwork``.
        about: the manifest.
    """

    def __init__(self, network: OnnxNetwork | TorchNetwork, about: Mapping[str, Any]) -> None:
        self.engine, self.batch_tokens = network.engine, network.batch_tokens
        self._network, self._heads = network, about["heads"]

    def __call__(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64], positions: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float32]]:
        """Run the network, as ``Network`` describes it."""
        more = {"places": positions} if "mlm" in self._heads else {}  # as the graphs call them
        return dict(zip(self._heads, self._network(ids, mask, types, **more), strict=True))


class MaskedModel:
    """Sequences to logits, by a network and a tokenizer.

    Attributes:
        heads: what the model can do: mlm, nsp.
    """

    def __init__(
        self,
        texts: MaskedLmTokenizer,
        network: Network,
        about: Mapping[str, Any],
        spec: MaskedModelSpec = MaskedModelSpec(),
        *,
        name: str = "",
        device: str = "cpu",
    ) -> None:
        self.name, self.device = name, device
        self.engine = network.engine
        self.heads = frozenset(about["heads"])
        self.texts = texts
        self._network = network
        self._pad_id = int(about["pad_id"])
        alone = spec.deterministic or not about["masks"]
        self._budget = 1 if alone else spec.batch_tokens or network.batch_tokens

    def logits(self, rows: Sequence[ModelInput]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield (i, logits) for each row, logits (len(rows[i].positions), V); in the order of computation, not of ``rows``.

        The logits of a batch alone are in memory at a time: what is to be kept of them should be copied.
        """
        for batch in self._batches(rows):
            found = self._run([rows[index] for index in batch])["mlm"]
            ends = np.cumsum([len(rows[index].positions) for index in batch])
            yield from zip(batch, np.split(found, ends[:-1]), strict=True)

    def next_sentence(self, rows: Sequence[ModelInput]) -> NDArray[np.float32]:
        """Return (N, 2) logits in the order of ``rows``; index 0: the second text follows the first."""
        logits = np.empty((len(rows), 2), np.float32)
        bare = [ModelInput(row.ids, row.types, []) for row in rows]
        for batch in self._batches(bare):
            logits[batch] = self._run([bare[index] for index in batch])["nsp"]
        return logits

    def _batches(self, rows: Sequence[ModelInput]) -> Iterator[list[int]]:
        """Yield indices into ``rows``, in batches that are bounded in their tokens and in their logits."""
        most = max(1, _LARGEST_LOGITS // self.texts.size)  # positions
        for packed in pack([len(row.ids) for row in rows], self._budget):
            batch: list[int] = []
            n_positions = 0
            for index in packed:
                n_more = len(rows[index].positions)
                if batch and n_positions + n_more > most:
                    yield batch
                    batch, n_positions = [], 0
                batch.append(index)
                n_positions += n_more
            yield batch

    def _run(self, rows: Sequence[ModelInput]) -> dict[str, NDArray[np.float32]]:
        ids, mask = pad([row.ids for row in rows], self._pad_id)  # (B, T)
        types, _ = pad([row.types for row in rows], 0)
        length = ids.shape[1]
        positions = np.array(
            [length * index + place for index, row in enumerate(rows) for place in row.positions], np.int64
        )
        return self._network(ids, mask, types, positions)


def scored(model: MaskedModel, rows: Iterable[tuple[ModelInput, _Tag]]) -> Iterator[tuple[_Tag, NDArray[np.float32]]]:
    """Yield (tag, log-probabilities (M, V)) of each row, not in order. Rows are taken as they are needed, so that there may be
    any number of them."""
    rows = iter(rows)
    for first in rows:
        some, n_tokens = [first], len(first[0].ids)
        while n_tokens < _TOGETHER and (more := next(rows, None)) is not None:
            some.append(more)
            n_tokens += len(more[0].ids)
        for index, logits in model.logits([row for row, _ in some]):
            yield some[index][1], log_softmax(logits)


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the natural logarithms of the probabilities that belong to logits (..., V)."""
    shifted: NDArray[np.float32] = logits - logits.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted


def decoder(name: object, kind: str) -> ModelError:
    """Return the error for a model that attends to one side of a position alone."""
    return ModelError(
        f"{name} is a decoder ({kind}): it sees only what stands before a word, and was not trained to fill masks",
        hint=f"nlptool generate -m {name} continues texts with it; {HINT}",
    )
