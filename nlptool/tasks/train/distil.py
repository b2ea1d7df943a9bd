"""Distil a sentence encoder."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool.errors import RunError
from nlptool.records import gold
from nlptool.records.gold import Layout
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.specs import EncoderSpec
from nlptool.tasks.encoding import Encode, open_encoder
from nlptool.tasks.train.run import ModelOutput, Stop, TrainedModel, run_options, run_training, scripts_of, versions
from nlptool.tasks.train.work import held, remember_input

if TYPE_CHECKING:
    from nlptool.training.distillation.corpus import Corpus
    from nlptool.training.distillation.stage import Student
    from nlptool.training.distillation.trainer import Distillation, Teacher

_MANIFEST = "distil.json"
_WORK_FILES = ("teacher-*", "tokenizer-*", "table-*", "student-*", "pairs-*")
_MIN_TEXTS, _FEW_TEXTS = 100, 10_000  # fewer are refused; fewer make a poor model


@dataclasses.dataclass(frozen=True, slots=True)
class CorpusFiles:
    """The pairs that are read beside the records."""

    translations: tuple[str, ...]
    scored: tuple[str, ...]
    dev: str | float  # the held-out scored pairs: a share, or a file


def train_distil(pipe: Pipe, output: ModelOutput, files: CorpusFiles, teacher: EncoderSpec, **settings: Any) -> None:
    """Distil the teacher into a small encoder with the records of ``pipe``.

    Args:
        settings: the fields of ``DistillationSettings``.

    Raises:
        RunError: there is too little text, the training went wrong, or a folder cannot be written.
        ModelError: there is no such teacher, or the student cannot be initialized.
        KeyboardInterrupt: the training was stopped; a checkpoint has been written.
    """
    began = time.monotonic()
    with pipe.bar, held(pipe, output, _MANIFEST, _WORK_FILES) as folder:
        from nlptool.training.distillation.stage import DistillationSettings
        from nlptool.training.distillation.trainer import Distillation

        corpus = read_corpus(pipe, files, seed=settings["seed"])
        remember_input(pipe)
        device, opened_teacher = open_teacher(pipe, teacher, dim=settings["dimension"])

        def train(work: Path, stop: Stop) -> TrainedModel:
            distillation = Distillation(
                corpus, opened_teacher, DistillationSettings(**settings), work,
                **run_options(pipe, output, stop, device=device, began=began),
            )  # fmt: skip
            student, tokenizer = distillation.run()
            manifest = _results(corpus, distillation, student)
            manifest |= {"save_dtype": output.save_dtype, "dev": files.dev}
            summary = f"{manifest['n_parameters']:,} parameters"
            if distillation.dev_spearman is not None:
                summary += f"; Spearman's ρ on the held-out pairs: {manifest['dev_spearman']}"

            def save(folder: Path) -> None:
                student.save(folder, tokenizer, output.save_dtype)

            return TrainedModel(distillation.curves, manifest, save, summary)

        run_training(pipe, output, folder, _MANIFEST, train)


def read_corpus(pipe: Pipe, files: CorpusFiles, *, seed: int) -> Corpus:
    """Read the texts, the translations and the scored pairs.

    Raises:
        RunError: there is too little text, or most records failed.
    """
    from nlptool.training.distillation import corpus as distillation_corpus

    texts: list[str] = []

    def collected() -> Iterator[list[Record]]:
        for records in pipe.read():
            texts.extend(record.text for record in records if record.pending and record.text.strip())
            yield records

    if pipe.files or not (files.translations or files.scored) or not (sys.stdin is None or sys.stdin.isatty()):
        pipe.consume(collected())
    pipe.refuse_failed("most records failed: this is no corpus, and nothing is trained")
    translations = [pair for path in files.translations for pair in gold.read(pipe, path, Layout(scored=False))]
    scored = [pair for path in files.scored for pair in gold.read(pipe, path, Layout())]
    dev = gold.read(pipe, files.dev, Layout()) if isinstance(files.dev, str) and files.scored else []
    corpus = distillation_corpus.collect(
        texts,
        [(pair.first, pair.second) for pair in translations],
        [(pair.first, pair.second, pair.score or 0.0) for pair in scored],
        dev=files.dev
        if isinstance(files.dev, float)
        else [(pair.first, pair.second, pair.score or 0.0) for pair in dev],
        seed=seed,
    )
    if _MIN_TEXTS <= len(corpus.texts) < _FEW_TEXTS:
        pipe.note(f"{len(corpus.texts):,} different texts teach little: a good model needs a hundred thousand")
    if len(corpus.texts) < _MIN_TEXTS:
        raise RunError(
            f"{len(corpus.texts):,} different texts are too few to learn from",
            hint=f"{_MIN_TEXTS} are the least; a good model needs a hundred thousand, a sentence a line",
        )
    pipe.note(
        f"{len(corpus.texts):,} different texts, {len(corpus.translations):,} pairs of translations, {len(corpus.pairs):,} "
        f"scored pairs, and {len(corpus.dev):,} that are held out"
    )
    if scored and not corpus.dev and files.dev:
        pipe.note("no scored pairs are held out: too many of them hang together by texts that they share")
    return corpus


def open_teacher(pipe: Pipe, spec: EncoderSpec, *, dim: int) -> tuple[str, Teacher]:
    """Return the device that is available, and the teacher on it.

    Raises:
        RunError: the teacher has fewer than ``dim`` dimensions.
        ModelError: there is no such model.
    """
    import torch

    from nlptool import machine
    from nlptool.tasks.open_model import locate_model
    from nlptool.training.distillation.trainer import Teacher

    torch.set_num_threads(spec.threads or machine.processors())
    # "; --as" begins a hint that names an option of `embed`.
    located = locate_model(spec, pipe, note=lambda message: pipe.note(message.partition("; --as")[0]))
    if dim > located.dimension:
        raise RunError(f"{spec.model} has {located.dimension} dimensions, fewer than --dimension {dim}")
    opened: list[Encode] = []

    def encode(texts: Sequence[str]) -> Any:
        if not opened:  # not before it is needed: all vectors may be in the checkpoint folder
            opened.append(open_encoder(located))
        embeddings = opened[0](texts)
        for row, error in embeddings.errors.items():
            raise RunError(f"{error.message}: {texts[row][:60]!r}", hint="take the text out of the corpus")
        return embeddings.vectors

    return located.device, Teacher(located.name, located.dimension, encode)


def _results(corpus: Corpus, distillation: Distillation, student: Student) -> dict[str, Any]:
    """Return the part of the manifest that describes the training."""
    from nlptool.training import loop

    spearman = distillation.dev_spearman
    return {
        "teacher": distillation.teacher.name,
        "n_parameters": loop.n_parameters(student),
        "n_texts": len(corpus.texts),
        **scripts_of(corpus.texts),
        "n_translations": len(corpus.translations),
        "n_scored_pairs": len(corpus.pairs),
        "n_dev_pairs": len(corpus.dev),
        "dev_spearman": None if spearman is None else round(spearman, 4),
        "seconds": distillation.seconds,
        "options": dataclasses.asdict(distillation.settings),
        "versions": versions("nlptool", "torch", "transformers", "sentence-transformers", "tokenizers"),
    }
