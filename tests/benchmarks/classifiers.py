"""The figures of classifiers: ``python tests/benchmarks/classifiers.py cold``, ``... classify|finetune|linear --data FILE``.

FILE is JSONL with a text and a label a record. Contenders run in turn at equal threads.

cold       one line, the whole process, with the built-in model, against a script with the pipeline of transformers
classify   the texts of FILE, a BERT of the usual size (12 x 768) with random weights, loading not counted, against the pipeline
           of transformers (text-classification) at the best of its batch sizes, each in a process of its own
finetune   examples a second of a training step, with the making of its batches, against a bare PyTorch loop over batches that are
           there already and are sorted by length; and against transformers' Trainer at its defaults (which needs accelerate)
linear     the whole process of ``train classifier --method linear`` on the first 10,000 texts
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from masked import race
from measure import NLPTOOL, about_this_machine, in_turn, ratio, row, seconds, wall

from nlptool import catalog
from nlptool.models.classifiers import loading as classifier_loading
from nlptool.models.heads.task import Task
from nlptool.models.heads.tokenizer import TextTokenizer
from nlptool.models.store import locate
from nlptool.specs import ClassifierSpec
from nlptool.storage.text_files import read_lines

LABELS = 4
STEPS = 20


def make(folder: Path) -> None:
    """A BERT of the usual size with a head of ``LABELS`` labels, with the tokenizer of MiniLM, which is that of BERT."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    BertForSequenceClassification(BertConfig(num_labels=LABELS)).save_pretrained(folder)
    source = locate.packaged(catalog.KNOWN["all-MiniLM-L6-v2"])
    AutoTokenizer.from_pretrained(str(source), model_max_length=512).save_pretrained(folder)


def cold(arguments: argparse.Namespace) -> None:
    folder = locate.find("bert-mini-ja", plain=True)
    line = "ダブルベッドの部屋はありますか。"
    script = (
        "from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline\n"
        f"print(pipeline('text-classification', model={str(folder)!r})({line!r}))"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(script)
        file.flush()
        commands = {
            "nlptool": f"echo '{line}' | {NLPTOOL} classify --task topic",
            "pipeline": f"{sys.executable} {file.name}",
        }
        times = in_turn({name: lambda c=command: wall(c) for name, command in commands.items()}, arguments.rounds)
    row("one line, whole process", "median (range)")
    row("---", "---")
    for name, values in times.items():
        row(name, seconds(values))
    row("pipeline / nlptool", f"{ratio(times, 'pipeline', 'nlptool'):.1f}")


def classify(arguments: argparse.Namespace, folder: Path) -> None:
    make(folder)
    texts = [text for text, _ in read(arguments)]
    race("pipeline", arguments, folder, texts, {"nlptool": ours, "pipeline": the_pipeline})


def ours(folder: Path, threads: int) -> Callable[[list[str], int], float]:
    classifier = classifier_loading.locate(ClassifierSpec(str(folder), threads=threads, device="cpu")).open()
    (task,) = classifier.tasks.values()

    def run(lines: list[str], _: int) -> float:
        started = time.perf_counter()
        classifier.outputs([(line,) for line in lines], task)
        return time.perf_counter() - started

    return run


def the_pipeline(folder: Path, threads: int) -> Callable[[list[str], int], float]:
    import torch
    from transformers import pipeline

    torch.set_num_threads(threads)
    classifier = pipeline("text-classification", model=str(folder), device="cpu", top_k=None)

    def run(lines: list[str], size: int) -> float:
        started = time.perf_counter()
        classifier(lines, batch_size=size, truncation=True)
        return time.perf_counter() - started

    return run


def finetune(arguments: argparse.Namespace, folder: Path) -> None:
    """Each contender takes ``STEPS`` steps in turn; the ratio is the median over the turns."""
    import torch

    from nlptool.training.finetuning import network as classifier_network
    from nlptool.training.finetuning.examples import Rows, TaskData
    from nlptool.training.finetuning.trainer import Finetuning, FinetuningSettings

    torch.set_num_threads(arguments.threads)
    base = locate.find(arguments.base, plain=True)
    found = read(arguments)
    names = sorted({label for _, label in found})
    task = Task("", "classification", 1, tuple(names), "accuracy")
    network = classifier_network.new(base, arguments.base, [task], pooling="cls")
    tokenizer, about = classifier_network.tokenizer(base, network, max_length=128)
    texts = TextTokenizer(tokenizer, about)
    tokenized = texts.read([(text,) for text, _ in found])
    targets = torch.tensor([names.index(label) for _, label in found]).numpy()
    data = TaskData(task, Rows([(each.chunks[0],) for each in tokenized], targets), Rows([], targets[:0]))
    settings = FinetuningSettings(base=arguments.base, max_steps=1)
    inputs = {"pad_id": about["pad_id"], "types": about["types"]}
    training = Finetuning(network, [data], settings, folder, **inputs)
    training.network.train()
    optimizer = training._optimizer()
    taken = itertools.count()

    def our_steps() -> float:
        batches = itertools.islice(training.batches(next(taken) * STEPS), STEPS)
        started, n_examples = time.perf_counter(), 0
        for step, batch in enumerate(batches):
            training._step(optimizer, [batch], step)
            n_examples += len(batch.ids)
        return n_examples / (time.perf_counter() - started)

    contenders = {"train classifier": our_steps, "a bare PyTorch loop": bare(base, names, data, training._batches)}
    if importlib.util.find_spec("accelerate") is not None:
        contenders["transformers' Trainer"] = trainer(base, names, found, folder, arguments.threads)
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(arguments.rounds + 1):
        for name, run in contenders.items():
            rate = run()
            if turn:
                rates[name].append(rate)
    row(f"fine-tuning of {arguments.base}, batches of 32, {arguments.threads} threads", "examples/s, median", "of ours")
    row("---", "---", "---")
    for name, values in rates.items():
        ratios = [theirs / mine for theirs, mine in zip(values, rates["train classifier"], strict=True)]
        row(name, f"{statistics.median(values):,.1f}", f"{statistics.median(ratios):.2f}")


def bare(base: Path, names: list[str], data: Any, batches: Any) -> Callable[[], float]:
    """The loop as one would write it by hand, over the same batches."""
    import torch
    from transformers import AutoModelForSequenceClassification

    network = AutoModelForSequenceClassification.from_pretrained(str(base), num_labels=len(names)).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-5, weight_decay=0.01)
    ready = [
        {
            "input_ids": torch.from_numpy(batch.ids),
            "attention_mask": torch.from_numpy(batch.mask),
            "token_type_ids": torch.from_numpy(batch.types),
            "labels": torch.from_numpy(batch.targets),
        }
        for batch in itertools.islice(batches.batches(), STEPS)
    ]

    def run() -> float:
        started, n_examples = time.perf_counter(), 0
        for batch in ready:
            optimizer.zero_grad()
            network(**batch).loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            n_examples += len(batch["labels"])
        return n_examples / (time.perf_counter() - started)

    return run


