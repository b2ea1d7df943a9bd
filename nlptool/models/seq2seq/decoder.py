"""A network of ``nlptool train seq2seq`` as a decoder, token by token: ``models.generation.decoder.Decoder``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.models.generation import forced
from nlptool.models.generation.torch_arrays import padded
from nlptool.models.seq2seq import network as seq2seq_network
from nlptool.models.seq2seq.config import PAD


class Seq2SeqDecoder:
    """A network of ``nlptool train seq2seq``.

    Args:
        network: in evaluation mode, on its device.
        start_ids: the first tokens of the decoder.
    """

    def __init__(self, network: seq2seq_network.Seq2Seq, start_ids: Sequence[int]) -> None:
        self.network = network
        self.vocab_size = network.config.target_vocab_size
        self._start_ids = list(start_ids)
        self._device = network.output_bias.device

    @torch.inference_mode()
    def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Tensor, seq2seq_network.State]:
        ids, _ = padded(sources, PAD, self._device)
        state = self.network.begin(self.network.encode(ids))
        for token in self._start_ids:
            logits, state = self.step(torch.full((len(ids),), token, device=self._device), state)
        return logits, state

    @torch.inference_mode()
    def step(self, tokens: Tensor, state: seq2seq_network.State) -> tuple[Tensor, seq2seq_network.State]:
        logits, state = self.network.step(tokens, state)
        return logits.float(), state

    @torch.inference_mode()
    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
        ids, _ = padded(sources, PAD, self._device)
        inputs, _ = padded([[*self._start_ids, *target[:-1]] for target in targets], PAD, self._device)
        logits = self.network.lm_logits(self.network.decode(self.network.encode(ids), inputs))
        return forced.of_rows(logits, targets, [len(self._start_ids) - 1] * len(targets))

    @torch.inference_mode()
    def attention(self, source: Sequence[int], ids: Sequence[int]) -> Tensor | None:
        inputs = torch.tensor([[*self._start_ids, *ids[:-1]]], device=self._device)
        weights = self.network.attention(torch.tensor([list(source)], device=self._device), inputs)
        return None if weights is None else weights[0, :, :, len(self._start_ids) - 1 :]
