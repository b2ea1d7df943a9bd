"""Print the tables of the card of ``glue-mini-ja``: ``python recipes/glue_card.py DATA WORK``.

DATA and WORK are those of ``recipes/glue_mini_ja.py``; WORK holds the trained model and the linear baseline. The examples are
the first three of each dev file that the model judges right and the first two that it judges wrong, in the order of the file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import glue_mini_ja as glue

from nlptool.storage.text_files import read_lines

N_RIGHT, N_WRONG = 3, 2  # examples of a task
NEAR = 0.5  # a score is right if it is no further from that of the people who judged
NAMES = {"matthews": "Matthews' correlation", "spearman": "Spearman's ρ"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    arguments = parser.parse_args()
    for part in (scores(arguments.data, arguments.work), examples(arguments.data, arguments.work)):
        sys.stdout.write("".join(f"{line}\n" for line in part) + "\n")


def scores(data: Path, work: Path) -> Iterator[str]:
    """Yield the table of the scores on dev, beside the most frequent class and the linear baseline."""
    yield "| task | train, dev | score | most frequent class | linear on static-ja-en | glue-mini-ja |"
    yield "|---|---|---|---|---|---|"
    (made, linear) = (json.loads((work / name / glue.MANIFEST).read_text())["scores"] for name in (glue.NAME, "linear"))
    for task in json.loads((work / glue.NAME / glue.MANIFEST).read_text())["tasks"]:
        name, metric = task["name"], task["metric"]
        judged = judge(data, work, name)
        low, high = judged[f"{metric}_interval"]
        values = [majority(data, work, name) if metric == "accuracy" else "0" if metric == "matthews" else "–"]
        values += [f"{linear[f'{name}_{metric}']:.3f}", f"**{made[f'{name}_{metric}']:.3f}** ({low:.3f}–{high:.3f})"]
        counts = f"{task['n_examples']:,}, {task['n_dev_examples']:,}"
        yield f"| `{name}` | {counts} | {NAMES.get(metric, metric)} | {' | '.join(values)} |"


def judge(data: Path, work: Path, task: str) -> dict[str, Any]:
    """Return what ``evaluate classification`` says of the model on the dev file of a task."""
    label = ["--label", glue.TASKS[task][1]]
    (judged,) = run("evaluate", "classification", "-m", work / glue.NAME, "--task", task, *label, dev(data, work, task))
    return judged


def majority(data: Path, work: Path, task: str) -> str:
    """Return the share of dev that has the most frequent label of the training examples."""
    source, label = glue.TASKS[task]
    counts = Counter(str(record[label]) for record in read(glue.files_of(data, work, source)[0]))
    (most, _) = counts.most_common(1)[0]
    labels = [str(record[label]) for record in read(dev(data, work, task))]
    return f"{labels.count(most) / len(labels):.3f}"


def examples(data: Path, work: Path) -> Iterator[str]:
    """Yield a table for each task: three right judgements and two wrong ones."""
    for task in glue.TASKS:
        label = glue.TASKS[task][1]
        found = run("classify", "-m", work / glue.NAME, "--task", task, dev(data, work, task))
        judged = [(record, *judgement(record, label)) for record in found]
        right = [each for each in judged if each[3]][:N_RIGHT]
        wrong = [each for each in judged if not each[3]][:N_WRONG]
        yield from (f"`{task}`", "", "| | text | label | glue-mini-ja |", "|---|---|---|---|")
        for record, gold, said, is_right in [*right, *wrong]:
            texts = [record[name] for name in ("sentence", "sentence1", "sentence2") if name in record]
            yield f"| {'right' if is_right else 'wrong'} | {' / '.join(texts)} | {gold} | {said} |"
        yield ""


def judgement(record: dict[str, Any], label: str) -> tuple[str, str, bool]:
    """Return the label that people gave, what the model said, and whether that is right."""
    if "value" in record:
        gold = float(record[label])
        return f"{gold:.1f}", f"{record['value']:.1f}", abs(record["value"] - gold) <= NEAR
    gold, said = str(record["gold"] if label == "label" else record[label]), record["label"]
    return gold, f"{said} ({record['probabilities'][said]:.2f})", gold == said


def run(*arguments: str | Path) -> list[dict[str, Any]]:
    """Return the records that a command writes."""
    done = subprocess.run([sys.executable, "-m", "nlptool", *arguments], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def dev(data: Path, work: Path, task: str) -> Path:
    """Return the dev file of a task."""
    return glue.files_of(data, work, glue.TASKS[task][0])[1]


def read(path: Path) -> Sequence[dict[str, Any]]:
    """Return the records of a file, compressed or not."""
    return [json.loads(line) for _, line in read_lines(str(path))]


if __name__ == "__main__":
    main()
