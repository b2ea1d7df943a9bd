"""Train ``bert-mini-ja`` or ``bert-mini-en`` again: ``python recipes/bert.py ja|en DATA WORK [--gpu] [--runs N]``.

DATA holds ``aozora.txt.xz`` and the folder ``text``, of which ``corpora.py`` makes the corpus and the held-out documents. WORK
gets these, the token ids, the checkpoints and the evaluations of the model: the same command goes on from there after an
interruption.

One core of a processor that computes in bfloat16: about two hours for Japanese and one for English. One GPU (``--gpu``): a run of
less than nine minutes. Each further run (``--runs``) begins with the model of the run before, with other masks and other pairs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import corpora
from command_line import nlptool
from quantise import ship_int8

COMMON = "--mlm-probability 0.25 --optimizer muon --precision bfloat16"
ON_CPU = "--device cpu --threads 1 --batch-size 32"
ON_GPU = "--device cuda --max-minutes 8.5 --workers 16 --batch-size 256"
SIZE = "--layers 4 --hidden-size 320 --heads 5 --intermediate-size 1280"
FIRST = f"{SIZE} --learning-rate 1.5e-3 --nsp-warmup-ratio 0.3"
LATER = "--learning-rate 8e-4"  # of a run that begins with the model of another one

EVALUATIONS = {"mlm": [], "nsp": ["--pairs", "10000"]}
BUILTIN = Path(__file__).parent.parent / "nlptool" / "builtin"


@dataclass(frozen=True, slots=True)
class Language:
    """What is learned of a language."""

    name: str  # of the model
    tokenizer: str  # its options
    steps: int  # of the first run on a processor
    later_steps: int  # of each further one
    dev: tuple[str, ...]  # files of held-out documents; the first one is evaluated during the training


LANGUAGES = {
    "ja": Language(
        "bert-mini-ja",
        "--tokenizer unidic --vocab-size 24000",
        8000,
        5000,
        ("ja_dev.txt", "ja_modern_dev.txt", "ja_old_dev.txt"),
    ),
    "en": Language("bert-mini-en", "--tokenizer wordpiece --lowercase --vocab-size 16000", 5000, 5000, ("en_dev.txt",)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("language", choices=LANGUAGES)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--runs", type=int, default=1)
    arguments = parser.parse_args()
    language, work = LANGUAGES[arguments.language], arguments.work
    corpus = {"ja": corpora.japanese, "en": corpora.english}[arguments.language](arguments.data, work)
    made = [work / f"{language.name}-{number}" for number in range(1, arguments.runs + 1)]
    for number, folder in enumerate(made):
        if not folder.is_dir():
            train(language, corpus, folder, made[:number], gpu=arguments.gpu)
    ship_int8(made[-1], BUILTIN / language.name)
    for documents in language.dev:
        for kind, options in EVALUATIONS.items():
            with (work / f"{language.name}-{kind}-{Path(documents).stem}.jsonl").open("wb") as file:
                nlptool("evaluate", kind, "-m", language.name, "-f", "jsonl", *options, work / documents, stdout=file)


def train(language: Language, corpus: Path, folder: Path, before: Sequence[Path], *, gpu: bool) -> None:
    """Train one run, from scratch or from the last model of ``before``."""
    machine = ON_GPU if gpu else f"{ON_CPU} --max-steps {language.later_steps if before else language.steps}"
    start = f"{LATER} --init {before[-1]} --seed {len(before) + 1}" if before else f"{FIRST} {language.tokenizer}"
    nlptool(
        "train", "bert", *COMMON.split(), *machine.split(), *start.split(), "--dev", corpus.parent / language.dev[0],
        "--checkpoint-dir", corpus.parent / f"{language.name}.work", "--resume", "-o", folder,
        "--plot", folder.with_suffix(".png"), corpus,
    )  # fmt: skip


if __name__ == "__main__":
    main()
