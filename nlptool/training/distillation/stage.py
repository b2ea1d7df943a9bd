"""One stage of a distillation: a student is trained to reproduce targets, and scored pairs in the last stage."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.training.checkpoint import Checkpoint, TrainingState
from nlptool.training.distillation import losses, students
from nlptool.training.distillation.batches import batches
from nlptool.training.distillation.token_ids import TokenIds
from nlptool.training.loop import Trainer
from nlptool.training.loop_types import RunOptions
from nlptool.training.precision import autocast
from nlptool.training.settings import LoopSettings

STAGES = ("table", "student", "pairs")

Student = students.Table | students.Bert

_NEIGHBOURHOOD = 32  # texts of a batch that are near each other
_MAX_WARMUP = 100  # steps in which the learning rate rises; a tenth of all in a short training
_DEV_BATCH = 512  # texts that are embedded together for the dev score


@dataclass(frozen=True, slots=True)
class DistillationSettings:
    """The options of a student and its training."""

    student: str = "bert"  # or static
    dimension: int = 256  # of the vectors; for a BERT also its hidden size, unless it begins as a pre-trained one
    vocab_size: int = 14_336
    layers: int = 4
    heads: int = 4
    intermediate_size: int = 1024
    pooling: str = "mean"  # cls, max
    max_length: int = 256  # tokens that a BERT takes
    init: str = "static"  # random, or the folder of a BERT
    table_epochs: int = 4
    table_learning_rate: float = 2e-3
    epochs: int = 4
    learning_rate: float = 5e-4
    batch_size: int = 256  # texts
    longest: int = 64  # tokens of a text in training; longer ones are truncated
    similarity: float = 20.0  # weight of the batch's matrix of cosines beside the vectors themselves
    space_epochs: int = 25  # of the scored pairs, for the linear map out of the teacher's space
    scored_epochs: int = 3
    scored_learning_rate: float = 2e-4
    loss: str = "cosent"  # cosine
    scored_weight: float = 0.01  # weight of the loss of scored pairs beside the teacher's
    seed: int = 1

    @property
    def begins_as_table(self) -> bool:
        """Whether a table of token vectors is trained, as the student or as its initialization."""
        return self.student == "static" or self.init == "static"

    @property
    def begins_pretrained(self) -> bool:
        """Whether the student is initialized from a BERT that exists already."""
        return not self.begins_as_table and self.init != "random"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSettings(LoopSettings):
    """The settings of the training loop in one stage."""

    epochs: int
    warmup_ratio: float = 0.1


@dataclass(frozen=True, slots=True)
class Examples:
    """The texts as token ids with their targets, the scored pairs, and the dev pairs."""

    ids: TokenIds  # of N texts
    targets: NDArray[np.float32]  # (N, D), unit length
    pairs: NDArray[np.int64]  # (S, 2), indices of texts
    scores: NDArray[np.float32]  # (S,), from 0 to 1
    dev_ids: TokenIds  # the first texts of P dev pairs, then the second ones
    dev_scores: list[float]  # (P,)


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts, and scored pairs of the last stage."""

    texts: NDArray[np.int64]  # (B,), indices
    pairs: NDArray[np.int64] | None  # (b,), indices
    n_tokens: int


