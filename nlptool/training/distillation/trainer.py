"""A small sentence encoder that learns the vectors of a large one, in stages that each begin where the last one ended.

1. A vocabulary of subwords is learned from the texts (``vocabulary``).
2. The teacher embeds all texts; its space is centred for each language, reduced to its principal axes (``targets``), and
   turned by pairs that people have scored, if there are any (``turning``).
3. A table of token vectors: at first the teacher's own vectors of the pieces, weighted by inverse frequency (S. Arora et
   al., ICLR 2017), then trained until the means of a text's tokens are near the targets. The student may be the table.
4. Or it is a BERT that begins as that table (``students.begin_as``) and is trained further to the same end
   (``objectives.distillation``, on batches of ``neighbourhoods``).
5. The order of the scored pairs is learned besides.

Method: N. Reimers, I. Gurevych: Making Monolingual Sentence Embeddings Multilingual (EMNLP 2020), for teacher, student and
translations. Everything is kept in a work folder, so that an interrupted training goes on where it was.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlptool.errors import ModelError, RunError
from nlptool.models.runtime.tokenizers import read_tokenizer
from nlptool.storage.digest import short_digest
from nlptool.training import unigram
from nlptool.training.checkpoint import Checkpoint, TrainingState
from nlptool.training.distillation import batches, students
from nlptool.training.distillation import losses as distillation_losses
from nlptool.training.distillation import teacher as distillation_teacher
from nlptool.training.distillation.corpus import Corpus
from nlptool.training.distillation.rotation import rotate
from nlptool.training.distillation.teacher import Encode, Report
from nlptool.training.distillation.token_ids import TokenIds

_A = 1e-3  # of the weights a / (a + share), as in nlptool.models.word_encoder
_NEIGHBOURHOOD = 32  # texts of a batch that are near each other
_BETAS = (0.9, 0.98)
_LARGEST_GRADIENT = 1.0
_FITTED = 4096  # texts that the linear map of a student begins with
_LOGGED = 50  # steps between two lines of the curves
_SAVED = 120  # seconds between two checkpoints
_WARM_UP = 100  # steps at most in which the learning rate rises, a tenth of all in a short training
_STAGES = ("table", "student", "pairs")
WORK_FILES = ("teacher-*", "tokenizer-*", *(f"{stage}-*" for stage in _STAGES))
"""What a work folder holds."""


@dataclass(frozen=True, slots=True)
class DistillationSettings:
    """What can be chosen of a student and its training."""

    student: str = "bert"  # or static
    dim: int = 256  # of the vectors; for a BERT also its width, unless it begins from a pre-trained one
    vocabulary: int = 14_336  # pieces
    layers: int = 4
    heads: int = 4
    feed_forward: int = 1024
    pooling: str = "mean"  # cls, max
    max_length: int = 256  # tokens that a BERT takes
    init: str = "static"  # random, or the folder of a BERT
    table_epochs: int = 4
    table_rate: float = 2e-3
    epochs: int = 4
    rate: float = 5e-4
    batch: int = 256  # texts
    longest: int = 64  # tokens of a text in training; of longer ones the beginning
    similarity: float = 20.0  # weight of the batch's matrix of cosines beside the vectors themselves
    space_epochs: int = 25  # of the scored pairs, for the linear map out of the teacher's space
    scored_epochs: int = 3
    scored_rate: float = 2e-4
    loss: str = "cosent"  # cosine
    scored_weight: float = 0.01  # of the scored pairs beside the teacher
    seed: int = 1

    @property
    def begins_as_table(self) -> bool:
        """Whether a table of token vectors is trained, as the student or as its beginning."""
        return self.student == "static" or self.init == "static"

    @property
    def begins_pretrained(self) -> bool:
        """Whether the student is a BERT that exists already."""
        return not self.begins_as_table and self.init != "random"


@dataclass(frozen=True, slots=True)
class Teacher:
    """Where targets come from: texts to (N, D)."""

    name: str
    dimension: int
    encode: Encode


Student = students.Table | students.Bert


class Distillation:
    """One training, in a work folder. What finished stages have left there is used again if it comes from the same texts
    and settings.

    Args:
        resume: go on from the checkpoint of an unfinished stage too.
        device: cpu, or where torch has one.
        report: is told how the work goes on.
        note: is told what was there already.
        stop: asked between two steps: when it says yes, a checkpoint is written and KeyboardInterrupt raised.
    """

    def __init__(
        self,
        corpus: Corpus,
        teacher: Teacher,
        settings: DistillationSettings,
        work: Path,
        *,
        resume: bool = False,
        device: str = "cpu",
        report: Report = lambda label, done, total, unit: None,
        note: Callable[[str], None] = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.curves: list[dict[str, Any]] = []
        self.teacher = teacher
        self.settings = settings
        self.seconds: dict[str, float] = {}  # that each stage took
        self.dev_spearman: float | None = None  # of the student at the end; None without dev pairs
        self._corpus = corpus
        self._work = work
        self._resume = resume
        self._device = torch.device(device)
        self._report = report
        self._note = note
        self._stop = stop
        self._texts_key = short_digest(corpus.texts)

    def run(self) -> tuple[Student, Any]:
        """Train; returns the student and its ``tokenizers.Tokenizer``.

        Raises:
            RunError: there is too little text, or the training went wrong.
            ModelError: the student cannot begin as ``settings.init``.
            KeyboardInterrupt: it was stopped; a checkpoint is there.
            OSError: the work folder cannot be written.
        """
        settings = self.settings
        tokenizer = self._tokenizer()  # before the teacher, which takes long: what is wrong with it is said at once
        begun = self._pretrained(tokenizer) if settings.begins_pretrained else None
        vectors = self._taught(self._corpus.texts, "texts")
        space = distillation_teacher.space(self._corpus.texts, vectors, settings.dim)
        centred = space.centred(self._corpus.texts, vectors)
        if len(self._corpus.pairs):
            space = rotate(
                space,
                centred,
                self._corpus.pairs,
                self._corpus.scores,
                epochs=settings.space_epochs,
                seed=settings.seed,
            )
        self._aims = space.targets(centred, self._corpus.translations)
        self._ids = self._tokenized(tokenizer, self._corpus.texts)
        self._dev_ids = self._tokenized(
            tokenizer, [*(first for first, _, _ in self._corpus.dev), *(second for _, second, _ in self._corpus.dev)]
        )
        table = self._table(tokenizer, space) if settings.begins_as_table else None
        student: Student
        if table is not None and settings.student == "static":
            student = table
        else:
            student = self._bert(begun, table, tokenizer.get_vocab_size())
        if len(self._corpus.pairs):
            self._learn("pairs", student, settings.scored_epochs, settings.scored_rate)
        if not students.is_finite(student):
            raise RunError("the training went wrong: there are NaN among the weights", hint="a smaller --rate")
        if self._corpus.dev:
            self.dev_spearman = self._dev_spearman(student)
        student.to("cpu").eval()
        return student, tokenizer

    def _taught(self, texts: Sequence[str], noun: str) -> NDArray[np.float16]:
        teacher = self.teacher

        def encode(batch: Sequence[str]) -> NDArray[np.float32]:
            if self._stop():
                raise KeyboardInterrupt
            return teacher.encode(batch)

        path = self._work / f"teacher-{short_digest([teacher.name, *texts])}.f16"
        began = time.monotonic()
        found = distillation_teacher.teach(
            encode, texts, path, teacher.dimension, lambda done, all_: self._report("the teacher", done, all_, noun)
        )
        self.seconds[f"teacher, {noun}"] = round(time.monotonic() - began, 1)
        return found

    def _tokenizer(self) -> Any:
        settings = self.settings
        if settings.begins_pretrained:
            return read_tokenizer(Path(settings.init) / "tokenizer.json")
        path = self._work / f"tokenizer-{short_digest([self._texts_key, settings.vocabulary])}.json"
        if not path.exists():
            self._report("the vocabulary", 0, settings.vocabulary, "pieces")
            new = path.with_suffix(".new")
            new.write_text(unigram.train(self._corpus.texts, settings.vocabulary).to_str(), encoding="utf-8")
            new.replace(path)
        return read_tokenizer(path)

    def _tokenized(self, tokenizer: Any, texts: Sequence[str]) -> TokenIds:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return TokenIds([each.ids for each in tokenizer.encode_batch_fast(texts)], self.settings.longest)

    def _table(self, tokenizer: Any, space: distillation_teacher.Space) -> students.Table:
        names = [tokenizer.id_to_token(token) for token in range(tokenizer.get_vocab_size())]
        pieces = [(name or "").replace("▁", " ").strip() or "." for name in names]
        said = self._taught(pieces, "pieces")
        alone = distillation_teacher.space(
            pieces, said, self.settings.dim
        )  # a word alone has another mean than a sentence
        rows = alone.centred(pieces, said) @ space.axes
        shares = self._ids.shares(len(pieces))
        table = students.Table(torch.from_numpy(rows * (_A / (_A + shares))[:, None]))
        self._learn("table", table, self.settings.table_epochs, self.settings.table_rate)
        return table

    def _pretrained(self, tokenizer: Any) -> students.Bert:
        settings = self.settings
        student = students.pretrained(
            Path(settings.init), dim=settings.dim, pooling=settings.pooling, max_length=settings.max_length
        )
        if tokenizer.get_vocab_size() > student.network.config.vocab_size:
            raise ModelError(f"{settings.init}: its tokenizer has more pieces than its network")
        if "pad_token" not in students.special_tokens(tokenizer):
            raise ModelError(f"{settings.init}: its tokenizer has no [PAD] or <pad>")
        return student

    def _bert(self, begun: students.Bert | None, table: students.Table | None, n_pieces: int) -> students.Bert:
        """The BERT ``begun``, or a new one, which begins as the table, if there is one; trained."""
        settings = self.settings
        torch.manual_seed(settings.seed)
        student = begun or students.bert(
            vocabulary=n_pieces, width=settings.dim, dim=settings.dim, layers=settings.layers, heads=settings.heads,
            feed_forward=settings.feed_forward, max_length=settings.max_length, pooling=settings.pooling,
        )  # fmt: skip
        if table is not None:
            students.begin_as(student, table.rows.detach().cpu(), torch.from_numpy(self._ids.shares(n_pieces)))
        rows = np.random.default_rng(settings.seed).permutation(len(self._aims))[:_FITTED]
        with torch.no_grad():
            parts = np.array_split(rows, -(-len(rows) // settings.batch))
            pooled = torch.cat([student.pooled(*self._ids.take(part)) for part in parts])
        student.fit_head(pooled, torch.from_numpy(self._aims[rows]))
        self._learn("student", student, settings.epochs, settings.rate)
        return student

    def _learn(self, stage: str, student: Student, epochs: int, rate: float) -> None:
        """Train the student in place: so many epochs over the texts or, in the stage ``pairs``, over the scored pairs."""
        student.to(self._device).train()
        optimizer = torch.optim.AdamW(student.groups(rate), betas=_BETAS)
        rates = [group["lr"] for group in optimizer.param_groups]
        epoch_steps = sum(1 for _ in self._batches(stage, 0))
        total = epochs * epoch_steps
        warm_up = max(1, min(_WARM_UP, total // 10))
        checkpoint = Checkpoint(self._work / f"{stage}-{self._stage_key(stage)}.safetensors", student, optimizer)
        place = checkpoint.restore(self._device, least=0 if self._resume else total)
        step, self.curves = place.step, place.curves or self.curves
        if step:
            self._note(
                f"{stage}: {'finished before' if step == total else f'going on after {step:,} of {total:,} steps'}"
            )
        began, saved = time.monotonic() - place.seconds, time.monotonic()
        since: list[Any] = list(place.losses)  # the losses since the last line of the curves

        def save() -> None:
            losses = [{name: float(value) for name, value in each.items()} for each in since]
            checkpoint.save(TrainingState(step, time.monotonic() - began, self.curves, losses))

        for texts, pairs in self._batches_from(step, stage, epochs, epoch_steps):
            if self._stop():
                save()
                raise KeyboardInterrupt
            for group, highest in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = highest * min(1, (step + 1) / warm_up) * (1 - step / total)
            losses = self._losses(student, texts, pairs)
            weights = {"cosine": 1.0, "similarity": self.settings.similarity, "pairs": self.settings.scored_weight}
            optimizer.zero_grad()
            loss: Any = torch.stack([weights[name] * value for name, value in losses.items()]).sum()
            loss.backward()
            nn.utils.clip_grad_norm_(student.parameters(), _LARGEST_GRADIENT)
            optimizer.step()
            step += 1
            self._report(f"training, {stage}", step, total, "steps")
            since.append({name: value.detach() for name, value in losses.items()})
            if step % _LOGGED == 0 or step % epoch_steps == 0:
                line = {"stage": stage, "step": step, "epoch": round(step / epoch_steps, 3)}
                line |= {"seconds": round(time.monotonic() - began, 1), "rate": optimizer.param_groups[0]["lr"]}
                line |= {
                    f"{name}_loss": round(sum(float(each[name]) for each in since) / len(since), 6) for name in losses
                }
                if step % epoch_steps == 0 and self._corpus.dev:
                    line["dev_spearman"] = round(self._dev_spearman(student), 4)
                self.curves.append(line)
                since.clear()
            if time.monotonic() - saved > _SAVED:
                save()
                saved = time.monotonic()
        if place.step < total:
            save()
        self.seconds[stage] = round(time.monotonic() - began, 1) if place.step < total else round(place.seconds, 1)

    def _losses(self, student: Student, texts: NDArray[np.int64], pairs: NDArray[np.int64] | None) -> dict[str, Tensor]:
        aims = torch.from_numpy(self._aims[texts]).to(self._device)
        apart, unlike = distillation_losses.distillation(self._vectors(student, self._ids, texts), aims)
        losses = {"cosine": apart, "similarity": unlike}
        if pairs is not None:
            both = self._vectors(student, self._ids, self._corpus.pairs[pairs].T.ravel())
            cosines = (both[: len(pairs)] * both[len(pairs) :]).sum(1)
            scores = torch.from_numpy(self._corpus.scores[pairs]).to(self._device)
            losses["pairs"] = distillation_losses.SCORED[self.settings.loss](cosines, scores)
        return losses

    def _vectors(self, student: Student, ids: TokenIds, texts: NDArray[np.int64]) -> Tensor:
        """(B, dim) in float32; on a GPU the network computes in bfloat16."""
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            return student(*ids.take(texts, self._device)).float()  # type: ignore[no-any-return]

    def _batches_from(
        self, step: int, stage: str, epochs: int, epoch_steps: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64] | None]]:
        """Those of all epochs, without the first ``step`` of them; epochs that are over are not made again."""
        first, within = divmod(step, epoch_steps)
        for epoch in range(first, epochs):
            yield from itertools.islice(self._batches(stage, epoch), within if epoch == first else 0, None)

    def _batches(self, stage: str, epoch: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64] | None]]:
        """The batches of an epoch, the same whenever they are asked for: indices of texts, and of scored pairs."""
        rng = np.random.default_rng([self.settings.seed, _STAGES.index(stage), epoch])
        size = self.settings.batch

        def texts(together: int) -> Iterator[NDArray[np.int64]]:
            return batches.batches(self._aims, rng, together=together, neighbourhood=_NEIGHBOURHOOD)

        if stage != "pairs":
            for found in texts(2 * size if stage == "table" else size):
                yield found, None
            return
        order = rng.permutation(len(self._corpus.pairs))
        beside = itertools.chain.from_iterable(texts(size // 2) for _ in itertools.count())
        for start in range(0, len(order), size // 2):
            yield next(beside), order[start : start + size // 2]

    @torch.no_grad()
    def _dev_spearman(self, student: Student) -> float:
        """Spearman's ρ between the cosines of the dev pairs and their scores."""
        from scipy import stats

        n_pairs = len(self._corpus.dev)
        parts = np.array_split(np.arange(2 * n_pairs), -(-2 * n_pairs // 512))
        vectors = torch.cat([self._vectors(student, self._dev_ids, part) for part in parts]).cpu()
        cosines = (vectors[:n_pairs] * vectors[n_pairs:]).sum(1)
        return float(stats.spearmanr(cosines, [score for *_, score in self._corpus.dev]).statistic)

    def _stage_key(self, stage: str) -> str:
        """Of all that has a part in what a stage leaves."""
        corpus, settings = self._corpus, asdict(self.settings)
        later = _SETTINGS_OF[_STAGES.index(stage) + 1 :]
        kept = {name: value for name, value in settings.items() if not any(name in names for names in later)}
        learned = (corpus.translations.tolist(), corpus.pairs.tolist(), corpus.scores.tolist())
        return short_digest([self.teacher.name, self._texts_key, kept, *learned])


_SETTINGS_OF = (
    (),
    ("student", "layers", "heads", "feed_forward", "pooling", "max_length", "epochs", "rate"),
    ("scored_epochs", "scored_rate", "loss", "scored_weight"),
)
"""What of the settings matters from a stage on, and not before."""
