"""A language model, trained to say what comes next: ``models.language.networks``.

A recurrent network begins each batch with the state in which it ended the one before (``streams``); gradients do not flow back
beyond a batch. A twentieth of the streams, drawn for each batch, forget what was before and begin as a text does: without that a
network that learns from a few long documents would hardly ever see the state from which it is to write one. The carried state is
part of the checkpoint, so that an interrupted training goes on byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from nlptool.models.language import folder as language_folder
from nlptool.models.language import networks
from nlptool.models.language.config import TRANSFORMER, LanguageConfig
from nlptool.models.language.measures import scores
from nlptool.models.language.networks import LanguageNetwork, State
from nlptool.models.seq2seq.vocabulary import Vocabulary
from nlptool.training.best import BestKeeper
from nlptool.training.cross_entropy import token_losses
from nlptool.training.language import gpt
from nlptool.training.language.samples import sample
from nlptool.training.language.streams import Batch, Streams
from nlptool.training.loop_types import RunOptions
from nlptool.training.precision import autocast, choose_attention
from nlptool.training.settings import EvaluatedSettings

_SAMPLE_TOKENS = 100  # of a text that is written after an evaluation
_FORGETS = 0.05  # of the streams begin a batch as a text begins, so that the network knows that state, too


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageSettings(EvaluatedSettings):
    """The options of a network and its training."""

    architecture: str = "lstm"
    layers: int = 1
    hidden_size: int = 256
    embedding_size: int = 256
    heads: int = 4
    context: int = 64  # see ``LanguageConfig``
    dropout: float = 0.0
    tied: bool = True
    direct: bool = False
    batch_size: int = 32  # streams
    learning_rate: float = 2e-3
    evaluations: int = 10

    def config(self, vocab_size: int) -> LanguageConfig:
        """Return the configuration of the network."""
        return LanguageConfig(
            self.architecture, vocab_size, self.layers, self.hidden_size, self.embedding_size, self.heads, self.context,
            self.dropout, self.tied, self.direct,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class DevText:
    """The held-out documents, with what their losses are divided by.

    Attributes:
        n_characters, n_words: of the texts, each document's end counted as one.
    """

    streams: Streams
    n_characters: int
    n_words: int


class _Carrying(nn.Module):
    """A network with the state that is carried from batch to batch."""

    def __init__(self, network: LanguageNetwork, n_streams: int) -> None:
        super().__init__()
        self.network = network
        for number, part in enumerate(network.begin(n_streams)):
            self.register_buffer(f"state_{number}", part)

    @property
    def state(self) -> State:
        return tuple(self.buffers(recurse=False))

    @state.setter
    def state(self, state: State) -> None:
        for part, value in zip(self.buffers(recurse=False), state, strict=True):
            part.copy_(value.detach())


class LanguageTraining(BestKeeper[LanguageSettings, Batch]):
    """One training, with its files in a checkpoint folder.

    Args:
        data: identifies the documents.
        dev: None: nothing is held out.
        sampled: is given the tokens of a text that the network writes after each evaluation; None: it writes none.
    """

    network: _Carrying

    def __init__(
        self, streams: Streams, dev: DevText | None, vocab_size: int, settings: LanguageSettings, folder: Path, *, data: str,
        sampled: Callable[[list[int]], None] | None = None,
        **run: Unpack[RunOptions],
    ) -> None:  # fmt: skip
        super().__init__(settings, folder, "language", data, run)
        self._streams, self._dev, self._sampled = streams, dev, sampled
        torch.manual_seed(settings.seed)
        config = settings.config(vocab_size)
        network = gpt.new(config) if config.architecture == TRANSFORMER else networks.new(config)
        if isinstance(network, gpt.Gpt):
            choose_attention(network.network, self._device, settings.precision)
        self.network = _Carrying(network, streams.batch_size).to(self._device)
        self.keep_best(is_evaluated=dev is not None)

    def judged_by(self) -> tuple[str, int] | None:
        return ("loss", -1) if self.settings.keep == "best" else None

    def n_batches(self) -> int:
        return self._streams.n_batches

    def batches(self, first: int) -> Iterator[Batch]:
        return self._streams.batches(first)

    def matrices(self) -> list[nn.Parameter]:
        return self.network.network.matrices()

    def describe_step(self) -> str:
        n_streams = self._streams.batch_size * self.settings.gradient_accumulation
        return f"of {n_streams:,} runs of up to {self._streams.length:,} tokens each"

    def losses(self, batch: Batch, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        carrying = self.network
        state = begun = carrying.network.begin(len(batch.inputs))
        if not batch.begins:
            forgets = torch.rand(len(batch.inputs), device=self._device) < (_FORGETS if carrying.training else 0.0)
            state = tuple(
                torch.where(forgets[:, None], fresh, part) for fresh, part in zip(begun, carrying.state, strict=True)
            )
        found, after = self._losses(batch, state)
        carrying.state = after
        loss = found.mean()
        return loss, {"train_loss": loss}

    def _losses(self, batch: Batch, state: State) -> tuple[Tensor, State]:
        with autocast(self._device, self.settings.precision):
            return losses(self.network.network, self._tensor(batch.inputs), state, self._tensor(batch.targets))

    def evaluate(self) -> dict[str, float]:
        """Return the scores on the held-out documents: the loss in nats per token, the perplexity per token and per word, and
        the bits per character."""
        if self._dev is None:
            return {}
        total, n_tokens = 0.0, 0
        streams = self._dev.streams
        state = self.network.network.begin(streams.batch_size)
        for number in range(streams.n_batches):
            batch = streams.batch(0, number)
            found, state = self._losses(batch, state)
            counts = self._tensor(batch.counts)
            total += float(found[counts].double().sum())
            n_tokens += int(counts.sum())
        return scores(total, n_tokens, self._dev.n_words, self._dev.n_characters)

    def save(self, folder: Path, vocabulary: Vocabulary, precision: str) -> None:
        """Write the network into a folder: a Transformer as transformers does, another one as ``models.language.folder`` says.

        Raises:
            OSError: a file cannot be written.
        """
        network = self.network.network
        if isinstance(network, gpt.Gpt):
            gpt.save(network, vocabulary, folder, precision)
            return
        weights = {name: tensor.detach().cpu().float().numpy() for name, tensor in network.state_dict().items()}
        language_folder.write(folder, weights, network.config, vocabulary, precision=precision)

    def log(self, line: dict[str, Any], *, evaluate: bool) -> None:
        super().log(line, evaluate=evaluate)
        if evaluate and self._sampled is not None:
            self.network.eval()
            self._sampled(sample(self.network.network, _SAMPLE_TOKENS, self.settings.seed))
            self.network.train()

    def tell(self, line: Mapping[str, Any]) -> None:
        self._note(
            f"epoch {line['epoch']:g}: dev loss {line['dev_loss']:.3f}, perplexity per word {line['dev_word_perplexity']:.1f}, "
            f"bits per character {line['dev_bits_per_character']:.3f}"
        )


def losses(network: LanguageNetwork, ids: Tensor, state: State, targets: Tensor) -> tuple[Tensor, State]:
    """Return the cross-entropy of each target, (B, T) in nats, and the state behind ``ids``.

    Args:
        ids, targets: (B, T); ``targets`` are the tokens that follow.
    """
    logits, state = network(ids, state)
    return token_losses(logits.flatten(0, 1), targets.flatten()).view_as(targets), state
