"""The figures of taggers: ``python tests/benchmarks/taggers.py cold|tag --data FILE``.

FILE is an English text, a sentence a line. Contenders run in turn at equal threads.

cold       one line, the whole process, with a model in a folder that has been converted, against a script with the pipeline of
           transformers
tag        texts of mixed length (1 to 8 sentences of FILE), a BERT of the usual size (12 x 768) with random weights, loading not
           counted, against the pipeline of transformers (token-classification, aggregation_strategy="simple") in batches of
           --sizes, of several the best one, each in a process of its own
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from masked import race, read
from measure import NLPTOOL, about_this_machine, in_turn, ratio, row, seconds, wall

from nlptool import catalog
from nlptool.models.store import locate
from nlptool.models.taggers import loading as tagger_loading
from nlptool.specs import TaggerSpec

LABELS = ("O", *(f"{prefix}-{label}" for label in ("PER", "ORG", "LOC", "MISC") for prefix in "BI"))


def make(folder: Path, **sizes: int) -> None:
    """A BERT of the usual size with a head of the tags of CoNLL-2003, with the tokenizer of MiniLM, which is that of BERT."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForTokenClassification

    torch.manual_seed(0)
    names = dict(enumerate(LABELS))
    config = BertConfig(id2label=names, label2id={label: number for number, label in names.items()}, **sizes)
    BertForTokenClassification(config).save_pretrained(folder)
    source = locate.packaged(catalog.KNOWN["all-MiniLM-L6-v2"])
    AutoTokenizer.from_pretrained(str(source), model_max_length=512).save_pretrained(folder)


def cold(arguments: argparse.Namespace, folder: Path) -> None:
    if arguments.model is None:
        make(folder, num_hidden_layers=4, hidden_size=256, num_attention_heads=4, intermediate_size=1024)
    line = "A painter from Utrecht met two physicists of the university."
    script = (
        "from transformers import pipeline\n"
        f"print(pipeline('token-classification', model={str(folder)!r}, aggregation_strategy='simple')({line!r}))"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(script)
        file.flush()
        commands = {
            "nlptool": f"echo '{line}' | {NLPTOOL} tag -m {folder}",
            "pipeline": f"{sys.executable} {file.name}",
        }
        times = in_turn({name: lambda c=command: wall(c) for name, command in commands.items()}, arguments.rounds)
    row("one line, whole process", "median (range)")
    row("---", "---")
    for name, values in times.items():
        row(name, seconds(values))
    row("pipeline / nlptool", f"{ratio(times, 'pipeline', 'nlptool'):.1f}")


def tag(arguments: argparse.Namespace, folder: Path) -> None:
    if arguments.model is None:
        make(folder)
    race("pipeline", arguments, folder, mixed(arguments), {"nlptool": ours, "pipeline": the_pipeline}, arguments.sizes)


def mixed(arguments: argparse.Namespace) -> list[str]:
    """Texts of 1 to 8 sentences, in no order."""
    numbers = random.Random(1)
    sentences = read(arguments)
    return [" ".join(numbers.choices(sentences, k=numbers.randint(1, 8))) for _ in range(arguments.lines)]


def ours(folder: Path, threads: int) -> Callable[[list[str], int], float]:
    tagger = tagger_loading.locate(TaggerSpec(str(folder), threads=threads, device="cpu")).open()
    (task,) = tagger.tasks.values()

    def run(texts: list[str], _: int) -> float:
        started = time.perf_counter()
        for text, found in zip(texts, tagger.tag(texts, task), strict=True):
            found.entities(text)
        return time.perf_counter() - started

    return run


def the_pipeline(folder: Path, threads: int) -> Callable[[list[str], int], float]:
    import torch
    from transformers import pipeline

    torch.set_num_threads(threads)
    tagger = pipeline("token-classification", model=str(folder), device="cpu", aggregation_strategy="simple")

    def run(texts: list[str], size: int) -> float:
        started = time.perf_counter()
        tagger(texts, batch_size=size)
        return time.perf_counter() - started

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cold", "tag"])
    parser.add_argument("--data", type=Path, help="an English text, a sentence a line")
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument(
        "--sizes", type=lambda given: list(map(int, given.split(","))), default=[32], help="1,8,32, say"
    )
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", type=Path, help="the folder of a tagger")
    arguments = parser.parse_args()
    if arguments.what != "cold" and arguments.data is None:
        parser.error("--data names the text")
    print(about_this_machine(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        {"cold": cold, "tag": tag}[arguments.what](arguments, arguments.model or Path(name))


if __name__ == "__main__":
    main()