def trainer(
    base: Path, names: list[str], found: list[tuple[str, str]], folder: Path, threads: int
) -> Callable[[], float]:
    """transformers' Trainer at its defaults, with batches of 32: its padding of each batch, and no sorting."""
    import torch
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    tokenizer = AutoTokenizer.from_pretrained(str(base))
    network = AutoModelForSequenceClassification.from_pretrained(str(base), num_labels=len(names))
    examples = [
        {**tokenizer(text, truncation=True, max_length=128), "labels": names.index(label)}
        for text, label in found[: STEPS * 32]
    ]
    settings = TrainingArguments(
        output_dir=str(folder / "trainer"), per_device_train_batch_size=32, max_steps=STEPS, use_cpu=True,
        save_strategy="no", report_to=[], disable_tqdm=True, logging_strategy="no",
    )  # fmt: skip

    def run() -> float:
        torch.set_num_threads(threads)
        one = Trainer(
            model=network, args=settings, train_dataset=examples, data_collator=DataCollatorWithPadding(tokenizer)
        )  # fmt: skip
        return float(one.train().metrics["train_samples_per_second"])

    return run


def linear(arguments: argparse.Namespace, folder: Path) -> None:
    examples = folder / "examples.jsonl"
    lines = [json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in read(arguments)]
    examples.write_text("\n".join(lines), encoding="utf-8")
    command = (
        f"{NLPTOOL} train classifier -q --method linear --base static-ja-en --threads {arguments.threads} "
        f"-o {folder / 'made'} {examples}"
    )
    times = in_turn({"nlptool": lambda: wall(command)}, arguments.rounds)
    row(f"train classifier --method linear, {len(lines):,} texts, {arguments.threads} threads", "median (range)")
    row("---", "---")
    row("whole process", seconds(times["nlptool"]))


def read(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    records = (json.loads(line) for _, line in read_lines(str(arguments.data)) if line.strip())
    found = ((record.get("text") or record["sentence"], str(record["label"])) for record in records)
    return list(itertools.islice(found, arguments.lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cold", "classify", "finetune", "linear"])
    parser.add_argument("--data", type=Path, help="labelled texts, JSONL")
    parser.add_argument("--base", default="bert-mini-ja", help="of finetune")
    parser.add_argument("--lines", type=int)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.what != "cold" and arguments.data is None:
        parser.error("--data names the examples")
    arguments.lines = arguments.lines or {"linear": 10_000}.get(arguments.what, 5000)
    print(about_this_machine(), flush=True)
    if arguments.what == "cold":
        cold(arguments)
        return
    with tempfile.TemporaryDirectory() as name:
        {"classify": classify, "finetune": finetune, "linear": linear}[arguments.what](arguments, Path(name))


if __name__ == "__main__":
    main()
