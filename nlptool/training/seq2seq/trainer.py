"""An encoder–decoder trained on pairs of texts: ``models.seq2seq.network``.

In training the decoder is given the target up to each token and learns to predict the next one (teacher forcing): its inputs are
the targets, shifted by one token. The accuracy of these predictions says little about generation; that is evaluated by
free-running generation, in which the decoder is given its own tokens alone.

The loss is the cross-entropy with label smoothing (C. Szegedy et al.: Rethinking the Inception Architecture for Computer Vision,
CVPR 2016, section 7; A. Vaswani et al. 2017, section 5.4); losses and perplexities are reported without it. Logits are computed
at tokens and not at padding, which on a processor saves much of the time.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from nlptool.models.generation import metrics
from nlptool.models.generation import search as decoding_search
from nlptool.models.generation.constraints import ENCODER_DECODER, DecoderConstraints
from nlptool.models.generation.decoding import Decoding
from nlptool.models.seq2seq import network as seq2seq_network
from nlptool.models.seq2seq.config import BOS, EOS, PAD, Seq2SeqConfig
from nlptool.models.seq2seq.decoder import Seq2SeqDecoder
from nlptool.models.seq2seq.network import Seq2Seq
from nlptool.models.seq2seq.vocabulary import Vocabulary
from nlptool.training import loop
from nlptool.training.best import BestKeeper
from nlptool.training.loop_types import RunOptions
from nlptool.training.precision import autocast
from nlptool.training.seq2seq.examples import Batch, Examples, Ids
from nlptool.training.settings import EvaluatedSettings

GENERATED = 500  # dev pairs at most that are evaluated by generation
KEEP = {"loss": -1, "exact_match": 1, "bleu": 1, "chrf": 1}
"""The scores by which the best weights are chosen: 1 where higher is better, -1 where lower is."""

_GENERATION_BATCH = 100  # sources
_MIN_BATCHES = 10  # of an epoch: with few pairs a batch is smaller than ``batch_tokens``


@dataclass(frozen=True, slots=True, kw_only=True)
class Seq2SeqSettings(EvaluatedSettings):
    """The options of a network and its training."""

    architecture: str = "transformer"  # lstm, lstm-attention
    layers: int = 2
    hidden_size: int = 256
    heads: int = 4
    intermediate_size: int = 1024
    max_length: int = 128  # tokens of a side, end included
    dropout: float = 0.1
    label_smoothing: float = 0.1
    batch_tokens: int = 4096  # sources and targets
    keep: str = "loss"  # the dev score by which the best weights are chosen; or last


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of token ids without special tokens."""

    ids: Sequence[tuple[Ids, Ids]]
    references: Sequence[str]  # the texts of the targets


@dataclass(frozen=True, slots=True)
class Corpus:
    """The training pairs, the dev pairs, which may be empty, and the vocabularies of both sides."""

    train: Pairs
    dev: Pairs
    source: Vocabulary
    target: Vocabulary

    @property
    def name(self) -> str:
        """A digest of the pairs and the vocabularies."""
        digest = hashlib.sha256(repr([self.source.pieces, self.target.pieces]).encode("utf-8", "surrogatepass"))
        for pairs in (self.train, self.dev):
            for source, target in pairs.ids:
                digest.update(np.array([*source, EOS, *target, EOS], np.int32).tobytes())
            digest.update(b"end")
        return digest.hexdigest()


