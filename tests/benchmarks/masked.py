"""The figures of masked language models: ``python tests/benchmarks/masked.py cold``, ``... fill-mask|nsp --data english.txt``.

The last two run a BERT of the usual size (12 x 768, 30,522 pieces) with random weights on lines of the text FILE. Contenders run
in turn at equal threads, each in a process of its own, since the waiting threads of one would take the processors of the
other. Loading is not counted; tokenizing, sorting, and finding the five best tokens are.

cold        one line, the whole process, with the built-in model, against a script with the pipeline of transformers
fill-mask   one [MASK] in each line, against the pipeline of transformers at the best of its batch sizes
nsp         each line and the next, against ``BertForNextSentencePrediction`` in batches sorted by length, at the best size
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from measure import NLPTOOL, about_this_machine, in_turn, ratio, row, seconds, wall

from nlptool import catalog
from nlptool.models.masked import loading as masked_loading
from nlptool.models.masked import model as masked_models
from nlptool.models.store import locate
from nlptool.specs import MaskedModelSpec

BATCH_SIZES = (1, 8, 16, 32, 64)
K = 5


def make(folder: Path) -> None:
    """A BERT of the usual size, with the tokenizer of MiniLM, which is that of BERT."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForPreTraining

    torch.manual_seed(0)
    BertForPreTraining(BertConfig()).save_pretrained(folder)
    source = locate.packaged(catalog.KNOWN["all-MiniLM-L6-v2"])
    AutoTokenizer.from_pretrained(str(source), model_max_length=512).save_pretrained(folder)


def cold(arguments: argparse.Namespace) -> None:
    folder = locate.packaged(catalog.KNOWN[catalog.DEFAULT_BERT])
    line = "吾輩は[MASK]である。"
    script = f"from transformers import pipeline; print(pipeline('fill-mask', model={str(folder)!r})({line!r}))"
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(script)
        file.flush()
        commands = {
            "nlptool": f"echo '{line}' | {NLPTOOL} fill-mask",
            "pipeline": f"{sys.executable} {file.name}",
        }
        times = in_turn({name: lambda c=command: wall(c) for name, command in commands.items()}, arguments.rounds)
    row("one line, whole process", "median (range)")
    row("---", "---")
    for name, values in times.items():
        row(name, seconds(values))
    row("pipeline / nlptool", f"{ratio(times, 'pipeline', 'nlptool'):.1f}")


def fill_mask(arguments: argparse.Namespace, folder: Path) -> None:
    lines = read(arguments)
    chosen = random.Random(1)
    texts = []
    for line in lines:
        words = line.split()
        words[chosen.randrange(len(words))] = "[MASK]"
        texts.append(" ".join(words))
    race("pipeline", arguments, folder, texts, {"nlptool": our_fills, "pipeline": the_pipeline})


def nsp(arguments: argparse.Namespace, folder: Path) -> None:
    race("transformers", arguments, folder, list(itertools.pairwise(read(arguments))),
         {"nlptool": our_pairs, "transformers": plain_pairs})  # fmt: skip


def our_fills(folder: Path, threads: int) -> Callable[[list[str], int], float]:
    model = masked_loading.load(MaskedModelSpec(str(folder), threads=threads))
    texts = model.texts

    def run(lines: list[str], _: int) -> float:
        started = time.perf_counter()
        rows = [texts.model_input(cut.ids, positions=[cut.ids.index(texts.mask_id)]) for cut in texts.tokenize(lines)]
        best: list[list[str]] = [[]] * len(rows)
        for index, logits in model.logits(rows):
            found = masked_models.log_softmax(logits)[0]
            order = np.argpartition(found, -K)[-K:]
            best[index] = [texts.text([int(id)]) for id in order[np.argsort(-found[order])]]
        return time.perf_counter() - started

    return run


def the_pipeline(folder: Path, threads: int) -> Callable[[list[str], int], float]:
    import torch
    from transformers import pipeline

    torch.set_num_threads(threads)
    filler = pipeline("fill-mask", model=str(folder), device="cpu", top_k=K)

    def run(lines: list[str], size: int) -> float:
        started = time.perf_counter()
        filler(lines, batch_size=size)
        return time.perf_counter() - started

    return run


