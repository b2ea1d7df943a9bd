"""A small sentence encoder that reproduces the vectors of a large one, trained in stages; each begins where the last one ended.

1. A vocabulary of subwords is learned from the texts (``training.unigram``).
2. The teacher embeds all texts. Its space is centred for each language, reduced to its principal axes (``teacher``), and
   rotated by scored pairs, if there are any (``rotation``).
3. A table of token vectors: initialized with the teacher's own vectors of the pieces, weighted by inverse frequency
   (S. Arora et al., ICLR 2017), then trained until the mean of a text's tokens is near its target. The student may be the
   table.
4. Or it is a BERT that is initialized from that table (``students.init_from_table``) and is trained further with the same
   loss (``losses.distillation``, on ``batches`` of neighbouring texts).
5. The order of the scored pairs is learned in addition.

Method: N. Reimers, I. Gurevych: Making Monolingual Sentence Embeddings Multilingual (EMNLP 2020), for teacher, student and
translations. All results are kept in a checkpoint folder, so that an interrupted training can be resumed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.runtime.tokenizers import read_tokenizer
from nlptool.storage.digest import short_digest
from nlptool.training import unigram
from nlptool.training.distillation import students
from nlptool.training.distillation import teacher as distillation_teacher
from nlptool.training.distillation.corpus import Corpus
from nlptool.training.distillation.rotation import rotate
from nlptool.training.distillation.stage import (
    STAGES,
    DistillationSettings,
    Examples,
    Stage,
    StageSettings,
    Student,
    dev_spearman,
)
from nlptool.training.distillation.teacher import Encode, Report
from nlptool.training.distillation.token_ids import TokenIds
from nlptool.training.loop_types import RunOptions

_A = 1e-3  # of the weights a / (a + share), as in nlptool.models.encoders.word_average
_HEAD_TEXTS = 4096  # texts from which the linear map of a BERT is initialized


@dataclass(frozen=True, slots=True)
class Teacher:
    """A model that embeds texts: N texts to (N, D) float32."""

    name: str
    dimension: int
    encode: Encode


class Distillation:
    """One training, with its files in a checkpoint folder. Finished stages with the same texts and settings are used again,
    with ``resume`` the checkpoint of an unfinished stage too."""

    def __init__(
        self, corpus: Corpus, teacher: Teacher, settings: DistillationSettings, folder: Path, **run: Unpack[RunOptions]
    ) -> None:
        self.curves: list[dict[str, Any]] = []
        self.teacher = teacher
        self.settings = settings
        self.seconds: dict[str, float] = {}  # that each stage took
        self.dev_spearman: float | None = None  # of the student at the end; None without dev pairs
        self._corpus = corpus
        self._folder = folder
        self._run = run
        self._report: Report = run.get("report", lambda label, done, total, unit: None)
        self._texts_key = short_digest(corpus.texts)
        self._examples: Examples

    def run(self) -> tuple[Student, Any]:
        """Train; return the student and its ``tokenizers.Tokenizer``.

        Raises:
            RunError: there is too little text, or a loss is not finite.
            ModelError: the student cannot be initialized from ``settings.init``.
            KeyboardInterrupt: ``stop`` returned True; a checkpoint has been written.
            OSError: the checkpoint folder cannot be written.
        """
        settings, corpus = self.settings, self._corpus
        tokenizer = self._tokenizer()  # before the teacher, which takes long: errors come at once
        pretrained = self._pretrained(tokenizer) if settings.begins_pretrained else None
        vectors = self._embedded(corpus.texts, "texts")
        space = distillation_teacher.space(corpus.texts, vectors, settings.dimension)
        centred = space.centred(corpus.texts, vectors)
        if len(corpus.pairs):
            space = rotate(
                space, centred, corpus.pairs, corpus.scores, epochs=settings.space_epochs, seed=settings.seed
            )
        dev = [*(first for first, _, _ in corpus.dev), *(second for _, second, _ in corpus.dev)]
        self._examples = Examples(
            self._tokenized(tokenizer, corpus.texts), space.targets(centred, corpus.translations), corpus.pairs,
            corpus.scores, self._tokenized(tokenizer, dev), [score for *_, score in corpus.dev],
        )  # fmt: skip
        table = self._table(tokenizer, space) if settings.begins_as_table else None
        student: Student
        if table is not None and settings.student == "static":
            student = table
        else:
            student = self._bert(pretrained, table, tokenizer.get_vocab_size())
        if len(corpus.pairs):
            self._train("pairs", student, settings.scored_epochs, settings.scored_learning_rate)
        if corpus.dev:
            device = torch.device(self._run.get("device", "cpu"))
            self.dev_spearman = dev_spearman(student.to(device).eval(), self._examples, device)
        student.to("cpu").eval()
        return student, tokenizer

    def _embedded(self, texts: Sequence[str], noun: str) -> NDArray[np.float16]:
        """Return the teacher's vectors of ``texts``, (N, D)."""
        teacher = self.teacher

        def encode(batch: Sequence[str]) -> NDArray[np.float32]:
            if self._run.get("stop", lambda: False)():
                raise KeyboardInterrupt
            return teacher.encode(batch)

        path = self._folder / f"teacher-{short_digest([teacher.name, *texts])}.f16"
        began = time.monotonic()
        vectors = distillation_teacher.teach(
            encode, texts, path, teacher.dimension, lambda done, total: self._report("the teacher", done, total, noun)
        )
        self.seconds[f"teacher, {noun}"] = round(time.monotonic() - began, 1)
        return vectors

    def _tokenizer(self) -> Any:
        settings = self.settings
        if settings.begins_pretrained:
            return read_tokenizer(Path(settings.init) / "tokenizer.json")
        path = self._folder / f"tokenizer-{short_digest([self._texts_key, settings.vocab_size])}.json"
        if not path.exists():
            self._report("the vocabulary", 0, settings.vocab_size, "pieces")
            new = path.with_suffix(".new")
            new.write_text(unigram.train(self._corpus.texts, settings.vocab_size).to_str(), encoding="utf-8")
            new.replace(path)
        return read_tokenizer(path)

    def _tokenized(self, tokenizer: Any, texts: Sequence[str]) -> TokenIds:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return TokenIds([encoding.ids for encoding in tokenizer.encode_batch_fast(texts)], self.settings.longest)

    def _table(self, tokenizer: Any, space: distillation_teacher.Space) -> students.Table:
        names = [tokenizer.id_to_token(token) for token in range(tokenizer.get_vocab_size())]
        pieces = [(name or "").replace("▁", " ").strip() or "." for name in names]
        vectors = self._embedded(pieces, "pieces")
        of_pieces = distillation_teacher.space(pieces, vectors, self.settings.dimension)  # words have another mean
        rows = of_pieces.centred(pieces, vectors) @ space.axes
        shares = self._examples.ids.shares(len(pieces))
        table = students.Table(torch.from_numpy(rows * (_A / (_A + shares))[:, None]))
        self._train("table", table, self.settings.table_epochs, self.settings.table_learning_rate)
        return table

    def _pretrained(self, tokenizer: Any) -> students.Bert:
        settings = self.settings
        student = students.pretrained(
            Path(settings.init), dim=settings.dimension, pooling=settings.pooling, max_length=settings.max_length
        )
        if tokenizer.get_vocab_size() > student.network.config.vocab_size:
            raise ModelError(f"{settings.init}: its tokenizer has more pieces than its network")
        if "pad_token" not in students.special_tokens(tokenizer):
            raise ModelError(f"{settings.init}: its tokenizer has no [PAD] or <pad>")
        return student

    def _bert(self, pretrained: students.Bert | None, table: students.Table | None, n_pieces: int) -> students.Bert:
        """Train the BERT ``pretrained``, or a new one, which is initialized from the table, if there is one."""
        settings, examples = self.settings, self._examples
        torch.manual_seed(settings.seed)
        student = pretrained or students.bert(
            vocab_size=n_pieces, hidden_size=settings.dimension, dim=settings.dimension, layers=settings.layers,
            heads=settings.heads, intermediate_size=settings.intermediate_size, max_length=settings.max_length,
            pooling=settings.pooling,
        )  # fmt: skip
        if table is not None:
            shares = torch.from_numpy(examples.ids.shares(n_pieces))
            students.init_from_table(student, table.rows.detach().cpu(), shares)
        rows = np.random.default_rng(settings.seed).permutation(len(examples.targets))[:_HEAD_TEXTS]
        with torch.no_grad():
            parts = np.array_split(rows, -(-len(rows) // settings.batch_size))
            pooled = torch.cat([student.pooled(*examples.ids.take(part)) for part in parts])
        student.fit_head(pooled, torch.from_numpy(examples.targets[rows]))
        self._train("student", student, settings.epochs, settings.learning_rate)
        return student

    def _train(self, name: str, student: Student, epochs: int, learning_rate: float) -> None:
        """Train the student in place: so many epochs over the texts or, in the stage ``pairs``, over the scored pairs."""
        run: RunOptions = {
            **self._run, "report": lambda label, *progress: self._report(f"training, {label}", *progress),
        }  # fmt: skip
        stage = Stage(
            name, student, examples=self._examples, options=self.settings, folder=self._folder, data=self._stage_key(name),
            settings=StageSettings(epochs=epochs, learning_rate=learning_rate, seed=self.settings.seed), **run,
        )  # fmt: skip
        stage.run()
        self.curves += stage.curves
        self.seconds[name] = stage.seconds

    def _stage_key(self, name: str) -> str:
        """Return a digest of everything that the result of a stage depends on."""
        corpus, settings = self._corpus, asdict(self.settings)
        later = _SETTINGS_OF[STAGES.index(name) + 1 :]
        relevant = {name: value for name, value in settings.items() if not any(name in names for names in later)}
        pairs = (corpus.translations.tolist(), corpus.pairs.tolist(), corpus.scores.tolist())
        return short_digest([self.teacher.name, self._texts_key, relevant, *pairs])


_SETTINGS_OF = (
    (),
    ("student", "layers", "heads", "intermediate_size", "pooling", "max_length", "epochs", "learning_rate"),
    ("scored_epochs", "scored_learning_rate", "loss", "scored_weight"),
)
"""The settings that matter from a stage on, and not before."""
