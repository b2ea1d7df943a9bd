"""A language model of nlptool's own as a decoder, token by token: ``models.generation.decoder.Decoder``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.models.generation import forced
from nlptool.models.language import networks
from nlptool.models.language.config import NGRAM
from nlptool.models.language.folder import TIED, LanguageFolder
from nlptool.models.language.networks import EmbeddingNetwork
from nlptool.models.language.ngram_decoder import NgramDecoder
from nlptool.models.runtime import own_network
from nlptool.models.runtime.batching import pad
from nlptool.models.seq2seq.config import PAD

_STEPS = 256  # tokens of each text whose logits are in memory at once


@dataclass(frozen=True, slots=True)
class DecoderState:
    """What the network knows of each sequence of a batch."""

    parts: networks.State

    def reorder(self, rows: Tensor) -> DecoderState:
        """Return the state of the sequences ``rows`` (N,), in this order."""
        return DecoderState(networks.reordered(self.parts, rows))


class LanguageDecoder:
    """A network that continues texts.

    Args:
        network: in evaluation mode, on its device.
    """

    def __init__(self, network: EmbeddingNetwork) -> None:
        self.network = network
        self.vocab_size = network.config.vocab_size
        self._device = network.embedding.weight.device

    @torch.inference_mode()
    def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Tensor, DecoderState]:
        """Return the logits (B, V) of the token after each text, and the state. Texts of equal length are read together: with
        padding a recurrent network would read it, too."""
        places: dict[int, list[int]] = {}
        for place, source in enumerate(sources):
            places.setdefault(len(source), []).append(place)
        logits, states = [], []
        for group in places.values():
            ids = torch.tensor([list(sources[place]) for place in group], device=self._device)
            found, state = self.network.states(ids, self.network.begin(len(group)))
            logits.append(self.network.project(found[:, -1]))
            states.append(state)
        order = torch.tensor([place for group in places.values() for place in group], device=self._device).argsort()
        parts = tuple(torch.cat(part, dim=1) for part in zip(*states, strict=True))
        return torch.cat(logits)[order].float(), DecoderState(networks.reordered(parts, order))

    @torch.inference_mode()
    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Return the logits (R, V) of what follows ``tokens`` (R,), and the state after them."""
        logits, after = self.network(tokens[:, None], state.parts)
        return logits[:, 0].float(), DecoderState(after)

    @torch.inference_mode()
    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
        """Return the log-probability of each token of each target, (n,) each, after its source. The texts are read side by side,
        some tokens at a time: of what is behind a short one nothing is used."""
        read = [[*source, *target[:-1]] for source, target in zip(sources, targets, strict=True)]
        ids = torch.from_numpy(pad(read, PAD)[0]).to(self._device)
        following = torch.nn.functional.pad(ids[:, 1:], (0, 1), value=PAD)
        for row, (tokens, target) in enumerate(zip(read, targets, strict=True)):
            following[row, len(tokens) - 1] = target[-1]
        state = self.network.begin(len(read))
        parts = []
        for first in range(0, ids.shape[1], _STEPS):
            part = slice(first, first + _STEPS)
            logits, state = self.network(ids[:, part], state)
            parts.append(forced.log_probabilities(logits, following[:, part]))
        found = torch.cat(parts, dim=1).cpu().numpy()
        return [
            row[len(source) - 1 : len(source) - 1 + len(target)]
            for row, source, target in zip(found, sources, targets, strict=True)
        ]

    def attention(self, source: Sequence[int], ids: Sequence[int]) -> Tensor | None:
        """Return None: these networks have no attention."""
        return None


class TorchNgramDecoder(NgramDecoder):
    """An n-gram model whose log-probabilities are tensors, for a beam search."""

    def logits(self, contexts: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(super().logits(contexts))

    def attention(self, source: Sequence[int], ids: Sequence[int]) -> Tensor | None:
        """Return None: there is no attention."""
        return None


def open_network(model: LanguageFolder, device: torch.device) -> LanguageDecoder | TorchNgramDecoder:
    """Load the model of a folder, to continue texts with it. N-grams are counted on the processor.

    Raises:
        ModelError: its weights are damaged, or belong to another configuration.
    """
    if model.config.architecture == NGRAM:
        return TorchNgramDecoder(model.ngrams())
    return LanguageDecoder(load(model, device))


def load(model: LanguageFolder, device: torch.device | None = None) -> EmbeddingNetwork:
    """Load the network of a folder in float32, in evaluation mode.

    Raises:
        ModelError: its weights are damaged, or belong to another configuration.
    """
    weights = model.weights()
    if model.config.tied and "embedding.weight" in weights:
        weights[TIED] = weights["embedding.weight"]
    return own_network.with_weights(lambda: networks.new(model.config), weights, model.path, device)