class Stage(Trainer[StageSettings, Batch]):
    """The training of a student in one stage, in place.

    Args:
        name: table, student or pairs.
        data: identifies the texts, the teacher and all settings of this stage and of those before it.
    """

    epsilon = 1e-8
    fused = False
    remedy = "a smaller learning rate: --table-learning-rate, --learning-rate or --scored-learning-rate"

    def __init__(
        self,
        name: str,
        student: Student,
        *,
        examples: Examples,
        options: DistillationSettings,
        settings: StageSettings,
        folder: Path,
        data: str,
        **run: Unpack[RunOptions],
    ) -> None:
        super().__init__(settings, folder, name, data, run)
        self.stage = name
        self.network = student.to(self._device)
        self._student = student
        self._examples = examples
        self._options = options
        self._n_batches = sum(1 for _ in self._epoch(0))  # of every epoch

    def n_batches(self) -> int:
        return self._n_batches

    def batches(self, first: int) -> Iterator[Batch]:
        epoch, within = divmod(first, self._n_batches)
        yield from itertools.islice(self._epoch(epoch), within, None)
        for later in itertools.count(epoch + 1):
            yield from self._epoch(later)

    def losses(self, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        examples, options = self._examples, self._options
        targets = self._tensor(examples.targets[batch.texts])
        vectors = embed(self._student, examples.ids, batch.texts, self._device)
        distance, difference = losses.distillation(vectors, targets)
        values = {"cosine_loss": distance, "similarity_loss": difference}
        weights = {"cosine_loss": 1.0, "similarity_loss": options.similarity, "pairs_loss": options.scored_weight}
        if batch.pairs is not None:
            both = embed(self._student, examples.ids, examples.pairs[batch.pairs].T.ravel(), self._device)
            cosines = (both[: len(batch.pairs)] * both[len(batch.pairs) :]).sum(1)
            values["pairs_loss"] = losses.SCORED[options.loss](cosines, self._tensor(examples.scores[batch.pairs]))
        return torch.stack([weights[name] * value for name, value in values.items()]).sum(), values

    def evaluate(self) -> dict[str, float]:
        if not self._examples.dev_scores:
            return {}
        return {"spearman": round(dev_spearman(self._student, self._examples, self._device), 4)}

    def evaluation_steps(self, total: int) -> set[int]:
        """Return the ends of the epochs."""
        return set(range(self._n_batches, total + 1, self._n_batches))

    def parameter_groups(self) -> list[dict[str, Any]]:
        return self._student.parameter_groups(self.settings.weight_decay)

    def learning_rate(self, step: int, total: int) -> float:
        warmup = max(1, min(_MAX_WARMUP, int(self.settings.warmup_ratio * total)))
        return self.settings.learning_rate * min(1, (step + 1) / warmup) * (1 - step / total)

    def plan(self) -> int:
        return self.settings.epochs * self._n_batches

    def restore(self, checkpoint: Checkpoint, total: int) -> TrainingState:
        """Load the checkpoint of a finished stage; that of an unfinished one only if the training is to be resumed."""
        state = checkpoint.restore(self._device, least=0 if self._resume else total)
        if state.step:
            progress = "finished before" if state.step == total else f"going on after {state.step:,} of {total:,} steps"
            self._note(f"{self.stage}: {progress}")
        return state

    def finish(self) -> None:
        """Keep the weights of the last step."""

    def _epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, the same at every call."""
        rng = np.random.default_rng([self.settings.seed, STAGES.index(self.stage), epoch])
        examples, size = self._examples, self._options.batch_size

        def texts(together: int) -> Iterator[NDArray[np.int64]]:
            return batches(examples.targets, rng, together=together, neighbourhood=_NEIGHBOURHOOD)

        if self.stage != "pairs":
            for rows in texts(2 * size if self.stage == "table" else size):
                yield Batch(rows, None, examples.ids.n_tokens(rows))
            return
        order = rng.permutation(len(examples.pairs))
        of_texts = itertools.chain.from_iterable(texts(size // 2) for _ in itertools.count())
        for start in range(0, len(order), size // 2):
            rows, pairs = next(of_texts), order[start : start + size // 2]
            n_tokens = examples.ids.n_tokens(rows) + examples.ids.n_tokens(examples.pairs[pairs].ravel())
            yield Batch(rows, pairs, n_tokens)


def embed(student: Student, ids: TokenIds, texts: NDArray[np.int64], device: torch.device) -> Tensor:
    """Return the student's vectors (B, D) of ``texts``, float32; on a GPU the network computes in bfloat16."""
    with autocast(device):
        return student(*ids.take(texts, device)).float()  # type: ignore[no-any-return]


@torch.no_grad()
def dev_spearman(student: Student, examples: Examples, device: torch.device) -> float:
    """Return Spearman's ρ between the cosines of the dev pairs and their scores."""
    from scipy import stats

    n_pairs = len(examples.dev_scores)
    parts = np.array_split(np.arange(2 * n_pairs), -(-2 * n_pairs // _DEV_BATCH))
    vectors = torch.cat([embed(student, examples.dev_ids, part, device) for part in parts]).cpu()
    cosines = (vectors[:n_pairs] * vectors[n_pairs:]).sum(1)
    return float(stats.spearmanr(cosines, examples.dev_scores).statistic)
