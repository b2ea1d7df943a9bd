"""An encoder–decoder trained on pairs of texts: ``models.seq2seq_network``.

In training the decoder is given the target up to each token and learns to say the next one (teacher forcing): its inputs are the
targets, one token later. The share of tokens that it says rightly then is a teacher-forced score and says little of what it
writes by itself; that is judged by free-running generation, in which it is given its own tokens alone.

The loss is the cross-entropy with label smoothing (C. Szegedy et al.: Rethinking the Inception Architecture for Computer Vision,
CVPR 2016, section 7; A. Vaswani et al. 2017, section 5.4); losses and perplexities that are reported are without it.
Probabilities are computed where there are tokens and not at the padding, which on a processor is much of the time saved.
"""

from __future__ import annotations

import copy
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
from nlptool.models.generation.torch_backend import Seq2SeqDecoder
from nlptool.models.seq2seq import network as seq2seq_network
from nlptool.models.seq2seq.config import BOS, EOS, PAD, Seq2SeqConfig
from nlptool.models.seq2seq.network import Seq2Seq
from nlptool.models.seq2seq.vocabulary import Vocabulary
from nlptool.training import loop
from nlptool.training.seq2seq.examples import Batch, Examples, Ids

GENERATED = 500  # pairs of dev at most, whose sources are generated from
WORK_FILES = ("seq2seq-*", "pairs-*")
"""What a work folder holds."""

KEEP = {"loss": -1, "exact_match": 1, "bleu": 1, "chrf": 1}
"""The scores by which weights are chosen, and whether more of them is better."""

_TOGETHER = 100  # sources that are generated from together
_LEAST_BATCHES = 10  # of an epoch: of few pairs a batch is smaller than ``batch_tokens``


@dataclass(frozen=True, slots=True)
class Seq2SeqSettings:
    """What can be chosen of a network and its training."""

    architecture: str = "transformer"  # lstm, lstm-attention
    layers: int = 2
    width: int = 256
    heads: int = 4
    intermediate: int = 1024
    max_length: int = 128  # tokens of a side, the end included
    dropout: float = 0.1
    label_smoothing: float = 0.1
    batch_tokens: int = 4096  # sources and targets
    accumulate: int = 1  # batches of a step
    rate: float = 1e-3  # the highest
    weight_decay: float = 0.01
    warm_up: float = 0.05  # share of the steps in which the learning rate rises
    clip: float = 1.0  # largest norm of the gradient; 0: any
    steps: int | None = None
    epochs: int | None = None
    minutes: float | None = None
    evaluations: int = 20  # at most
    patience: int | None = None  # evaluations without a better score, after which it ends
    keep: str = "loss"  # the score of dev whose best weights are kept; or last
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of token ids without special tokens."""

    ids: Sequence[tuple[Ids, Ids]]
    references: Sequence[str]  # the texts of the targets


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is learned from and, if it is not empty, judged by, with the vocabularies of both sides."""

    learned: Pairs
    dev: Pairs
    source: Vocabulary
    target: Vocabulary

    @property
    def name(self) -> str:
        """The same only for the same pairs."""
        digest = hashlib.sha256(repr([self.source.pieces, self.target.pieces]).encode("utf-8", "surrogatepass"))
        for pairs in (self.learned, self.dev):
            for source, target in pairs.ids:
                digest.update(np.array([*source, EOS, *target, EOS], np.int32).tobytes())
            digest.update(b"end")
        return digest.hexdigest()


