"""How fast texts are scored by a GPT: ``python tests/benchmarks/scoring.py --data FILE [--size small|aozora]``.

The first lines of FILE, of mixed length, are scored by a GPT-2 with random weights and a byte-level tokenizer that is learned
from them: by nlptool in process (``models.generation.likelihood``), and by a plain loop over transformers' GPT2LMHeadModel in
batches of lines sorted by length, without gradients, at the best of several batch sizes. Both give the log-probability of every
token; the largest difference is printed. nlptool also runs in 8-bit integers. With equal threads, in turn; medians.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import about_this_machine, in_turn, ratio, row, seconds
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from nlptool.models.generation import likelihood, loading
from nlptool.specs import GeneratorSpec

SIZES = {
    "small": {"n_layer": 12, "n_embd": 768, "n_head": 12, "vocab_size": 50257},
    "aozora": {"n_layer": 5, "n_embd": 256, "n_head": 4, "vocab_size": 7000, "n_positions": 256},
}
BATCHES = (8, 16, 32, 64)
END = "<|endoftext|>"


def made(folder: Path, lines: list[str], size: str) -> Any:
    """Write a GPT-2 with random weights and its tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=6000, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(lines, trainer)
    whole = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=END, eos_token=END)
    torch.manual_seed(0)
    network = GPT2LMHeadModel(GPT2Config(**SIZES[size], bos_token_id=0, eos_token_id=0)).eval()
    network.save_pretrained(folder)
    whole.save_pretrained(folder)
    return whole


@torch.inference_mode()
def plainly(network: Any, texts: list[list[int]], batch_size: int) -> list[NDArray[np.float32]]:
    """Return the log-probability of each token but the first of each text."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    found: list[NDArray[np.float32]] = [np.zeros(0, np.float32)] * len(texts)
    for first in range(0, len(order), batch_size):
        rows = order[first : first + batch_size]
        width = max(len(texts[row]) for row in rows)
        ids, mask = torch.zeros((len(rows), width), dtype=torch.long), torch.zeros((len(rows), width), dtype=torch.long)
        for place, row_ in enumerate(rows):
            ids[place, : len(texts[row_])] = torch.tensor(texts[row_])
            mask[place, : len(texts[row_])] = 1
        logits = network(input_ids=ids, attention_mask=mask).logits[:, :-1]
        values = logits.log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
        for place, row_ in enumerate(rows):
            found[row_] = values[place, : len(texts[row_]) - 1].numpy()
    return found


def timed(run: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--size", choices=list(SIZES), default="small")
    parser.add_argument("--engine", choices=["auto", "ct2", "numpy", "torch"], default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    lines = [line for line in arguments.data.read_text(encoding="utf-8").split("\n") if line.strip()]
    lines = lines[: arguments.lines]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokenizer = made(folder, lines, arguments.size)
        network = GPT2LMHeadModel.from_pretrained(folder).eval()
        positions = network.config.n_positions
        texts = [[0, *tokenizer(line).input_ids][:positions] for line in lines]
        kept = [tokenizer.decode(ids[1:]) for ids in texts]
        texts = [[0, *tokenizer(line).input_ids] for line in kept]
        spec = GeneratorSpec(
            str(folder), engine=arguments.engine, needs="scoring", threads=arguments.threads, device="cpu"
        )
        model = loading.load(spec)
        largest = max(
            float(np.abs(one.log_probabilities - other).max(initial=0))
            for one, other in zip(likelihood.of_texts(model, kept), plainly(network, texts, 8), strict=True)
        )
        in_int8 = loading.load(replace(spec, engine="auto", quantize="int8"))
        off = np.concatenate([
            np.abs(one.log_probabilities - other.log_probabilities)
            for one, other in zip(likelihood.of_texts(model, kept), likelihood.of_texts(in_int8, kept), strict=True)
        ])  # fmt: skip
        runs: dict[str, Callable[[], float]] = {
            f"nlptool ({model.engine})": partial(timed, lambda: likelihood.of_texts(model, kept)),
            "nlptool --quantize int8": partial(timed, lambda: likelihood.of_texts(in_int8, kept)),
        }
        for size in BATCHES:
            runs[f"loop, {size} lines"] = partial(timed, partial(plainly, network, texts, size))
        times = in_turn(runs, arguments.rounds)
    n_tokens = sum(map(len, texts)) - len(texts)
    row(f"{len(texts):,} lines, {n_tokens:,} tokens, {arguments.size}", "median (range)", "tokens/s")
    row("---", "---", "---")
    for name, values in times.items():
        row(name, seconds(values), f"{n_tokens / float(np.median(values)):,.0f}")
    best = min((name for name in times if name.startswith("loop")), key=lambda name: float(np.median(times[name])))
    for name in times:
        if name.startswith("nlptool"):
            row(f"{best} / {name}", f"{ratio(times, best, name):.2f} ×", "")
    print(f"\nLargest difference of a log-probability: {largest:.1e}; in 8 bits {off.mean():.1e} on average.")
    print(about_this_machine())


if __name__ == "__main__":
    main()