def smoothed(logits: Tensor, targets: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """Return the loss with label smoothing and the plain cross-entropy, both means over N tokens in nats.

    The smoothed distribution gives 1 - smoothing to the target, and the rest to all V pieces alike.

    Args:
        logits: (N, V), float.
        targets: (N,), of int64.
        smoothing: 0 to below 1.
    """
    log_probabilities = logits.log_softmax(-1)
    plain = -log_probabilities.gather(1, targets[:, None]).mean()
    return (1 - smoothing) * plain - smoothing * log_probabilities.mean() if smoothing else plain, plain


class Seq2SeqTraining(BestKeeper[Seq2SeqSettings, Batch]):
    """One training, with its files in a checkpoint folder. Its results are ``config`` and ``network``."""

    network: Seq2Seq
    epsilon = 1e-9

    def __init__(self, corpus: Corpus, settings: Seq2SeqSettings, folder: Path, **run: Unpack[RunOptions]) -> None:
        super().__init__(settings, folder, "seq2seq", corpus.name, run)
        self.signatures: Mapping[str, str] = {}  # of sacrebleu
        self.config = Seq2SeqConfig(
            settings.architecture, len(corpus.source), len(corpus.target), settings.layers, settings.hidden_size,
            settings.heads, settings.intermediate_size, settings.max_length, settings.dropout,
        )  # fmt: skip
        n_tokens = sum(len(first) + len(second) + 2 for first, second in corpus.train.ids)
        self.batch_tokens = min(settings.batch_tokens, max(1, n_tokens // _MIN_BATCHES))
        self._examples = Examples(corpus.train.ids, batch_tokens=self.batch_tokens, seed=settings.seed)
        self._dev = corpus.dev
        self._target = corpus.target
        torch.manual_seed(settings.seed)
        self.network = seq2seq_network.new(self.config).to(self._device)
        self.keep_best(is_evaluated=bool(corpus.dev.ids))

    def judged_by(self) -> tuple[str, int] | None:
        keep = self.settings.keep
        return None if keep == "last" else (keep, KEEP[keep])

    def n_batches(self) -> int:
        return self._examples.n_batches

    def batches(self, first: int) -> Iterator[Batch]:
        return self._examples.batches(first)

    def describe_step(self) -> str:
        return f"of up to {self.batch_tokens * self.settings.gradient_accumulation:,} tokens each"

    def losses(self, batch: Batch, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        loss, plain = smoothed(self._logits(batch), self._tensor(batch.targets), self.settings.label_smoothing)
        return loss, {"train_loss": plain}

    def evaluate(self) -> dict[str, float]:
        """Return the dev scores: the loss in nats per token, the perplexity and the accuracy with teacher forcing; and exact
        match (0 to 1), BLEU and chrF (0 to 100) of free-running greedy generation."""
        return self._evaluate(self.settings.max_length)

    def evaluation_seconds(self) -> float:
        """Estimate the time for a network that has learned to end its texts."""
        longest = max((len(target) for _, target in self._dev.ids), default=0) + 1
        return self.settings.evaluations * loop.seconds(lambda: self._evaluate(longest))

    def tell(self, line: Mapping[str, Any]) -> None:
        self._note(
            f"epoch {line['epoch']:g}: dev loss {line['dev_loss']:.3f}, perplexity {line['dev_perplexity']:.2f}, tokens right if "
            f"teacher-forced {line['dev_teacher_forced_token_accuracy']:.1%}; free-running: exact match "
            f"{line['dev_exact_match']:.1%}, BLEU {line['dev_bleu']:.1f}, chrF {line['dev_chrf']:.1f}"
        )

    def finish(self) -> None:
        super().finish()
        if self.best is not None:
            references = self._dev.references[:GENERATED]
            self.signatures = metrics.scores(references, references).signatures

    def generate(self, sources: Sequence[Ids], max_new_tokens: int) -> list[list[int]]:
        """Generate greedily from each source; return token ids without special tokens. The network is in evaluation mode."""
        constraints = DecoderConstraints(
            ENCODER_DECODER, len(self._target), start_ids=(BOS,), end_ids=(EOS,), pad_id=PAD
        )
        decoder = Seq2SeqDecoder(self.network, constraints.start_ids)
        outputs: list[list[int]] = [[] for _ in sources]
        order = sorted(range(len(sources)), key=lambda index: len(sources[index]))
        for start in range(0, len(order), _GENERATION_BATCH):
            batch = order[start : start + _GENERATION_BATCH]
            inputs = [[*sources[index], EOS] for index in batch]
            decoding = Decoding(max_new_tokens=max_new_tokens)
            results = decoding_search.search(decoder, inputs, decoding, constraints)
            for index, (best,) in zip(batch, results, strict=True):
                outputs[index] = best.ids
        return outputs

    def _logits(self, batch: Batch) -> Tensor:
        """Return the logits of the tokens after those of ``inputs``, (N, V) float32."""
        with autocast(self._device, self.settings.precision):
            memory = self.network.encode(self._tensor(batch.source))
            states = self.network.decode(memory, self._tensor(batch.inputs))  # (B, T, D)
            return self.network.project(states.flatten(0, 1)[self._tensor(batch.positions)]).float()

    def _evaluate(self, max_new_tokens: int) -> dict[str, float]:
        return {**self._teacher_forced(), **self._free_running(max_new_tokens)} if self._dev.ids else {}

    def _teacher_forced(self) -> dict[str, float]:
        loss, n_right, n_tokens = 0.0, 0, 0
        for _, batch in Examples(self._dev.ids, batch_tokens=self.settings.batch_tokens).in_order():
            logits, targets = self._logits(batch), self._tensor(batch.targets)
            loss += float(smoothed(logits, targets, 0.0)[1]) * len(targets)
            n_right += int((logits.argmax(-1) == targets).sum())
            n_tokens += len(targets)
        return {
            "loss": round(loss / n_tokens, 5),
            "perplexity": round(math.exp(min(loss / n_tokens, 700.0)), 4),
            "teacher_forced_token_accuracy": round(n_right / n_tokens, 5),
        }

    def _free_running(self, max_new_tokens: int) -> dict[str, float]:
        outputs = self.generate([source for source, _ in self._dev.ids[:GENERATED]], max_new_tokens)
        scores = metrics.scores(list(map(self._target.decode, outputs)), self._dev.references[:GENERATED])
        return {
            "exact_match": round(scores.exact_match, 5),
            "bleu": round(scores.bleu, 3),
            "chrf": round(scores.chrf, 3),
        }


def weights(network: nn.Module) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """Return the weights by name, float32, as ``models.seq2seq.folder.write`` takes them."""
    return {name: tensor.detach().cpu().float().numpy() for name, tensor in network.state_dict().items()}
