"""The comparisons of BERT's pre-training in miniature: ``python recipes/pretraining.py DATA WORK [--gpu]``.

J. Devlin et al.: BERT (NAACL 2019), sections 5.1 and 5.2 and appendix C.2: with and without pre-training, with and without
next-sentence prediction, with [MASK] alone, in three sizes, and from left to right. Each network is pre-trained on the same text
with the same number of steps, and fine-tuned three times on the pairs of JSICK; docs/course/5-pretraining.md tells the results.

DATA holds ``aozora.txt.xz`` and the folders ``text`` and ``labelled/jsick``. WORK gets the texts, the networks, ``results.json``,
the table ``results.md`` and ``pretraining.png``: the same command goes on from there after an interruption. All of it takes about
half an hour of one core of a processor that computes in bfloat16.
"""

from __future__ import annotations

import argparse
import itertools
import json
import lzma
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import corpora
import left_to_right
import pretraining_results
import torch
from command_line import nlptool, nlptool_here

from nlptool.models.runtime.transformers_loading import silenced
from nlptool.models.store import locate

STEPS = 400
SEEDS = (1, 2, 3)
N_EVALUATED = 300  # sequences of the held-out texts
N_CHARACTERS = {"corpus": 2_500_000, "dev": 150_000}
COMMON = "--tokenizer unidic --vocab-size 6000 --learning-rate 1.5e-3 --optimizer muon --batch-size 32 --max-length 128"
FINETUNING = "--method finetune --epochs 3 --keep last --batch-size 32 --max-length 128"
RATE = 0.096  # of the fine-tuning, divided by the hidden size
MACHINES = {False: "--device cpu --threads 1 --precision bfloat16", True: "--device cuda --precision bfloat16"}

SMALL, MIDDLE, LARGE = (
    f"--layers {layers} --hidden-size {size} --heads {heads} --intermediate-size {4 * size}"
    for layers, size, heads in ((1, 64, 1), (2, 128, 2), (4, 192, 3))
)
LEFT_TO_RIGHT, RANDOM, BUILT_IN, FIRST_STEP = "left to right", "random", "built in", "--max-steps 1"


@dataclass(frozen=True, slots=True)
class Variant:
    """A network to be compared."""

    name: str  # of its files
    title: str
    how: str  # the options of its pre-training; LEFT_TO_RIGHT; RANDOM: random weights; or BUILT_IN: longer, see bert.py
    like: str = "bert"  # the variant that it is, but for the direction or the weights


