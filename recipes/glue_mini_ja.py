"""Train ``glue-mini-ja``: ``python recipes/glue_mini_ja.py DATA WORK [--gpu]``.

DATA holds ``labelled`` and ``jsts``. WORK gets the checkpoints, the model, and the scores of it and of a linear baseline on
dev: the same command goes on from there after an interruption. About 15 minutes on one core of a processor that computes in
bfloat16.

The base is ``sbert-mini-ja-en``, which reads each text of a pair by itself; each task has a head of its own (X. Liu et al.:
Multi-Task Deep Neural Networks for Natural Language Understanding, ACL 2019).
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import onnx_graph
from command_line import nlptool

from nlptool.training import splits

NAME = "glue-mini-ja"
MANIFEST = "classifier.json"
BUILTIN = Path(__file__).parent.parent / "nlptool" / "builtin"

# Task -> the folder of its data, and what its options are.
TASKS = {
    "inference": ("labelled/jsick", "label"),
    "similarity": ("labelled/jsick", "score"),
    "sts": ("", "label"),
    "acceptability": ("labelled/jcola", "label"),
    "topic": ("labelled/asdc_topic", "label"),
    "morality": ("labelled/jcm", "label"),
}
METRICS = {"acceptability": "matthews"}
COMMON = "--base sbert-mini-ja-en --learning-rate 2e-4 --evaluations 10 --task-sampling sqrt --save-dtype float16"
ON_CPU = "--device cpu --threads 1 --precision bfloat16 --batch-size 32 --max-steps 8000"
ON_GPU = "--device cuda --batch-size 128 --max-minutes 8"
STS_DEV, STS_SEED = 0.2, 1  # of the pairs of JSTS, which has no dev file: those that were held out of the base, too
LINEAR = "--method linear --base static-ja-en"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--gpu", action="store_true")
    arguments = parser.parse_args()
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    write_sts(arguments.data / "jsts" / "train.jsonl", work)
    made = train(arguments.data, work, NAME, TASKS, f"--method finetune {COMMON} {ON_GPU if arguments.gpu else ON_CPU}")
    linear = train(arguments.data, work, "linear", TASKS, LINEAR)
    scores = {folder.name: json.loads((folder / "classifier.json").read_text())["scores"] for folder in (made, linear)}
    (work / "scores.json").write_text(json.dumps(scores, indent=2), encoding="utf-8")
    ship(made, BUILTIN / NAME)


def ship(made: Path, target: Path) -> None:
    """Write the model of the folder ``made`` and its graph to the folder ``target``."""
    for path in sorted(made.rglob("*")):
        if path.is_file() and path.name not in ("README.md", MANIFEST):
            (target / path.relative_to(made)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / path.relative_to(made))
    manifest = json.loads((made / MANIFEST).read_text(encoding="utf-8"))
    about = {
        name: value for name, value in manifest.items() if name not in ("files", "sha256")
    }  # the card is another one
    (target / MANIFEST).write_text(f"{json.dumps(about, indent=2, ensure_ascii=False)}\n", encoding="utf-8")
    onnx_graph.write(made, target, target, task="embed")


def train(data: Path, work: Path, name: str, tasks: Mapping[str, tuple[str, str]], options: str) -> Path:
    """Train a classifier on tasks, unless that has been done; return its folder.

    Args:
        tasks: as in ``TASKS``.
    """
    folder = work / name
    if folder.is_dir():
        return folder
    arguments: list[str | Path] = []
    for task, (source, label) in tasks.items():
        train_file, dev = files_of(data, work, source)
        arguments += ["--task", f"{task}={train_file}", "--label", f"{task}={label}", "--dev", f"{task}={dev}"]
        arguments += ["--metric", f"{task}={METRICS[task]}"] if task in METRICS else []
    resume = ["--resume", "--checkpoint-dir", work / f"{name}.work", "--plot", work / f"{name}.png"]
    is_network = "finetune" in options
    nlptool("train", "classifier", *options.split(), *arguments, *(resume if is_network else []), "-o", folder)
    return folder


def write_sts(source: Path, work: Path) -> None:
    """Write ``train.jsonl`` and ``dev.jsonl`` of JSTS: pairs that share a sentence, directly or through others, stay together."""
    lines = source.read_text(encoding="utf-8").splitlines()
    pairs = [(pair["sentence1"], pair["sentence2"]) for pair in map(json.loads, lines)]
    is_dev = splits.split_dev(pairs, STS_DEV, STS_SEED).tolist()
    for part, wanted in (("train", False), ("dev", True)):
        chosen = [line for line, dev in zip(lines, is_dev, strict=True) if dev is wanted]
        (work / f"{part}.jsonl").write_text("".join(f"{line}\n" for line in chosen), encoding="utf-8")


def files_of(data: Path, work: Path, source: str) -> tuple[Path, Path]:
    """Return the training file and the dev file of a folder of ``data``, or those of ``write_sts`` in ``work`` for ""."""
    folder = data / source if source else work
    train_file, dev = (next(iter(sorted(folder.glob(f"{part}.jsonl*")))) for part in ("train", "dev"))
    return train_file, dev


if __name__ == "__main__":
    main()
