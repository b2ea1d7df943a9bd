"""The speed of vectors of tokens in context: ``python tests/benchmarks/contextual.py --data FILE``.

FILE is an English text, a sentence a line. The network is a BERT of the usual size (12 x 768) with random weights; loading is not
counted. Its peer is the loop as one would write it with transformers: texts sorted by their length, in batches of one size, of
which the best is taken, the hidden states of the last layer, those of padding and special tokens left out. Each contender is a
process of its own; they run in turn at equal threads, from texts to arrays.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from classifiers import make
from masked import race, read
from measure import about_this_machine

from nlptool.models.contextual import loading
from nlptool.specs import ContextualSpec


def ours(folder: Path, threads: int) -> Callable[[list[str], int], float]:
    model = loading.load(ContextualSpec(str(folder), threads=threads, device="cpu"))

    def run(lines: list[str], _: int) -> float:
        started = time.perf_counter()
        model.vectors(model.read(lines), [model.n_layers])
        return time.perf_counter() - started

    return run


def the_loop(folder: Path, threads: int) -> Callable[[list[str], int], float]:
    import torch
    from transformers import AutoModel, AutoTokenizer

    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    network = AutoModel.from_pretrained(str(folder)).eval()

    @torch.inference_mode()
    def run(lines: list[str], size: int) -> float:
        started = time.perf_counter()
        order = sorted(range(len(lines)), key=lambda index: -len(lines[index]))
        found = [None] * len(lines)
        for first in range(0, len(order), size):
            batch = order[first : first + size]
            inputs = tokenizer(
                [lines[index] for index in batch], padding=True, truncation=True, return_special_tokens_mask=True,
                return_tensors="pt",
            )  # fmt: skip
            special = inputs.pop("special_tokens_mask").bool()
            states = network(**inputs, output_hidden_states=True).hidden_states[-1]
            for row, index in enumerate(batch):
                found[index] = states[row, ~special[row]].numpy()
        return time.perf_counter() - started

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="an English text, a sentence a line")
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    arguments.what = "sentences"
    print(about_this_machine(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        make(Path(name))
        race("transformers", arguments, Path(name), read(arguments), {"nlptool": ours, "transformers": the_loop})


if __name__ == "__main__":
    main()