VARIANTS = (
    Variant("bert", "BERT, 2 × 128", MIDDLE),
    Variant("random", "random weights, 2 × 128", RANDOM),
    Variant("no-nsp", "without next sentences", f"{MIDDLE} --no-nsp"),
    Variant("left-to-right", "left to right", LEFT_TO_RIGHT, "no-nsp"),
    Variant("all-masks", "[MASK] alone, 100/0/0", f"{MIDDLE} --mask-replacement 100/0/0"),
    Variant("small", "BERT, 1 × 64", SMALL),
    Variant("large", "BERT, 4 × 192", LARGE),
    Variant("start", "word2vec's vectors alone", f"{MIDDLE} {FIRST_STEP} --learning-rate 1e-9"),
    Variant("bert-mini-ja", "bert-mini-ja, 4 × 320", BUILT_IN),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--steps", type=int, default=STEPS, help="of the pre-training; fewer try the recipe out")
    arguments = parser.parse_args()
    recipe = Recipe(arguments.data, arguments.work, arguments.gpu, arguments.steps)
    recipe.prepare()
    for variant in VARIANTS:
        recipe.pretrain(variant)
    for variant, seed in itertools.product(VARIANTS, SEEDS):
        recipe.finetune(variant, seed)
    recipe.write()


@dataclass(frozen=True, slots=True)
class Recipe:
    """The files of one run."""

    data: Path
    work: Path
    gpu: bool
    steps: int

    @property
    def jsick(self) -> dict[str, list[dict[str, Any]]]:
        """The examples of train and dev."""
        folder = self.data / "labelled" / "jsick"
        with lzma.open(folder / "train.jsonl.xz", "rt", encoding="utf-8") as train:
            parts = {"train": train.read(), "dev": (folder / "dev.jsonl").read_text(encoding="utf-8")}
        return {name: list(map(json.loads, text.splitlines())) for name, text in parts.items()}

    def prepare(self) -> None:
        """Write the texts to learn from and the held-out ones."""
        self.work.mkdir(parents=True, exist_ok=True)
        sources = {"corpus": "ja.txt", "dev": "ja_dev.txt"}
        with pretraining_results.phase(self.work, "corpus"):
            for part, source in sources.items():
                if (self.work / f"{part}.txt").exists():
                    continue
                corpora.japanese(self.data, self.work)
                with (self.work / source).open(encoding="utf-8") as file:
                    texts = file.read().strip("\n").split("\n\n")
                documents = [corpora.Document("", text) for text in texts]
                random.Random(corpora.SEED).shuffle(documents)
                corpora.write(self.work / f"{part}.txt", first(documents, N_CHARACTERS[part]))

    def pretrain(self, variant: Variant) -> None:
        """Pre-train a variant, and predict masked tokens of the held-out texts, the same ones for all."""
        folder = self.work / variant.name
        evaluated = folder.with_suffix(".mlm.jsonl")
        if variant.how not in (RANDOM, BUILT_IN) and not folder.is_dir():
            with pretraining_results.phase(self.work, f"{variant.name}: pre-training"):
                self._pretrain(variant, folder)
        if variant.how not in (RANDOM, BUILT_IN, LEFT_TO_RIGHT) and not evaluated.exists():
            with pretraining_results.phase(self.work, f"{variant.name}: evaluation"):
                self._evaluate(folder, evaluated)

    def _pretrain(self, variant: Variant, folder: Path) -> None:
        if variant.how == LEFT_TO_RIGHT:
            left_to_right.pretrain(self.work / variant.like, self.checkpoints, folder, self.device)
            return
        nlptool(
            "train", "bert", *f"{COMMON} --max-steps {self.steps} {MACHINES[self.gpu]} {variant.how}".split(),
            "--workers", "16" if self.gpu else "1", "--dev", self.work / "dev.txt", "--checkpoint-dir", self.checkpoints,
            "--resume", "--plot", folder.with_suffix(".png"), "-o", folder, self.work / "corpus.txt",
        )  # fmt: skip

    def _evaluate(self, folder: Path, evaluated: Path) -> None:
        new = evaluated.with_suffix(".new")
        options = f"-f jsonl --limit {N_EVALUATED} --engine torch --device {self.device}".split()
        with new.open("wb") as file:
            nlptool("evaluate", "mlm", "-m", folder, *options, self.work / "dev.txt", stdout=file)
        new.rename(evaluated)

    def finetune(self, variant: Variant, seed: int) -> None:
        """Fine-tune a variant on JSICK."""
        target = self.work / f"{variant.name}-{seed}"
        if target.exists():
            return
        with pretraining_results.phase(self.work, f"{variant.name}: fine-tuning"):
            if variant.how == LEFT_TO_RIGHT:
                like = self.work / f"{variant.like}-{seed}"
                accuracy = left_to_right.finetune(
                    self.work / variant.name, like, self.jsick, self.checkpoints, self.device
                )
                target.write_text(json.dumps(accuracy), encoding="utf-8")
                return
            base = self.base(variant.like if variant.how == RANDOM else variant.name)
            size = json.loads((base / "config.json").read_text(encoding="utf-8"))["hidden_size"]
            if variant.how == RANDOM:
                base = random_network(base, target, seed)
            jsick = self.data / "labelled" / "jsick"
            nlptool_here(
                "train", "classifier", *f"{FINETUNING} --learning-rate {RATE / size:g} --seed {seed}".split(),
                *MACHINES[self.gpu].split(), "--base", base, "--dev", jsick / "dev.jsonl", "-o", target,
                jsick / "train.jsonl.xz",
            )  # fmt: skip

    def result(self, variant: Variant) -> dict[str, Any]:
        """Return what is known of a variant: its scores on the held-out texts, and the accuracy on JSICK of each seed."""
        accuracies = [self._accuracy(variant, self.work / f"{variant.name}-{seed}") for seed in SEEDS]
        scores = {} if variant.how in (RANDOM, BUILT_IN) else self._scores(variant, self.work / variant.name)
        return {"name": variant.name, "title": variant.title, **scores, "accuracy": accuracies}

    def _accuracy(self, variant: Variant, target: Path) -> float:
        if variant.how == LEFT_TO_RIGHT:
            return float(json.loads(target.read_text(encoding="utf-8")))
        return float(json.loads((target / "classifier.json").read_text(encoding="utf-8"))["scores"]["accuracy"])

    def _scores(self, variant: Variant, folder: Path) -> dict[str, Any]:
        if variant.how == LEFT_TO_RIGHT:
            about = json.loads((folder / left_to_right.SCORES).read_text(encoding="utf-8"))
            return {"n_tokens": about["n_tokens"], "next_token": about["scores"]["top1"]}
        evaluated = folder.with_suffix(".mlm.jsonl")
        about = json.loads((folder / "pretraining.json").read_text(encoding="utf-8"))
        of_nsp = {"nsp": about["scores"]["nsp_accuracy"]} if "nsp_accuracy" in about["scores"] else {}
        return {
            "n_parameters": about["n_parameters"], "n_tokens": about["n_tokens"], "seconds": about["seconds"],
            "mlm": json.loads(evaluated.read_text(encoding="utf-8"))["top1"], **of_nsp,
        }  # fmt: skip

    def write(self) -> None:
        """Write the results with the CPU time, and draw them."""
        results = [self.result(variant) for variant in VARIANTS]
        labels = {part: [example["label"] for example in examples] for part, examples in self.jsick.items()}
        pretraining_results.write(self.work, results, labels, steps=self.steps)

    def base(self, name: str) -> Path:
        """Return the folder of a network that has been pre-trained, here or before."""
        folder = self.work / name
        return folder if folder.is_dir() else locate.find(name, plain=True, offline=True)

    @property
    def checkpoints(self) -> Path:
        return self.work / "checkpoints"

    @property
    def device(self) -> str:
        return "cuda" if self.gpu else "cpu"


def first(documents: Sequence[corpora.Document], n_characters: int) -> list[corpora.Document]:
    """Return the first documents, with about ``n_characters`` together; longer ones than a tenth of that are left out."""
    chosen: list[corpora.Document] = []
    left = n_characters
    for document in documents:
        if left > 0 and len(document.text) < n_characters / 10:
            chosen.append(document)
            left -= len(document.text)
    return chosen


def random_network(like: Path, target: Path, seed: int) -> Path:
    """Write a network with random weights as BERT's are, with the size and the tokenizer of ``like``; return its folder."""
    folder = target.with_suffix(".base")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in (*like.glob("*token*"), *like.glob("vocab*")):
        shutil.copyfile(path, folder / path.name)
    with silenced():
        from transformers import BertConfig, BertModel

        torch.manual_seed(seed)
        BertModel(BertConfig.from_pretrained(str(like))).save_pretrained(str(folder))
    return folder


if __name__ == "__main__":
    main()
