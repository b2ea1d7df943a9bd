"""The figures of encoder–decoders: ``python tests/benchmarks/seq2seq.py train``.

``train``: tokens/s of ``train seq2seq``, with the making of its batches, against a bare PyTorch loop over the same batches, which
are there already: the same Transformer, the same loss and optimizer, equal threads; in turn, in one process. The bare loop takes
torch's own loss at all positions, padding left out of it, as one would write it by hand.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import tempfile
import time
from pathlib import Path

import torch
from measure import about_this_machine, row
from torch.nn import functional

from nlptool.models.seq2seq.config import PAD
from nlptool.records.pipe import Pipe
from nlptool.tasks.train import seq2seq_corpus
from nlptool.tasks.train.seq2seq_corpus import Side
from nlptool.training.seq2seq.examples import Batch
from nlptool.training.seq2seq.trainer import Corpus, Seq2SeqSettings, Seq2SeqTraining

_BATCHES = 40
_SMOOTHING = 0.1


def train(arguments: argparse.Namespace, folder: Path) -> None:
    """Each contender takes so many steps in turn; the ratio is the median over the turns."""
    torch.set_num_threads(arguments.threads)
    data = corpus(arguments.data, folder)
    settings = Seq2SeqSettings(layers=3, label_smoothing=_SMOOTHING, batch_tokens=arguments.batch_tokens, max_steps=1)
    training = Seq2SeqTraining(data, settings, folder)
    bare = Bare(Seq2SeqTraining(data, settings, folder))
    optimizer = training._optimizer()
    taken = itertools.count()

    def ours() -> float:
        first = next(taken) * arguments.steps % _BATCHES
        batches = itertools.islice(training.batches(first), arguments.steps)  # the making of them is in the time
        started, n_tokens = time.perf_counter(), 0.0
        for step, batch in enumerate(batches):
            n_tokens += float(training._step(optimizer, [batch], step)["tokens"])
        return n_tokens / (time.perf_counter() - started)

    rates: dict[str, list[float]] = {"train seq2seq": [], "a bare PyTorch loop": []}
    for turn in range(arguments.rounds + 1):
        for name, run in zip(rates, (ours, lambda: bare.run(arguments.steps)), strict=True):
            rate = run()
            if turn:
                rates[name].append(rate)
    row(f"training of 3 + 3 × 256, {arguments.batch_tokens:,} tokens a batch", "tokens/s, median")
    row("---", "---")
    for name, values in rates.items():
        row(name, f"{statistics.median(values):,.0f}")
    share = statistics.median(a / b for a, b in zip(*rates.values(), strict=True))
    row("train seq2seq / bare loop", f"{share:.3f}")


class Bare:
    """What one would write by hand: the same batches in memory, the same loss, AdamW."""

    def __init__(self, training: Seq2SeqTraining) -> None:
        self.network = training.network.train()
        self.batches = [tensors(batch) for batch in itertools.islice(training.batches(0), _BATCHES)]
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-4, fused=True)
        self.n_done = 0

    def run(self, n_steps: int) -> float:
        n_tokens, started = 0, time.perf_counter()
        for number in range(self.n_done, self.n_done + n_steps):
            source, inputs, targets, n = self.batches[number % _BATCHES]
            logits = self.network(source, inputs)
            loss = functional.cross_entropy(
                logits.flatten(0, 1), targets.flatten(), ignore_index=PAD, label_smoothing=_SMOOTHING
            )
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            loss.item()
            n_tokens += n
        self.n_done += n_steps
        return n_tokens / (time.perf_counter() - started)


def tensors(batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]:
    """Source, inputs and targets, all with their padding, and the number of tokens."""
    targets = torch.zeros(batch.inputs.size, dtype=torch.int64)
    targets[torch.from_numpy(batch.positions)] = torch.from_numpy(batch.targets)
    return (
        torch.from_numpy(batch.source),
        torch.from_numpy(batch.inputs),
        targets.view(batch.inputs.shape),
        batch.n_tokens,
    )


def corpus(data: Path | None, folder: Path) -> Corpus:
    """The pairs of a file; of numbers and their names in words, as long as sentences, without one."""
    if data is None:
        rng = random.Random(1)
        words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
        data = folder / "numbers.tsv"
        with data.open("w", encoding="utf-8") as lines:
            for _ in range(20_000):
                digits = rng.choices(range(10), k=rng.randint(4, 14))
                lines.write(f"{' '.join(words[digit] for digit in digits)}\t{''.join(map(str, digits))}\n")
    pipe = Pipe("train", files=(str(data),), quiet=True)
    side = Side("auto", 8000, lowercase=False)
    return seq2seq_corpus.corpus(pipe, (side, side), names=None, dev=0.0, max_length=128)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train"])
    parser.add_argument("--data", type=Path, help="pairs with a tab between them; made up otherwise")
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=8)
    arguments = parser.parse_args()
    print(about_this_machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        train(arguments, Path(folder))


if __name__ == "__main__":
    main()
