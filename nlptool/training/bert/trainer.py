"""BERT, pre-trained from scratch: masked words and next sentences, on documents of one's own.

Source: J. Devlin et al.: BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding (NAACL 2019). The
network is that of transformers. The words' probabilities are computed at the masked places alone, which on a processor is most
of the time saved. Everything is kept in a work folder, so that an interrupted training goes on where it was.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import torch
from torch import Tensor
from torch.nn import functional

from nlptool.errors import ModelError
from nlptool.training.bert import initialization
from nlptool.training.bert import network as bert_network
from nlptool.training.bert.corpus import Documents
from nlptool.training.bert.examples import Batch, Examples
from nlptool.training.bert.tokenizer import BertTokenizer
from nlptool.training.checkpoint import steps_done
from nlptool.training.loop import RunOptions, Trainer
from nlptool.training.wordpiece import PAD

_DEV_EXAMPLES = 512  # of them
WORK_FILES = ("bert-*", "corpus-*")
"""What a work folder holds."""


@dataclass(frozen=True, slots=True)
class BertSettings:
    """What can be chosen of a network and its training."""

    layers: int = 4
    width: int = 256
    heads: int = 4
    intermediate: int = 1024
    max_length: int = 128  # tokens
    dropout: float = 0.0
    nsp: bool = True
    mask: str = "words"  # pieces
    share: float = 0.15  # of the tokens, which are to be guessed
    nsp_from: float = 0.25  # share of the steps before which next sentences do not count
    vectors: bool = True  # begin with word2vec's vectors of the pieces
    short: float = 0.1  # share of sequences that are shorter
    batch: int = 32  # sequences
    accumulate: int = 1  # batches of a step
    rate: float = 1e-3  # the highest
    weight_decay: float = 0.01
    warm_up: float = 0.05  # share of the steps in which the learning rate rises
    steps: int | None = None
    epochs: int | None = None
    minutes: float | None = None
    init: str | None = None  # the folder of a BERT
    seed: int = 1


class BertTraining(Trainer[BertSettings, Batch]):
    """One training, in a work folder.

    Args:
        data: a name for the documents: the same only for the same ones.
        dev: the documents that are held out.

    Raises:
        RunError: there is too little text, or a checkpoint of other settings.
        ModelError: it cannot begin as ``settings.init``.
    """

    stage = "pre-training"

    def __init__(
        self,
        documents: Documents,
        dev: Documents,
        tokenizer: BertTokenizer,
        settings: BertSettings,
        work: Path,
        *,
        data: str,
        **run: Unpack[RunOptions],
    ) -> None:
        super().__init__(settings, work, "bert", data, run)
        self._tokenizer = tokenizer
        self._examples = self._made(documents, nsp=settings.nsp, short=settings.short)
        if settings.nsp and documents.n_documents == 1:
            self._note("the corpus is one document: sentences that do not follow come from elsewhere in it")
        self._dev = self._held_out(dev)
        torch.manual_seed(settings.seed)
        self.network = self._begun(documents).to(self._device)

    def n_batches(self) -> int:
        return self._examples.n_batches(0)

    def batches(self, first: int) -> Iterator[Batch]:
        return self._examples.batches(first)

    def about_a_step(self) -> str:
        return f"of {self.settings.batch * self.settings.accumulate:,} sequences each"

    def losses(self, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        losses = self._losses(batch)
        # So early that they cannot be told apart yet, next sentences would only add noise, in which the words are lost.
        begun = self.settings.init is not None or step >= self.settings.nsp_from * self.n_steps
        loss = torch.stack([value * (begun or name != "nsp_loss") for name, value in losses.items()]).sum()
        return loss, {"loss": loss, **losses}

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        words, next_sentence = self._logits(batch)
        targets = self._tensor(batch.targets)
        mlm = functional.cross_entropy(words, targets) if len(targets) else words.sum()
        if next_sentence is None:
            return {"mlm_loss": mlm}
        return {"mlm_loss": mlm, "nsp_loss": functional.cross_entropy(next_sentence, self._tensor(batch.follows))}

    def _logits(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """(M, V) at the masked places, and (B, 2) of the next sentences; in float32."""
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            return bert_network.logits(
                self.network,
                self._tensor(batch.ids),
                self._tensor(batch.types),
                None if batch.there is None else self._tensor(batch.there),
                self._tensor(batch.places),
            )

    def _made(self, documents: Documents, *, nsp: bool, short: float, evaluating: bool = False) -> Examples:
        settings = self.settings
        return Examples(
            documents, self._tokenizer, batch=settings.batch, max_length=settings.max_length, seed=settings.seed,
            short=short, nsp=nsp, mask=settings.mask, share=settings.share, evaluating=evaluating,
        )  # fmt: skip

    def _held_out(self, dev: Documents) -> list[Batch]:
        """Always the same examples of the documents that are held out, with the same masks."""
        if not dev.n_tokens:
            return []
        nsp = self.settings.nsp and dev.n_documents > 1
        if self.settings.nsp and not nsp:
            self._note("one document is held out: whether sentences follow is not judged")
        examples = self._made(dev, nsp=nsp, short=0.0, evaluating=True)
        n_batches = min(examples.n_batches(0), -(-_DEV_EXAMPLES // self.settings.batch))
        return list(itertools.islice(examples.batches(), n_batches))

    def _begun(self, documents: Documents) -> Any:
        settings, pieces = self.settings, self._tokenizer.pieces
        shared: Any = {"max_length": settings.max_length, "dropout": settings.dropout, "nsp": settings.nsp}
        if settings.init is not None:
            network = bert_network.begun(settings.init, note=self._note, **shared)
            if len(pieces) > network.config.vocab_size:
                raise ModelError(f"{settings.init}: its tokenizer has more pieces than its network")
            return network
        network = bert_network.new(
            vocabulary=len(pieces), layers=settings.layers, width=settings.width, heads=settings.heads,
            intermediate=settings.intermediate, padding=pieces.index(PAD), **shared,
        )  # fmt: skip
        if not (self._resume and steps_done(self._path)):  # else all of it is in the checkpoint
            counts = initialization.frequencies(documents.tokens, len(pieces))
            dim = settings.width - initialization.n_positions(settings.width, settings.heads)
            rows = initialization.vectors(
                documents, pieces, dim, seed=settings.seed, stop=self._stop,
                report=lambda done, total: self._report("vectors of pieces", done, total, "tokens"),
            ) if settings.vectors else None  # fmt: skip
            initialization.initialize(network, counts, rows, seed=settings.seed)
        return network

    def judge(self) -> dict[str, float]:
        """On the held-out documents: the loss at the masks in nats, how often the right piece is the first or among the
        first five, and how often it is right whether a sentence follows."""
        loss, first, fifth, right, n_masks, n_pairs = 0.0, 0, 0, 0, 0, 0
        for batch in self._dev:
            words, next_sentence = self._logits(batch)
            targets = self._tensor(batch.targets)
            loss += float(functional.cross_entropy(words, targets, reduction="sum"))
            best = words.topk(5).indices == targets[:, None]
            first, fifth = first + int(best[:, 0].sum()), fifth + int(best.sum())
            n_masks += len(targets)
            if next_sentence is not None and batch.types.any():
                right += int((next_sentence.argmax(1) == self._tensor(batch.follows)).sum())
                n_pairs += len(next_sentence)
        said = {"mlm_loss": loss / n_masks, "top1": first / n_masks, "top5": fifth / n_masks} if n_masks else {}
        said |= {"nsp_accuracy": right / n_pairs} if n_pairs else {}
        return {name: round(value, 4) for name, value in said.items()}
