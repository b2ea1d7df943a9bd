"""Fine-tune models and compare them: ``python recipes/finetuning.py DATA WORK [PART ...] [--gpu]``.

DATA holds ``labelled`` and ``jsts``. WORK gets the models, the scores of each on dev, and ``finetuning.json`` and
``finetuning.md``, the table of all that is there: the same command goes on from there after an interruption. Nothing of it is
shipped. PART names what is done, all of it by default:

    e5        multilingual-e5-small on each set
    mini      bert-mini-ja and bert-mini-en on inference
    linear    logistic and ridge regression on the vectors of static-ja-en
    together  the tasks of glue-mini-ja together, as its own recipe trains them
    alone     each of these tasks alone, with as many steps as it had among the others
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import glue_mini_ja
from command_line import nlptool

from nlptool.storage.text_files import read_lines
from nlptool.training.finetuning.examples import SAMPLINGS

ENGLISH = {"inference-en": ("labelled/snli_small", "label")}
TASKS = glue_mini_ja.TASKS | ENGLISH
NUMBERS = ("similarity", "sts")  # tasks of scores, which Spearman's correlation judges; the others have classes

ON_GPU = "--device cuda"
ON_CPU = "--device cpu --threads 1 --precision bfloat16"
E5 = "--base multilingual-e5-small --pooling cls --freeze 1 --layer-decay 0.9 --learning-rate 2e-4 --save-dtype float16"
MINI = "--pooling sentence --learning-rate 3e-4 --epochs 3"
JOINT = glue_mini_ja.NAME
ALONE = glue_mini_ja.COMMON.replace("--task-sampling sqrt", "")


@dataclass(frozen=True, slots=True)
class Model:
    """A model to be trained.

    Args:
        name: of its folder.
        part: of this recipe.
        tasks: names of ``TASKS``.
        options: of ``nlptool train classifier``.
    """

    name: str
    part: str
    tasks: tuple[str, ...]
    options: str


MODELS = (
    Model("e5-jsick", "e5", ("inference", "similarity"), f"{E5} --max-steps 600 --evaluations 4"),
    Model("e5-jcm", "e5", ("morality",), f"{E5} --dropout 0 --batch-size 64 --max-steps 440 --evaluations 3"),
    Model("e5-jsts", "e5", ("sts",), f"{E5} --dropout 0 --max-steps 960 --evaluations 3"),
    Model("e5-snli", "e5", ("inference-en",), f"{E5} --dropout 0 --max-steps 560 --evaluations 2"),
    Model("e5-jcola", "e5", ("acceptability",), f"{E5} --dropout 0 --max-steps 300 --evaluations 3"),
    Model("e5-asdc", "e5", ("topic",), f"{E5} --dropout 0 --batch-size 64 --max-steps 240 --evaluations 1"),
    Model("bert-mini-ja-jsick", "mini", ("inference", "similarity"), f"--base bert-mini-ja {MINI}"),
    Model("bert-mini-en-snli", "mini", ("inference-en",), f"--base bert-mini-en {MINI}"),
    Model("linear", "linear", tuple(glue_mini_ja.TASKS), glue_mini_ja.LINEAR),
    Model("linear-en", "linear", tuple(ENGLISH), glue_mini_ja.LINEAR),
    Model(JOINT, "together", tuple(glue_mini_ja.TASKS), f"{glue_mini_ja.COMMON} --max-steps 8000"),
    *(Model(f"alone-{task}", "alone", (task,), ALONE) for task in glue_mini_ja.TASKS),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("parts", nargs="*", metavar="PART", help="a part, or the name of a model")
    parser.add_argument("--gpu", action="store_true")
    arguments = parser.parse_args()
    data, work = arguments.data, arguments.work
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "dev.jsonl").is_file():
        glue_mini_ja.write_sts(data / "jsts" / "train.jsonl", work)
    for model in MODELS:
        if not arguments.parts or {model.part, model.name} & {*arguments.parts}:
            train(data, work, model, gpu=arguments.gpu)
            judge(data, work, model)
    results = [found for model in MODELS if (found := results_of(work, model))]
    (work / "finetuning.json").write_text(json.dumps(results, indent=2, ensure_ascii=False), encoding="utf-8")
    text = "\n\n".join(map(drawn, (by_task(data, work, results), together_and_alone(work), costs(results))))
    (work / "finetuning.md").write_text(f"{text}\n", encoding="utf-8")
    print(text)  # noqa: T201


def train(data: Path, work: Path, model: Model, *, gpu: bool) -> None:
    """Train a model, unless that has been done."""
    options = model.options
    if model.part == "alone":
        options += f" --max-steps {steps_alone(work)[model.tasks[0]]}"
    if model.part != "linear":
        options = f"--method finetune {options} {ON_GPU if gpu else ON_CPU}"
    if (work / model.name).is_dir():
        return
    before = os.times()
    glue_mini_ja.train(data, work, model.name, {task: TASKS[task] for task in model.tasks}, options)
    after = os.times()
    of_processor = after.children_user + after.children_system - before.children_user - before.children_system
    minutes_file(work, model.name).write_text(f"{of_processor / 60:.1f}\n", encoding="utf-8")


def minutes_file(work: Path, model: str) -> Path:
    """Return the path of the minutes of processor time that a training took, which other programs do not lengthen as they do
    the time that passed."""
    return work / f"{model}.minutes"


def steps_alone(work: Path) -> dict[str, int]:
    """Return how many of the steps of the tasks that were trained together belonged to each of them."""
    about = json.loads((work / JOINT / "classifier.json").read_text(encoding="utf-8"))
    shares = {task["name"]: task["n_examples"] ** SAMPLINGS["sqrt"] for task in about["tasks"]}
    return {task: round(about["n_steps"] * share / sum(shares.values())) for task, share in shares.items()}


def judge(data: Path, work: Path, model: Model) -> None:
    """Write what ``nlptool evaluate classification`` says of the tasks of a model whose scores need an interval."""
    for task in {*model.tasks} & {*glue_mini_ja.METRICS}:
        source, label = TASKS[task]
        path = judged(work, model.name, task)
        if not path.is_file():
            part = path.with_suffix(".part")
            engine = () if model.part == "linear" else ("--engine", "torch")  # which keeps nothing in the cache
            with part.open("wb") as file:
                nlptool(
                    "evaluate", "classification", "-m", work / model.name, "--task", task, "--label", label, *engine,
                    "--threads", "1", "--device", "cpu", "-f", "jsonl", glue_mini_ja.files_of(data, work, source)[1],
                    stdout=file,
                )  # fmt: skip
            part.replace(path)


def judged(work: Path, model: str, task: str) -> Path:
    """Return the path of what ``judge`` writes."""
    return work / f"{model}-{task}.json"


def results_of(work: Path, model: Model) -> dict[str, Any]:
    """Return what is known of a model: its options, minutes, and its scores on dev; {} if it is not there."""
    path = work / model.name / "classifier.json"
    if not path.is_file():
        return {}
    about = json.loads(path.read_text(encoding="utf-8"))
    minutes = minutes_file(work, model.name)
    scores = {}
    for task in model.tasks:
        metric = metric_of(task)
        name = f"{task}_{metric}" if len(model.tasks) > 1 else metric
        scores[task] = {"metric": metric, "score": about["scores"][name]}
        if (found := judged(work, model.name, task)).is_file():
            scores[task]["interval"] = json.loads(found.read_text(encoding="utf-8"))[f"{metric}_interval"]
    return {
        "model": model.name,
        "base": about["base"],
        "options": model.options,
        "steps": about.get("n_steps"),
        "minutes": round(about["seconds"] / 60, 1),
        "processor_minutes": float(minutes.read_text(encoding="utf-8")) if minutes.is_file() else None,
        "scores": scores,
    }


def by_task(data: Path, work: Path, results: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the rows of a table: every score of every model on each task."""
    rows = [["task", "model", "metric", "score", "95 % interval"]]
    for task, (source, label) in TASKS.items():
        if metric_of(task) != "spearman":
            share = f"{majority(glue_mini_ja.files_of(data, work, source)[1], label):.4f}"
            rows.append([task, "the most frequent class", "accuracy", share, ""])
        for result in results:
            if (found := result["scores"].get(task)) is not None:
                interval = " to ".join(f"{end:.4f}" for end in found.get("interval", ()))
                rows.append([task, result["model"], found["metric"], f"{found['score']:.4f}", interval])
    return rows


