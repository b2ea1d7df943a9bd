"""Train ``glue-mini-ja``: ``python recipes/glue_mini_ja.py DATA WORK [--gpu]``.

DATA holds ``labelled`` and ``jsts``. WORK gets the checkpoints, the model, and the scores of it and of its baselines on dev: the
same command goes on from there after an interruption. About 25 minutes on one core of a processor that computes in bfloat16.

The base is ``bert-mini-ja``; each task has a head of its own (X. Liu et al.: Multi-Task Deep Neural Networks for Natural Language
Understanding, ACL 2019).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from command_line import nlptool
from quantise import ship_int8

NAME = "glue-mini-ja"
BUILTIN = Path(__file__).parent.parent / "nlptool" / "builtin"

# Task -> the folder of its data, and what its options are.
TASKS = {
    "inference": ("labelled/jsick", "label"),
    "similarity": ("labelled/jsick", "score"),
    "sts": ("jsts", "label"),
    "acceptability": ("labelled/jcola", "label"),
    "topic": ("labelled/asdc_topic", "label"),
    "morality": ("labelled/jcm", "label"),
}
METRICS = {"acceptability": "matthews"}
COMMON = (
    "--base bert-mini-ja --learning-rate 4e-4 --layer-decay 0.9 --dropout 0.1 --evaluations 12 --task-sampling sqrt"
)
ON_CPU = "--device cpu --threads 1 --precision bfloat16 --batch-size 32 --max-steps 12000"
ON_GPU = "--device cuda --batch-size 128 --max-minutes 8"
STS_DEV = "0.2"  # of the pairs of JSTS, which has no dev file: by groups of pairs that share sentences
LINEAR = "--method linear --base static-ja-en"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--gpu", action="store_true")
    arguments = parser.parse_args()
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    made = train(
        arguments.data, work, NAME, list(TASKS), f"--method finetune {COMMON} {ON_GPU if arguments.gpu else ON_CPU}"
    )
    linear = train(arguments.data, work, "linear", list(TASKS), LINEAR)
    scores = {folder.name: json.loads((folder / "classifier.json").read_text())["scores"] for folder in (made, linear)}
    (work / "scores.json").write_text(json.dumps(scores, indent=2), encoding="utf-8")
    ship_int8(made, BUILTIN / NAME)


def train(data: Path, work: Path, name: str, tasks: Sequence[str], options: str) -> Path:
    """Train a classifier on some of the tasks, unless that has been done; return its folder."""
    folder = work / name
    if folder.is_dir():
        return folder
    arguments: list[str | Path] = []
    for task in tasks:
        source, label = TASKS[task]
        arguments += ["--task", f"{task}={_file(data / source, 'train')}", "--label", f"{task}={label}"]
        dev = _file(data / source, "dev")
        arguments += ["--dev", f"{task}={STS_DEV if dev is None else dev}"]
        arguments += ["--metric", f"{task}={METRICS[task]}"] if task in METRICS else []
    resume = ["--resume", "--checkpoint-dir", work / f"{name}.work", "--plot", work / f"{name}.png"]
    is_network = "finetune" in options
    nlptool("train", "classifier", *options.split(), *arguments, *(resume if is_network else []), "-o", folder)
    return folder


def _file(folder: Path, part: str) -> Path | None:
    return next((path for path in sorted(folder.glob(f"{part}.jsonl*"))), None)


if __name__ == "__main__":
    main()