def smoothed(logits: Tensor, targets: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """The loss with label smoothing, and the plain cross-entropy, both means over N tokens in nats.

    A target stands for the distribution of which it has 1 - smoothing, and all V pieces together, it among them, the rest.

    Args:
        logits: (N, V), float.
        targets: (N,), of int64.
        smoothing: 0 to below 1.
    """
    log_probabilities = logits.log_softmax(-1)
    plain = -log_probabilities.gather(1, targets[:, None]).mean()
    return (1 - smoothing) * plain - smoothing * log_probabilities.mean() if smoothing else plain, plain


class Seq2SeqTraining(loop.Trainer[Seq2SeqSettings, Batch]):
    """One training, in a work folder. ``shape`` and ``network`` are what comes of it."""

    network: Seq2Seq
    epsilon = 1e-9

    def __init__(self, corpus: Corpus, settings: Seq2SeqSettings, work: Path, **run: Unpack[loop.RunOptions]) -> None:
        super().__init__(settings, work, "seq2seq", corpus.name, run)
        self.clip = settings.clip
        self.signatures: Mapping[str, str] = {}  # of sacrebleu
        self.shape = Seq2SeqConfig(
            settings.architecture, len(corpus.source), len(corpus.target), settings.layers, settings.width, settings.heads,
            settings.intermediate, settings.max_length, settings.dropout,
        )  # fmt: skip
        n_tokens = sum(len(first) + len(second) + 2 for first, second in corpus.learned.ids)
        self.batch_tokens = min(settings.batch_tokens, max(1, n_tokens // _LEAST_BATCHES))
        self._examples = Examples(corpus.learned.ids, batch_tokens=self.batch_tokens, seed=settings.seed)
        self._dev = corpus.dev
        self._target = corpus.target
        torch.manual_seed(settings.seed)
        self.network = seq2seq_network.new(self.shape).to(self._device)
        self._best = copy.deepcopy(self.network)

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The line of the curves whose weights are kept; None without scores."""
        judged = self._judged_lines()
        if not judged or self.settings.keep == "last":
            return judged[-1] if judged else None
        sign = KEEP[self.settings.keep]
        return max(judged, key=lambda line: sign * float(line[f"dev_{self.settings.keep}"]))  # of equals the first

    def n_batches(self) -> int:
        return self._examples.n_batches

    def batches(self, first: int) -> Iterator[Batch]:
        return self._examples.batches(first)

    def about_a_step(self) -> str:
        return f"of up to {self.batch_tokens * self.settings.accumulate:,} tokens each"

    def judged(self, total: int) -> set[int]:
        """At the ends of epochs, if epochs end it."""
        epoch_steps = -(-self.n_batches() // self.settings.accumulate)
        if self.settings.epochs is None or total != self.settings.epochs * epoch_steps:
            return loop.shares(total, min(total, self.settings.evaluations))
        n_epochs = self.settings.epochs
        return {epoch * epoch_steps for epoch in loop.shares(n_epochs, min(n_epochs, self.settings.evaluations))}

    def losses(self, batch: Batch, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        loss, plain = smoothed(self._logits(batch), self._tensor(batch.targets), self.settings.label_smoothing)
        return loss, {"train_loss": plain}

    def judge(self) -> dict[str, float]:
        """Of dev: the loss in nats per token, its exponential, and the share of tokens that come first where the decoder is given
        the right ones before; and of free-running greedy generation exact match (0 to 1), BLEU and chrF (0 to 100)."""
        return self._judged_until(self.settings.max_length)

    def time_to_judge(self) -> float:
        """Of a network that has learned to end its texts."""
        longest = max((len(target) for _, target in self._dev.ids), default=0) + 1
        return self.settings.evaluations * loop.seconds(lambda: self._judged_until(longest))

    def kept(self) -> nn.Module:
        return nn.ModuleDict({"network": self.network, "best": self._best}) if self._dev.ids else self.network

    def is_over(self) -> bool:
        if self.settings.patience is None or (best := self.best) is None:
            return False
        later = [line for line in self._judged_lines() if line["step"] > best["step"]]
        return len(later) >= self.settings.patience

    def log(self, about: dict[str, Any], *, judge: bool) -> None:
        epoch_steps = -(-self.n_batches() // self.settings.accumulate)
        super().log({**about, "epoch": round(about["step"] / epoch_steps, 3)}, judge=judge)
        line = self.curves[-1]
        if "dev_loss" not in line:
            return
        if line is self.best:
            self._best.load_state_dict(self.network.state_dict())
        self._note(
            f"epoch {line['epoch']:g}: dev loss {line['dev_loss']:.3f}, perplexity {line['dev_perplexity']:.2f}, tokens right if "
            f"teacher-forced {line['dev_teacher_forced_token_accuracy']:.1%}; free-running: exact match "
            f"{line['dev_exact_match']:.1%}, BLEU {line['dev_bleu']:.1f}, chrF {line['dev_chrf']:.1f}"
        )

    def finish(self) -> None:
        best = self.best
        if best is not None:
            self.network.load_state_dict(self._best.state_dict())
            self.scores = loop.dev_scores(best)
            references = self._dev.references[:GENERATED]
            self.signatures = metrics.scores(references, references).signatures

    def generate(self, sources: Sequence[Ids], most: int) -> list[list[int]]:
        """What the network, evaluating, says by itself, greedily: without special tokens, ``most`` tokens at most."""
        rules = DecoderConstraints(ENCODER_DECODER, len(self._target), start_ids=(BOS,), end_ids=(EOS,), pad_id=PAD)
        decoder = Seq2SeqDecoder(self.network, rules.start_ids)
        said: list[list[int]] = [[] for _ in sources]
        order = sorted(range(len(sources)), key=lambda number: len(sources[number]))
        for start in range(0, len(order), _TOGETHER):
            some = order[start : start + _TOGETHER]
            texts = [[*sources[number], EOS] for number in some]
            found = decoding_search.search(decoder, texts, Decoding(max_new_tokens=most), rules)
            for number, (text,) in zip(some, found, strict=True):
                said[number] = text.ids
        return said

    def _judged_lines(self) -> list[dict[str, Any]]:
        return [line for line in self.curves if "dev_loss" in line]

    def _logits(self, batch: Batch) -> Tensor:
        """(N, V) of the tokens after those of ``inputs``, in float32."""
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            memory = self.network.encode(self._tensor(batch.source))
            states = self.network.decode(memory, self._tensor(batch.inputs))  # (B, T, D)
            return self.network.project(states.flatten(0, 1)[self._tensor(batch.places)]).float()

    def _judged_until(self, most: int) -> dict[str, float]:
        return {**self._teacher_forced(), **self._free_running(most)} if self._dev.ids else {}

    def _teacher_forced(self) -> dict[str, float]:
        loss, right, n_tokens = 0.0, 0, 0
        for _, batch in Examples(self._dev.ids, batch_tokens=self.settings.batch_tokens).in_order():
            logits, targets = self._logits(batch), self._tensor(batch.targets)
            loss += float(smoothed(logits, targets, 0.0)[1]) * len(targets)
            right += int((logits.argmax(-1) == targets).sum())
            n_tokens += len(targets)
        return {
            "loss": round(loss / n_tokens, 5),
            "perplexity": round(math.exp(min(loss / n_tokens, 700.0)), 4),
            "teacher_forced_token_accuracy": round(right / n_tokens, 5),
        }

    def _free_running(self, most: int) -> dict[str, float]:
        said = self.generate([source for source, _ in self._dev.ids[:GENERATED]], most)
        found = metrics.scores(list(map(self._target.decode, said)), self._dev.references[:GENERATED])
        return {"exact_match": round(found.exact_match, 5), "bleu": round(found.bleu, 3), "chrf": round(found.chrf, 3)}


def weights(network: nn.Module) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """Name -> values, as ``seq2seq_folder.write`` takes them."""
    return {name: each.detach().cpu().float().numpy() for name, each in network.state_dict().items()}
