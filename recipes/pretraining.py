"""The comparisons of BERT's pre-training in miniature: ``python recipes/pretraining.py DATA WORK [--gpu]``.

J. Devlin et al.: BERT (NAACL 2019), sections 5.1 and 5.2 and appendix C.2: with and without pre-training, with and without
next-sentence prediction, with [MASK] alone, in three sizes, and from left to right. Each network is pre-trained on the same text
with the same number of steps, and fine-tuned three times on the pairs of JSICK; docs/course/5-pretraining.md tells the results.

DATA holds ``aozora.txt.xz`` and the folders ``text`` and ``labelled/jsick``. WORK gets the texts, the networks, ``results.json``,
the table ``results.md`` and ``pretraining.png``: the same command goes on from there after an interruption. All of it takes less
than an hour of one core of a processor that computes in bfloat16.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import lzma
import random
import resource
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import corpora
import left_to_right
import torch
from command_line import nlptool, nlptool_here

from nlptool.models.runtime.transformers_loading import silenced
from nlptool.plots.figure import figure

STEPS = 400
SEEDS = (1, 2, 3)
N_EVALUATED = 300  # sequences of the held-out texts
N_CHARACTERS = {"corpus": 2_500_000, "dev": 150_000}
COMMON = "--tokenizer unidic --vocab-size 6000 --learning-rate 1.5e-3 --optimizer muon --batch-size 32 --max-length 128"
FINETUNING = "--method finetune --epochs 3 --learning-rate 1e-3 --keep last --batch-size 32 --max-length 128"
MACHINES = {False: "--device cpu --threads 1 --precision bfloat16", True: "--device cuda --precision bfloat16"}

SMALL, MIDDLE, LARGE = (
    f"--layers {layers} --hidden-size {size} --heads {heads} --intermediate-size {4 * size}"
    for layers, size, heads in ((1, 64, 1), (2, 128, 2), (4, 192, 3))
)
LEFT_TO_RIGHT, RANDOM, FIRST_STEP = "left to right", "random", "--max-steps 1"


@dataclass(frozen=True, slots=True)
class Variant:
    """A network to be compared."""

    name: str  # of its files
    title: str
    group: str  # what it is compared for
    how: str  # the options of its pre-training; LEFT_TO_RIGHT; or RANDOM: random weights
    like: str = "bert"  # the variant that it is, but for the direction or the weights


VARIANTS = (
    Variant("bert", "BERT, 2 × 128", "", MIDDLE),
    Variant("random", "random weights", "pre-training", RANDOM),
    Variant("no-nsp", "no next sentences", "objective", f"{MIDDLE} --no-nsp"),
    Variant("left-to-right", "left to right", "objective", LEFT_TO_RIGHT, "no-nsp"),
    Variant("all-masks", "100/0/0", "masking", f"{MIDDLE} --mask-replacement 100/0/0"),
    Variant("small", "BERT, 1 × 64", "size", SMALL),
    Variant("large", "BERT, 4 × 192", "size", LARGE),
    Variant("start", "word2vec's vectors alone", "pre-training", f"{MIDDLE} {FIRST_STEP} --learning-rate 1e-9"),
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
    for seed, variant in itertools.product(SEEDS, VARIANTS):
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
        with self.phase("corpus"):
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
        if variant.how != RANDOM and not folder.is_dir():
            with self.phase(f"{variant.name}: pre-training"):
                self._pretrain(variant, folder)
        if variant.how not in (RANDOM, LEFT_TO_RIGHT) and not evaluated.exists():
            with self.phase(f"{variant.name}: evaluation"), evaluated.with_suffix(".new").open("wb") as file:
                options = f"-f jsonl --limit {N_EVALUATED} --engine torch --device {self.device}".split()
                nlptool("evaluate", "mlm", "-m", folder, *options, self.work / "dev.txt", stdout=file)
            evaluated.with_suffix(".new").rename(evaluated)

    def _pretrain(self, variant: Variant, folder: Path) -> None:
        if variant.how == LEFT_TO_RIGHT:
            left_to_right.pretrain(self.work / variant.like, self.checkpoints, folder, self.device)
            return
        nlptool(
            "train", "bert", *f"{COMMON} --max-steps {self.steps} {MACHINES[self.gpu]} {variant.how}".split(),
            "--workers", "16" if self.gpu else "1", "--dev", self.work / "dev.txt", "--checkpoint-dir", self.checkpoints,
            "--resume", "--plot", folder.with_suffix(".png"), "-o", folder, self.work / "corpus.txt",
        )  # fmt: skip

    def finetune(self, variant: Variant, seed: int) -> None:
        """Fine-tune a variant on JSICK."""
        base, target = self.work / variant.name, self.work / f"{variant.name}-{seed}"
        if target.exists():
            return
        with self.phase(f"{variant.name}: fine-tuning"):
            if variant.how == LEFT_TO_RIGHT:
                like = self.work / f"{variant.like}-{seed}"
                accuracy = left_to_right.finetune(base, like, self.jsick, self.checkpoints, self.device)
                target.write_text(json.dumps(accuracy), encoding="utf-8")
                return
            if variant.how == RANDOM:
                base = random_network(self.work / variant.like, target, seed)
            jsick = self.data / "labelled" / "jsick"
            nlptool_here(
                "train", "classifier", *f"{FINETUNING} --seed {seed} {MACHINES[self.gpu]}".split(), "--base", base,
                "--dev", jsick / "dev.jsonl", "-o", target, jsick / "train.jsonl.xz",
            )  # fmt: skip

    def result(self, variant: Variant) -> dict[str, Any]:
        """Return what is known of a variant: its scores on the held-out texts, and the accuracy on JSICK of each seed."""
        accuracies = [self._accuracy(variant, self.work / f"{variant.name}-{seed}") for seed in SEEDS]
        scores = {} if variant.how == RANDOM else self._scores(variant, self.work / variant.name)
        return {"name": variant.name, "title": variant.title, "group": variant.group, **scores, "accuracy": accuracies}

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
        of_dev = Counter(each["label"] for each in self.jsick["dev"])
        (most, _), *_ = Counter(each["label"] for each in self.jsick["train"]).most_common()
        majority = of_dev[most] / of_dev.total()
        minutes = Counter[str]()
        for line in (self.work / "cpu.jsonl").read_text(encoding="utf-8").splitlines():
            phase = json.loads(line)
            minutes[phase["phase"]] += phase["seconds"] / 60
        about = {"steps": self.steps, "majority": majority, "results": results, "cpu_minutes": dict(minutes)}
        (self.work / "results.json").write_text(json.dumps(about, indent=2, ensure_ascii=False), encoding="utf-8")
        lines = [f"Majority: {majority:.3f}. CPU minutes: {minutes.total():.1f}.", ""]
        lines += [*table(results), "", "| phase | CPU minutes |", "|---|---|"]
        lines += [f"| {phase} | {spent:.1f} |" for phase, spent in minutes.items()]
        (self.work / "results.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        draw(results, majority, self.work / "pretraining.png")

    @property
    def checkpoints(self) -> Path:
        return self.work / "checkpoints"

    @property
    def device(self) -> str:
        return "cuda" if self.gpu else "cpu"

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the CPU time of a part of the work to ``cpu.jsonl``, of one that is interrupted as well."""
        before = cpu_seconds()
        try:
            yield
        finally:
            with (self.work / "cpu.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps({"phase": name, "seconds": round(cpu_seconds() - before, 2)}) + "\n")


def cpu_seconds() -> float:
    """Return the CPU time of this process and of those that it ran."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


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


def table(results: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines of a table in Markdown."""
    lines = ["| network | masked tokens | next sentences | JSICK, mean | seeds |", "|---|---:|---:|---:|---|"]
    for result in results:
        held_out = [f"{result[name]:.1%}" if name in result else "–" for name in ("mlm", "nsp")]
        seeds = " ".join(f"{accuracy:.3f}" for accuracy in result["accuracy"])
        lines.append(f"| {result['title']} | {' | '.join(held_out)} | {fmean(result['accuracy']):.3f} | {seeds} |")
    return lines


def draw(results: Sequence[dict[str, Any]], majority: float, path: Path) -> None:
    """Draw the accuracy on JSICK of each network: a point for each seed, and a line at their mean."""
    with figure(str(path), (6.0, 0.34 * len(results) + 0.8)) as drawn:
        axes = drawn.add_axes((0.26, 0.17, 0.7, 0.8))
        bert, *_ = (fmean(result["accuracy"]) for result in results)
        axes.axvline(majority, color="#888888", linestyle=":", label="largest class")
        axes.axvline(bert, color="#3b6ea8", linewidth=0.8, alpha=0.5, label="mean of BERT, 2 × 128")
        for row, result in enumerate(results):
            accuracies = result["accuracy"]
            axes.plot(accuracies, [row] * len(accuracies), "o", color="#3b6ea8", alpha=0.6, markersize=5)
            axes.plot([fmean(accuracies)] * 2, [row - 0.3, row + 0.3], color="#c0392b", linewidth=2)
        axes.set_yticks(range(len(results)), [result["title"] for result in results], fontsize=9)
        axes.set_ylim(len(results) - 0.5, -0.5)
        axes.set_xlabel("accuracy on the dev part of JSICK: three seeds and their mean", fontsize=9)
        axes.grid(axis="x", alpha=0.3)
        axes.legend(fontsize=8, loc="best")


if __name__ == "__main__":
    main()
