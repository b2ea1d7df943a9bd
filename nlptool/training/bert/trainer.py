"""BERT, pre-trained from scratch: masked words and next sentences, on documents of one's own.

Source: J. Devlin et al.: BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding (NAACL 2019). The
network is that of transformers. The logits of tokens are computed at the masked positions alone, which on a processor saves
most of the time. All files are kept in a checkpoint folder, so that an interrupted training can be resumed.
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
from nlptool.models.masked.masking import Replacement
from nlptool.training.bert import initialization
from nlptool.training.bert import network as bert_network
from nlptool.training.bert.corpus import Documents
from nlptool.training.bert.examples import Batch, Examples
from nlptool.training.bert.tokenizer import BertTokenizer
from nlptool.training.checkpoint import steps_done
from nlptool.training.loop import Trainer
from nlptool.training.loop_types import RunOptions
from nlptool.training.precision import autocast, choose_attention
from nlptool.training.settings import TrainingSettings
from nlptool.training.wordpiece import PAD

_DEV_EXAMPLES = 512  # examples of the dev set that are evaluated


@dataclass(frozen=True, slots=True, kw_only=True)
class BertSettings(TrainingSettings):
    """The options of a network and its training."""

    layers: int = 4
    hidden_size: int = 256
    heads: int = 4
    intermediate_size: int = 1024
    max_length: int = 128  # tokens
    dropout: float = 0.0
    nsp: bool = True
    whole_word_mask: bool = True
    mlm_probability: float = 0.15  # share of the tokens that are to be predicted
    mask_replacement: str = "80/10/10"  # of these tokens, in %: [MASK], another piece, unchanged
    nsp_warmup_ratio: float = 0.25  # share of the steps before next-sentence prediction counts
    init_embeddings: str = "word2vec"  # or random
    short_sequence_probability: float = 0.1
    batch_size: int = 32  # sequences
    init: str | None = None  # the folder of a BERT


class BertTraining(Trainer[BertSettings, Batch]):
    """One training, with its files in a checkpoint folder.

    Args:
        data: identifies the documents.
        dev: the held-out documents.

    Raises:
        RunError: there is too little text.
        ModelError: the network cannot be initialized from ``settings.init``.
    """

    stage = "pre-training"

    def __init__(
        self,
        documents: Documents,
        dev: Documents,
        tokenizer: BertTokenizer,
        settings: BertSettings,
        folder: Path,
        *,
        data: str,
        **run: Unpack[RunOptions],
    ) -> None:
        super().__init__(settings, folder, "bert", data, run)
        self._tokenizer = tokenizer
        self._examples = self._examples_of(
            documents, nsp=settings.nsp, short_sequence_probability=settings.short_sequence_probability
        )
        if settings.nsp and documents.n_documents == 1:
            self._note("the corpus is one document: sentences that do not follow come from elsewhere in it")
        self._dev = self._dev_batches(dev)
        torch.manual_seed(settings.seed)
        self.network = self._initial_network(documents).to(self._device)
        choose_attention(self.network, self._device, settings.precision)

    def n_batches(self) -> int:
        return self._examples.n_batches(0)

    def batches(self, first: int) -> Iterator[Batch]:
        return self._examples.batches(first)

    def describe_step(self) -> str:
        return f"of {self.settings.batch_size * self.settings.gradient_accumulation:,} sequences each"

    def losses(self, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        losses = self._losses(batch)
        # In the first steps next-sentence prediction is at chance, and its noise would drown the gradient of the words.
        nsp_counts = self.settings.init is not None or step >= self.settings.nsp_warmup_ratio * self.n_steps
        loss = torch.stack([value * (nsp_counts or name != "nsp_loss") for name, value in losses.items()]).sum()
        return loss, {"loss": loss, **losses}

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        mlm_logits, nsp_logits = self._logits(batch)
        targets = self._tensor(batch.targets)
        mlm = functional.cross_entropy(mlm_logits, targets) if len(targets) else mlm_logits.sum()
        if nsp_logits is None:
            return {"mlm_loss": mlm}
        return {"mlm_loss": mlm, "nsp_loss": functional.cross_entropy(nsp_logits, self._tensor(batch.nsp_labels))}

    def _logits(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Return the logits of the tokens at the masked positions (M, V), and of the next sentences (B, 2), float32."""
        with autocast(self._device, self.settings.precision):
            return bert_network.logits(
                self.network,
                self._tensor(batch.ids),
                self._tensor(batch.token_types),
                None if batch.mask is None else self._tensor(batch.mask),
                self._tensor(batch.positions),
            )

    def _examples_of(
        self, documents: Documents, *, nsp: bool, short_sequence_probability: float, evaluating: bool = False
    ) -> Examples:
        settings = self.settings
        return Examples(
            documents, self._tokenizer, batch_size=settings.batch_size, max_length=settings.max_length, seed=settings.seed,
            short_sequence_probability=short_sequence_probability, nsp=nsp, whole_word_mask=settings.whole_word_mask,
            mlm_probability=settings.mlm_probability, replacement=Replacement.parse(settings.mask_replacement),
            evaluating=evaluating,
        )  # fmt: skip

    def _dev_batches(self, dev: Documents) -> list[Batch]:
        """Return the examples of the held-out documents, always the same ones with the same masks."""
        if not dev.n_tokens:
            return []
        nsp = self.settings.nsp and dev.n_documents > 1
        if self.settings.nsp and not nsp:
            self._note("one document is held out: whether sentences follow is not judged")
        examples = self._examples_of(dev, nsp=nsp, short_sequence_probability=0.0, evaluating=True)
        n_batches = min(examples.n_batches(0), -(-_DEV_EXAMPLES // self.settings.batch_size))
        return list(itertools.islice(examples.batches(), n_batches))

    def _initial_network(self, documents: Documents) -> Any:
        settings, pieces = self.settings, self._tokenizer.pieces
        shared: Any = {"max_length": settings.max_length, "dropout": settings.dropout, "nsp": settings.nsp}
        if settings.init is not None:
            network = bert_network.pretrained(settings.init, note=self._note, **shared)
            if len(pieces) > network.config.vocab_size:
                raise ModelError(f"{settings.init}: its tokenizer has more pieces than its network")
            return network
        network = bert_network.new(
            vocab_size=len(pieces), layers=settings.layers, hidden_size=settings.hidden_size, heads=settings.heads,
            intermediate_size=settings.intermediate_size, pad_id=pieces.index(PAD), **shared,
        )  # fmt: skip
        if not (self._resume and steps_done(self._path)):  # else all weights are in the checkpoint
            counts = initialization.frequencies(documents.tokens, len(pieces))
            dim = settings.hidden_size - initialization.n_positional(settings.hidden_size, settings.heads)
            rows = initialization.word2vec_embeddings(
                documents, pieces, dim, seed=settings.seed, stop=self._stop,
                report=lambda done, total: self._report("vectors of pieces", done, total, "tokens"),
            ) if settings.init_embeddings == "word2vec" else None  # fmt: skip
            initialization.initialize(network, counts, rows, seed=settings.seed)
        return network

    def evaluate(self) -> dict[str, float]:
        """Return the scores on the held-out documents: the masked-LM loss in nats, the accuracy at the masks of the first
        piece (top1) and of the first five (top5), and the accuracy of next-sentence prediction."""
        loss, n_top1, n_top5, n_nsp_right, n_masks, n_pairs = 0.0, 0, 0, 0, 0, 0
        for batch in self._dev:
            mlm_logits, nsp_logits = self._logits(batch)
            targets = self._tensor(batch.targets)
            loss += float(functional.cross_entropy(mlm_logits, targets, reduction="sum"))
            hits = mlm_logits.topk(5).indices == targets[:, None]
            n_top1, n_top5 = n_top1 + int(hits[:, 0].sum()), n_top5 + int(hits.sum())
            n_masks += len(targets)
            if nsp_logits is not None and batch.token_types.any():
                n_nsp_right += int((nsp_logits.argmax(1) == self._tensor(batch.nsp_labels)).sum())
                n_pairs += len(nsp_logits)
        scores = {"mlm_loss": loss / n_masks, "top1": n_top1 / n_masks, "top5": n_top5 / n_masks} if n_masks else {}
        scores |= {"nsp_accuracy": n_nsp_right / n_pairs} if n_pairs else {}
        return {name: round(value, 4) for name, value in scores.items()}
