"""The figures of readers: ``python tests/benchmarks/readers.py answer --data FILE``.

FILE is an English text, a sentence a line. Contenders run in turn at equal threads.

answer     questions about contexts of mixed length (1 to 20 sentences of FILE), a BERT of the usual size (12 x 768) with random
           weights, loading not counted, against a plain loop with transformers, AutoModelForQuestionAnswering: the windows of
           all questions (384 tokens, of which 128 are shared), sorted by their length, in batches of --sizes, of several the best
           one, each in a process of its own; of each window the best span by the sum of two logits
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from masked import race, read
from measure import about_this_machine

from nlptool import catalog
from nlptool.models.readers import loading as reader_loading
from nlptool.models.store import locate
from nlptool.specs import ReaderSpec

LONGEST, OVERLAP, MOST = 384, 128, 30


def make(folder: Path, **sizes: int) -> None:
    """A BERT of the usual size with a head for questions, with the tokenizer of MiniLM, which is that of BERT."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForQuestionAnswering

    torch.manual_seed(0)
    BertForQuestionAnswering(BertConfig(**sizes)).save_pretrained(folder)
    source = locate.packaged(catalog.KNOWN["all-MiniLM-L6-v2"])
    AutoTokenizer.from_pretrained(str(source), model_max_length=512).save_pretrained(folder)


def answer(arguments: argparse.Namespace, folder: Path) -> None:
    if arguments.model is None:
        make(folder)
    race(
        "a sorted loop",
        arguments,
        folder,
        asked(arguments),
        {"nlptool": ours, "a sorted loop": a_loop},
        arguments.sizes,
    )


def asked(arguments: argparse.Namespace) -> list[str]:
    """Questions, each with a context of 1 to 20 sentences behind a tab, in no order."""
    numbers = random.Random(1)
    sentences = read(arguments)
    return [
        f"{numbers.choice(sentences)[:80]}\t{' '.join(numbers.choices(sentences, k=numbers.randint(1, 20)))}"
        for _ in range(arguments.lines)
    ]


def ours(folder: Path, threads: int) -> Callable[[list[str], int], float]:
    spec = ReaderSpec(str(folder), threads=threads, device="cpu", max_length=LONGEST, stride=LONGEST - OVERLAP)
    reader = reader_loading.locate(spec).open()

    def run(texts: list[str], _: int) -> float:
        items = [(question, context) for question, _, context in (text.partition("\t") for text in texts)]
        started = time.perf_counter()
        reader.read(items, k=1, most_tokens=MOST)
        return time.perf_counter() - started

    return run


def a_loop(folder: Path, threads: int) -> Callable[[list[str], int], float]:
    import torch
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForQuestionAnswering.from_pretrained(folder).eval()

    def run(texts: list[str], size: int) -> float:
        questions, contexts = zip(*(text.split("\t", 1) for text in texts), strict=True)
        started = time.perf_counter()
        windows = tokenizer(
            list(questions), list(contexts), truncation="only_second", max_length=LONGEST, stride=OVERLAP,
            return_overflowing_tokens=True,
        )  # fmt: skip
        order = sorted(range(len(windows["input_ids"])), key=lambda index: len(windows["input_ids"][index]))
        for first in range(0, len(order), size):
            batch = [
                {name: windows[name][index] for name in ("input_ids", "token_type_ids")}
                for index in order[first : first + size]
            ]
            inputs = tokenizer.pad(batch, return_tensors="pt")
            with torch.inference_mode():
                found = model(**inputs)
            scores = found.start_logits[:, :, None] + found.end_logits[:, None, :]
            scores.triu().tril(MOST - 1).flatten(1).argmax(1).tolist()
        return time.perf_counter() - started

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["answer"])
    parser.add_argument("--data", type=Path, required=True, help="an English text, a sentence a line")
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument(
        "--sizes", type=lambda given: list(map(int, given.split(","))), default=[32], help="1,8,32, say"
    )
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", type=Path, help="the folder of a reader")
    arguments = parser.parse_args()
    print(about_this_machine(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        answer(arguments, arguments.model or Path(name))


if __name__ == "__main__":
    main()
