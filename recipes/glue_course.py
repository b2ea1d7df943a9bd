"""Train the model of the course's page on GLUE: ``python recipes/glue_course.py DATA WORK [--gpu]``.

DATA holds ``labelled``. Three sets have stand-ins: sentences of BLiMP for CoLA, reviews of ``sentiment_uci_en`` for SST-2, and
``snli_small`` for MNLI; of QNLI and WNLI there are parts. WORK gets the first two in GLUE's shape, the model, and
``glue_course.txt``, its answers to the samples of ``tests/data/glue``: the same command goes on from there after an interruption.

The model is ``multilingual-e5-small`` with a head for each of these five tasks, and is not shipped. About six minutes on one core
of a processor that computes in bfloat16.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from command_line import nlptool
from finetuning import E5, ON_CPU, ON_GPU

from nlptool.storage.text_files import read_lines

NAME = "glue-english"
SAMPLES = Path(__file__).parent.parent / "tests" / "data" / "glue"
OPTIONS = f"--method finetune {E5} --dropout 0 --max-steps 480 --evaluations 2 --keep last"
VIETNAMESE = re.compile("[\u0102\u0103\u0110\u0111\u01a0-\u01b0\u1ea0-\u1ef9]")  # letters that English lacks

# Task -> the folder of its data, of DATA or, made here, of WORK.
FOLDERS = {
    "cola": "cola",
    "sst2": "sst2",
    "mnli": "labelled/snli_small",
    "qnli": "labelled/qnli",
    "wnli": "labelled/wnli",
}
WNLI_DEV = "0.2"  # it has no dev file here
TASK_OF = {"rte": "mnli"}  # samples that the head of another task judges


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--gpu", action="store_true")
    arguments = parser.parse_args()
    data, work = arguments.data, arguments.work
    write_cola(data / "labelled" / "blimp" / "dev.jsonl.xz", work / "cola")
    for part in ("train", "dev"):
        write_sst2(data / "labelled" / "sentiment_uci_en" / f"{part}.jsonl", work / "sst2" / f"{part}.tsv")
    model = work / NAME
    if not model.is_dir():
        nlptool(
            "train", "classifier", *OPTIONS.split(), *(ON_GPU if arguments.gpu else ON_CPU).split(), *task_options(data, work),
            "--resume", "--checkpoint-dir", work / f"{NAME}.work", "--plot", work / f"{NAME}.png", "-o", model,
        )  # fmt: skip
    with (work / "glue_course.txt").open("wb") as answers:
        for name in (*FOLDERS, *TASK_OF):
            task = ("--task", TASK_OF.get(name, name), "--columns", f"glue:{name}")
            nlptool("classify", "-m", model, *task, "-f", "table", SAMPLES / f"{name}.tsv", stdout=answers)


def task_options(data: Path, work: Path) -> Iterator[str]:
    """Yield the options that name the tasks and their files."""
    for task, folder in FOLDERS.items():
        of_task = (data if "/" in folder else work) / folder
        train, dev = (next(iter(sorted(of_task.glob(f"{part}.*"))), None) for part in ("train", "dev"))
        yield from (
            "--task",
            f"{task}={train}",
            "--dev",
            f"{task}={dev or WNLI_DEV}",
            "--columns",
            f"{task}=glue:{task}",
        )


def write_cola(source: Path, folder: Path) -> None:
    """Write ``train.tsv`` and ``dev.tsv`` in the shape of CoLA: the paradigm, 0 or 1, a star, the sentence.

    The last paradigm of each phenomenon makes the dev part, so that training and dev have no paradigm in common.
    """
    pairs = list(records(source))
    paradigms: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        paradigms[pair["phenomenon"]].add(pair["paradigm"])
    held_out = {max(names) for names in paradigms.values()}
    for part, is_dev in (("train", False), ("dev", True)):
        rows = [
            (pair["paradigm"], label, mark, pair[kind])
            for pair in pairs
            if (pair["paradigm"] in held_out) is is_dev
            for kind, label, mark in (("good", "1", ""), ("bad", "0", "*"))
        ]
        write(folder / f"{part}.tsv", rows)


def write_sst2(source: Path, path: Path) -> None:
    """Write a file in the shape of SST-2, without the few sentences of the source that are not English."""
    english = [
        (row["sentence"], str(row["label"])) for row in records(source) if not VIETNAMESE.search(row["sentence"])
    ]
    write(path, [("sentence", "label"), *english])


def records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of JSONL, plain or compressed."""
    for _, line in read_lines(str(path)):
        yield json.loads(line)


def write(path: Path, rows: Iterable[tuple[str, ...]]) -> None:
    """Write a table with tabs, whose cells are not quoted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join("\t".join(cell.replace("\t", " ") for cell in row) + "\n" for row in rows), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