def majority(dev: Path, label: str) -> float:
    """Return the share of the most frequent label."""
    counts = Counter(str(json.loads(line)[label]) for _, line in read_lines(str(dev)))
    return max(counts.values()) / counts.total()


def together_and_alone(work: Path) -> list[list[str]]:
    """Return the rows of a table: the tasks trained together and each alone, the best weights and those of the last step."""
    rows = [["task", "steps", "metric", "together", "alone", "together, last step", "alone, last step"]]
    for task in glue_mini_ja.TASKS:
        models = {JOINT: f"{task}_{metric_of(task)}", f"alone-{task}": metric_of(task)}
        if all((work / name).is_dir() for name in models):
            best, last = [], []
            for name, score in models.items():
                about = json.loads((work / name / "classifier.json").read_text(encoding="utf-8"))
                curves = (work / name / "curves.jsonl").read_text(encoding="utf-8").splitlines()
                best.append(f"{about['scores'][score]:.4f}")
                last.append(f"{json.loads(curves[-1])[f'dev_{score}']:.4f}")
            rows.append([task, f"{steps_alone(work)[task]:,}", metric_of(task), *best, *last])
    return rows


def costs(results: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the rows of a table: minutes and options of each training."""
    rows = [["model", "minutes", "minutes of the processor", "steps", "options"]]
    names = ("model", "minutes", "processor_minutes", "steps", "options")
    return rows + [["" if result[name] is None else str(result[name]) for name in names] for result in results]


def metric_of(task: str) -> str:
    """Return the metric of a task."""
    return glue_mini_ja.METRICS.get(task, "spearman" if task in NUMBERS else "accuracy")


def drawn(rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; the first row is its header."""
    header, *others = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *others))


if __name__ == "__main__":
    main()