def our_pairs(folder: Path, threads: int) -> Callable[[list[tuple[str, str]], int], float]:
    model = masked_loading.load(MaskedModelSpec(str(folder), threads=threads), head="nsp")

    def run(pairs: list[tuple[str, str]], _: int) -> float:
        started = time.perf_counter()
        first, second = zip(*pairs, strict=True)
        cuts = zip(model.texts.tokenize(first), model.texts.tokenize(second), strict=True)
        np.exp(masked_models.log_softmax(model.next_sentence([model.texts.model_input(a.ids, b.ids) for a, b in cuts])))
        return time.perf_counter() - started

    return run


def plain_pairs(folder: Path, threads: int) -> Callable[[list[tuple[str, str]], int], float]:
    import torch
    from transformers import AutoTokenizer, BertForNextSentencePrediction

    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    network = BertForNextSentencePrediction.from_pretrained(str(folder)).eval()

    @torch.inference_mode()
    def run(pairs: list[tuple[str, str]], size: int) -> float:
        started = time.perf_counter()
        encoded = tokenizer([a for a, _ in pairs], [b for _, b in pairs])
        order = sorted(range(len(pairs)), key=lambda index: len(encoded["input_ids"][index]))
        for start in range(0, len(order), size):
            batch = [{name: values[index] for name, values in encoded.items()} for index in order[start : start + size]]
            network(**tokenizer.pad(batch, return_tensors="pt")).logits.softmax(-1).tolist()
        return time.perf_counter() - started

    return run


def race(
    peer: str,
    arguments: argparse.Namespace,
    folder: Path,
    items: list,
    contenders: dict,
    sizes: Sequence[int] = BATCH_SIZES,
) -> None:
    """``nlptool`` and its peer, which is tried with all batch sizes on a fifth of the items first."""
    spawned = multiprocessing.get_context("spawn")
    ends = {}
    for name, make_one in contenders.items():
        ends[name], theirs = spawned.Pipe()
        spawned.Process(target=serve, args=(make_one, folder, arguments.threads, theirs), daemon=True).start()

    def timed(name: str, some: list, size: int) -> float:
        ends[name].send((some, size))
        return ends[name].recv()

    sample = items[::5]
    timed(peer, sample[:8], 8)
    tried = {size: timed(peer, sample, size) for size in sizes}
    best = min(tried, key=lambda size: tried[size])
    times = in_turn({name: lambda n=name: timed(n, items, best) for name in contenders}, arguments.rounds)
    row(f"{len(items):,} {arguments.what}, {arguments.threads} threads", "median (range)", "a second")
    row("---", "---", "---")
    for name, values in times.items():
        label = name if name == "nlptool" else f"{name}, batches of {best}"
        row(label, seconds(values), f"{len(items) / statistics.median(values):,.1f}")
    row(f"{peer} / nlptool", f"{ratio(times, peer, 'nlptool'):.2f}", "")


def serve(make_one: Callable, folder: Path, threads: int, end) -> None:
    """Go through what comes and send the seconds that it took. Ends with the pipe."""
    run = make_one(folder, threads)
    with contextlib.suppress(EOFError):
        while True:
            end.send(run(*end.recv()))


def read(arguments: argparse.Namespace) -> list[str]:
    with arguments.data.open(encoding="utf-8") as lines:
        return list(itertools.islice((line.strip() for line in lines if len(line.split()) > 2), arguments.lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cold", "fill-mask", "nsp"])
    parser.add_argument("--data", type=Path, help="an English text, a sentence a line")
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", type=Path, help="a folder to keep the model in")
    arguments = parser.parse_args()
    if arguments.what != "cold" and arguments.data is None:
        parser.error("--data names the text")
    print(about_this_machine(), flush=True)
    if arguments.what == "cold":
        cold(arguments)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.model or Path(name)
        if not (folder / "config.json").is_file():
            make(folder)
        (fill_mask if arguments.what == "fill-mask" else nsp)(arguments, folder)


if __name__ == "__main__":
    main()
