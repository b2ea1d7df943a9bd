"""Distil a sentence encoder."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from nlptool.errors import RunError
from nlptool.models.runtime import devices
from nlptool.records import pairs
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.specs import EncoderSpec

if TYPE_CHECKING:
    from nlptool.training.distillation.corpus import Corpus
    from nlptool.training.distillation.trainer import Distillation, Student, Teacher

MANIFEST = "distil.json"
CURVES = "curves.jsonl"
_FEWEST, _FEW = 100, 10_000  # texts: fewer are refused; fewer make a poor model


def read_corpus(
    pipe: Pipe, translations: tuple[str, ...], scored: tuple[str, ...], dev: str | float, *, seed: int
) -> Corpus:
    """All that is learned from."""
    from nlptool.training.distillation import corpus as distillation_corpus

    texts: list[str] = []

    def collected() -> Iterator[list[Record]]:
        for records in pipe.read():
            texts.extend(record.text for record in records if record.pending and record.text.strip())
            yield records

    if pipe.files or not (translations or scored) or not (sys.stdin is None or sys.stdin.isatty()):
        pipe.consume(collected())
    pipe.refuse_failed("most records failed: this is no corpus, and nothing is trained")
    same = [pair for path in translations for pair in pairs.read(pipe, path, scored=False)]
    judged = [pair for path in scored for pair in pairs.read(pipe, path, scored=True)]
    apart = pairs.read(pipe, dev, scored=True) if isinstance(dev, str) and scored else []
    corpus = distillation_corpus.collect(
        texts,
        [(pair.first, pair.second) for pair in same],
        [(pair.first, pair.second, pair.score or 0.0) for pair in judged],
        dev=dev if isinstance(dev, float) else [(pair.first, pair.second, pair.score or 0.0) for pair in apart],
        seed=seed,
    )
    if _FEWEST <= len(corpus.texts) < _FEW:
        pipe.note(f"{len(corpus.texts):,} different texts teach little: a good model needs a hundred thousand")
    if len(corpus.texts) < _FEWEST:
        raise RunError(
            f"{len(corpus.texts):,} different texts are too few to learn from",
            hint=f"{_FEWEST} are the least; a good model needs a hundred thousand, a sentence a line",
        )
    pipe.note(
        f"{len(corpus.texts):,} different texts, {len(corpus.translations):,} pairs of translations, {len(corpus.pairs):,} "
        f"scored pairs, and {len(corpus.dev):,} that are held out"
    )
    if judged and not corpus.dev and dev:
        pipe.note("no scored pairs are held out: too many of them hang together by texts that they share")
    return corpus


def open_teacher(
    pipe: Pipe, name: str, device: str, *, dim: int, threads: int | None, offline: bool, allow_pickle: bool
) -> tuple[str, Teacher]:
    """The device that there is, and the teacher on it."""
    import torch

    from nlptool.tasks.open_model import locate_model
    from nlptool.training.distillation.trainer import Teacher

    torch.set_num_threads(threads or devices.processors())
    prepared = locate_model(
        EncoderSpec(name, device=device, threads=threads, offline=offline, allow_pickle=allow_pickle),
        pipe,
        note=lambda message: pipe.note(message.partition("; --as")[0]),  # an option of embed
    )
    if dim > prepared.dimension:
        raise RunError(f"{name} has {prepared.dimension} dimensions, fewer than --dim {dim}")
    opened: list[Any] = []

    def encode(texts: Sequence[str]) -> Any:
        if not opened:  # not before it is needed: its vectors may all be there
            opened.append(prepared.open())
        return opened[0].encode(texts).vectors

    return prepared.device, Teacher(prepared.name, prepared.dimension, encode)


def manifest(corpus: Corpus, distillation: Distillation, student: Student) -> dict[str, Any]:
    """What the manifest says."""
    from nlptool.training.distillation import students

    found = distillation.dev_spearman
    return {
        "teacher": distillation.teacher.name,
        "n_parameters": students.parameters(student),
        "n_texts": len(corpus.texts),
        "n_translations": len(corpus.translations),
        "n_scored_pairs": len(corpus.pairs),
        "n_dev_pairs": len(corpus.dev),
        "dev_spearman": None if found is None else round(found, 4),
        "seconds": distillation.seconds,
        "options": dataclasses.asdict(distillation.settings),
        "versions": {
            name: version(name) for name in ("nlptool", "torch", "transformers", "sentence-transformers", "tokenizers")
        },
    }
