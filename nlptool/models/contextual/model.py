"""Vectors of tokens in their context: the hidden states of a Transformer that reads, such as BERT.

J. Devlin et al.: BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding (NAACL 2019), section 5.3: the
hidden states as features. Layer 0 is the output of the embeddings, layer N that of the N-th block, as in ``hidden_states`` of
transformers. Sequences are sorted by their length and packed by a budget of tokens. A text longer than the network takes is read
in windows that overlap; each piece has the vector of the window in which it stands farthest from a border.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nlptool.models.contextual.texts import PlacedText, PlacingTokenizer
from nlptool.models.masked.tokenizer import ModelInput
from nlptool.models.runtime import inputs, windows
from nlptool.models.runtime.batching import pack, pad
from nlptool.models.runtime.packed_session import PackedSession
from nlptool.specs import ContextualSpec

if TYPE_CHECKING:
    from nlptool.models.runtime.torch_network import TorchNetwork

_OVERLAP = 0.25  # of two windows


class Network(Protocol):
    """Token ids to hidden states."""

    engine: str
    batch_tokens: int

    def __call__(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64], layers: Sequence[int]
    ) -> Sequence[NDArray[np.float32]]:
        """Return the hidden states (B, T, D) of each of some layers.

        Args:
            ids: (B, T).
            mask: (B, T), 0 for padding.
            types: (B, T).
            layers: their numbers, from 0, the embeddings.
        """


class OnnxStates:
    """A graph whose outputs are the hidden states of all layers; those alone are computed that are asked for."""

    engine = "onnx"
    batch_tokens = 128  # larger batches were slower: states of all tokens fall out of the processor's cache

    def __init__(
        self, about: Mapping[str, Any], graph: Path, weights: Path, *, threads: int = 0, deterministic: bool = False
    ) -> None:
        self._about = about
        self._session = PackedSession(about, graph, weights, threads=threads, deterministic=deterministic)

    def __call__(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64], layers: Sequence[int]
    ) -> Sequence[NDArray[np.float32]]:
        """Run the graph, as ``Network`` describes it."""
        return self._session.run(inputs.named(self._about, ids, mask, types), list(map(output_name, layers)))


class TorchStates:
    """A network in torch.

    Args:
        network: gives the hidden states of all layers: ``torch_backend.HiddenStates``.
    """

    engine = "torch"

    def __init__(self, network: TorchNetwork) -> None:
        self.batch_tokens = network.batch_tokens
        self._network = network

    def __call__(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64], layers: Sequence[int]
    ) -> Sequence[NDArray[np.float32]]:
        """Run the network, as ``Network`` describes it."""
        states = self._network(ids, mask, types)
        return [states[layer] for layer in layers]


def output_name(layer: int) -> str:
    """Return what a graph calls the hidden states of a layer."""
    return f"layer_{layer}"


class ContextualModel:
    """Texts to the vectors of their pieces.

    Attributes:
        n_layers: L, without the embeddings: layers are numbered from 0 to L.
        dimension: D, components of a vector.
        texts: its tokenizer.
    """

    def __init__(
        self,
        texts: PlacingTokenizer,
        network: Network,
        about: Mapping[str, Any],
        spec: ContextualSpec = ContextualSpec(),
        *,
        name: str = "",
        device: str = "cpu",
    ) -> None:
        self.name, self.device, self.engine = name, device, network.engine
        self.texts = texts
        self.n_layers, self.dimension = int(about["n_layers"]), int(about["dimension"])
        self._network = network
        self._pad_id = int(about["pad_id"])
        alone = spec.deterministic or not about["masks"]
        self._budget = 1 if alone else spec.batch_tokens or network.batch_tokens

    def read(self, texts: Sequence[str]) -> list[PlacedText]:
        """Tokenize texts; see ``PlacingTokenizer.read``."""
        return self.texts.read(texts)

    def windows(self, text: PlacedText) -> list[tuple[int, int]]:
        """Return the windows (first piece, end) in which a text is read."""
        return self.texts.windows(text, overlap=_OVERLAP)

    def vectors(self, texts: Sequence[PlacedText], layers: Sequence[int]) -> list[NDArray[np.float32]]:
        """Return the vectors (T, len(layers), D) of the T pieces of each text.

        Args:
            layers: their numbers, from 0 to ``n_layers``.
        """
        found = [np.empty((len(text.ids), len(layers), self.dimension), np.float32) for text in texts]
        rows: list[ModelInput] = []
        kept: list[tuple[int, int, list[int], list[int]]] = []  # text, first piece, pieces, their places in the row
        for number, text in enumerate(texts):
            in_windows = self.windows(text) if text.ids else []
            best = windows.most_context(in_windows)
            for of_window, (first, end) in enumerate(in_windows):
                row = self.texts.model_input(text.ids[first:end], positions=range(end - first))
                pieces = [piece for piece in range(first, end) if best[piece] == of_window]
                rows.append(row)
                kept.append((number, first, pieces, row.positions))
        for batch in pack([len(row.ids) for row in rows], self._budget):
            states = self._run([rows[index] for index in batch], layers)
            for place, index in enumerate(batch):
                number, first, pieces, positions = kept[index]
                at = [positions[piece - first] for piece in pieces]
                for column, state in enumerate(states):
                    found[number][pieces, column] = state[place, at]
        return found

    def _run(self, rows: Sequence[ModelInput], layers: Sequence[int]) -> Sequence[NDArray[np.float32]]:
        ids, mask = pad([row.ids for row in rows], self._pad_id)  # (B, T)
        types, _ = pad([row.types for row in rows], 0)
        return self._network(ids, mask, types, layers)
