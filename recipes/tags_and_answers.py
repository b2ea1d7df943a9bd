"""Fine-tune taggers, readers and choosers, and judge them: ``python recipes/tags_and_answers.py DATA WORK [PART ...] [--gpu]``.

DATA holds ``labelled``. WORK gets the models, the scores of each on dev, and ``scores.json`` and ``scores.md``, the table of all
that is there: the same command goes on from there after an interruption. Nothing of it is shipped; ``ner-mini-ja`` has a recipe
of its own. PART names what is done, a part or a model, all of it by default:

    tags     multilingual-e5-small and bert-mini-en on names: Wikipedia in Japanese, and wikigold with the types of CoNLL-2003
    answers  multilingual-e5-small and bert-mini-ja on JaQuAD, multilingual-e5-small on half of SQuAD 2.0's dev
    choices  multilingual-e5-small on JCommonsenseQA

On one core each takes from five minutes to an hour and a half (JaQuAD).
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command_line import nlptool

from nlptool.storage.text_files import read_lines

ON_GPU = "--device cuda"
ON_CPU = "--device cpu --threads 1 --precision bfloat16"
E5 = "--base multilingual-e5-small --freeze 1 --layer-decay 0.9 --save-dtype float16"
LONG = "--max-length 256 --batch-size 16 --gradient-accumulation 2 --learning-rate 2e-4 --dropout 0 --evaluations 2"
EVALUATIONS = {"tagger": "tagging", "reader": "answers"}
MANIFESTS = {"tagger": "tagger.json", "reader": "reader.json", "chooser": "chooser.json"}
IMPOSSIBLE = "squad2_small"  # the data set with questions that have no answer
METRICS = {"tagger": ("f1",), "reader": ("exact", "f1"), "chooser": ("accuracy",)}


@dataclass(frozen=True, slots=True)
class Model:
    """A model to be trained.

    Args:
        name: of its folder.
        part: of this recipe.
        kind: tagger | reader | chooser: the subcommand of ``nlptool train``.
        data: a folder of ``labelled``.
        options: of that command.
        every: of this many dev questions one judges the evaluations during the training; all judge the model.
    """

    name: str
    part: str
    kind: str
    data: str
    options: str
    every: int = 1


MODELS = (
    Model("e5-ner-ja", "tags", "tagger", "ner_wikipedia_ja",
          f"{E5} --scheme bioes --learning-rate 5e-4 --dropout 0.1 --max-steps 900 --evaluations 3"),
    Model("e5-wikigold", "tags", "tagger", "wikigold_en",
          f"{E5} --scheme bioes --learning-rate 2e-4 --dropout 0 --max-steps 400 --evaluations 2"),
    Model("mini-wikigold", "tags", "tagger", "wikigold_en",
          "--base bert-mini-en --scheme bioes --learning-rate 5e-4 --max-steps 400 --evaluations 4"),
    Model("e5-jaquad", "answers", "reader", "jaquad", f"{E5} {LONG} --max-steps 900", every=8),
    Model("mini-jaquad", "answers", "reader", "jaquad",
          "--base bert-mini-ja --learning-rate 5e-4 --max-steps 1500 --evaluations 2", every=8),
    Model("e5-squad2", "answers", "reader", "squad2_small", f"{E5} {LONG} --max-steps 200"),
    Model("e5-jcommonsenseqa", "choices", "chooser", "jcommonsenseqa",
          f"{E5} --learning-rate 2e-4 --dropout 0 --max-steps 500 --evaluations 3"),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("parts", nargs="*", metavar="PART", help="a part, or the name of a model")
    parser.add_argument("--gpu", action="store_true")
    arguments = parser.parse_args()
    data, work = arguments.data / "labelled", arguments.work
    work.mkdir(parents=True, exist_ok=True)
    for model in MODELS:
        if not arguments.parts or {model.part, model.name} & {*arguments.parts}:
            train(data, work, model, gpu=arguments.gpu)
            judge(data, work, model)
            if model.data == IMPOSSIBLE:
                judge(data, work, model, "--na-threshold", "1")
    results = [found for model in MODELS if (found := results_of(work, model))]
    results += [always_answers(work, model) for model in MODELS if judged(work, model, "--na-threshold").is_file()]
    results.append(never_answers(data))
    (work / "scores.json").write_text(json.dumps(results, indent=2, ensure_ascii=False), encoding="utf-8")
    text = drawn(results)
    (work / "scores.md").write_text(f"{text}\n", encoding="utf-8")
    print(text)  # noqa: T201


def files_of(data: Path, name: str) -> tuple[Path, Path]:
    """Return the training file and the dev file of a data set: JSONL, compressed or not."""
    train_file, dev = (next(iter(sorted((data / name).glob(f"{part}.jsonl*")))) for part in ("train", "dev"))
    return train_file, dev


def train(data: Path, work: Path, model: Model, *, gpu: bool) -> None:
    """Train a model, unless that has been done."""
    folder = work / model.name
    if folder.is_dir():
        return
    train_file, dev = files_of(data, model.data)
    if model.every > 1:
        lines = [line for number, line in read_lines(str(dev)) if number % model.every == 0]
        dev = work / f"{model.data}-dev.jsonl"
        dev.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    options = f"{model.options} {ON_GPU if gpu else ON_CPU}"
    before = os.times()
    nlptool(
        "train", model.kind, *options.split(), "--dev", dev, "--resume", "--checkpoint-dir", work / f"{model.name}.work",
        "-o", folder, train_file,
    )  # fmt: skip
    after = os.times()
    of_processor = after.children_user + after.children_system - before.children_user - before.children_system
    minutes_file(work, model).write_text(f"{of_processor / 60:.1f}\n", encoding="utf-8")


def minutes_file(work: Path, model: Model) -> Path:
    """Return the path of the minutes of processor time that a training took, which other programs do not lengthen as they do
    the time that passed."""
    return work / f"{model.name}.minutes"


def judged(work: Path, model: Model, *options: str) -> Path:
    """Return the path of what ``judge`` writes."""
    return work / f"{model.name}{'-always' if options else ''}.json"


def judge(data: Path, work: Path, model: Model, *options: str) -> None:
    """Write what an evaluation on all of dev says of a model; of a chooser the records that it gives, evaluated.

    Args:
        options: of the evaluation: with ``--na-threshold 1`` every question is answered.
    """
    path = judged(work, model, *options)
    if path.is_file():
        return
    _, dev = files_of(data, model.data)
    part = path.with_suffix(".part")
    common = ("--engine", "torch", "--device", "cpu", "--threads", "1")  # which keeps nothing in the cache
    with part.open("wb") as file:
        if model.kind in EVALUATIONS:
            command = ("evaluate", EVALUATIONS[model.kind])
            nlptool(*command, "-m", work / model.name, *options, *common, "-f", "jsonl", dev, stdout=file)
        else:
            chosen = work / f"{model.name}.jsonl"
            nlptool("choose", "-m", work / model.name, *common, "-o", chosen, dev)
            nlptool("evaluate", "classification", "-f", "jsonl", chosen, stdout=file)
    part.replace(path)


def results_of(work: Path, model: Model) -> dict[str, Any]:
    """Return what is known of a model; {} if it is not there."""
    path = work / model.name / MANIFESTS[model.kind]
    if not path.is_file() or not judged(work, model).is_file():
        return {}
    about = json.loads(path.read_text(encoding="utf-8"))
    said = json.loads(judged(work, model).read_text(encoding="utf-8"))
    kept = {name: value for name, value in said.items() if name.startswith((*METRICS[model.kind], "has_", "no_answer"))}
    minutes = minutes_file(work, model)
    return {
        "model": model.name,
        "data": model.data,
        "base": about["base"],
        "options": model.options,
        "steps": about["n_steps"],
        "processor_minutes": float(minutes.read_text(encoding="utf-8")) if minutes.is_file() else None,
        "metrics": METRICS[model.kind],
        "scores": kept,
    }


def always_answers(work: Path, model: Model) -> dict[str, Any]:
    """Return the scores of a reader that answers every question."""
    said = json.loads(judged(work, model, "--na-threshold").read_text(encoding="utf-8"))
    return {**results_of(work, model), "model": f"{model.name}, which always answers", "scores": said}


def never_answers(data: Path) -> dict[str, Any]:
    """Return the scores of answering no question at all: the share of questions that have no answer."""
    _, dev = files_of(data, IMPOSSIBLE)
    impossible = [json.loads(line)["is_impossible"] for _, line in read_lines(str(dev))]
    share = sum(impossible) / len(impossible)
    return {
        "model": "never answers", "data": IMPOSSIBLE, "base": "", "steps": None, "processor_minutes": None,
        "metrics": ("exact", "f1"), "scores": {"exact": share, "f1": share},
    }  # fmt: skip


def drawn(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of all results."""
    rows = [
        "| data | model | base | steps | CPU minutes | score on dev | 95 % interval |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        for metric in result["metrics"]:
            interval = "–".join(f"{end:.3f}" for end in result["scores"].get(f"{metric}_interval") or ())
            cells = (
                result["data"], result["model"], result["base"], result["steps"] or "", result["processor_minutes"] or "",
                f"{metric} {result['scores'][metric]:.3f}", interval,
            )  # fmt: skip
            rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
