"""The figures of BERT: ``python tests/benchmarks/bert.py train``.

``train``: tokens/s of ``train bert``, with the making of its examples, against a bare PyTorch loop over batches that are there
already, on the same network with equal threads: in turn, in one process.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path

import torch
from measure import about_this_machine, row
from torch.nn import functional

from nlptool.training.bert import tokenizer as bert_tokenizers
from nlptool.training.bert.corpus import Store
from nlptool.training.bert.trainer import BertSettings, BertTraining
from nlptool.training.tokenized_corpus import Corpus

SAMPLE = Path(__file__).parent.parent / "data" / "yume_juya.txt"


def train(arguments: argparse.Namespace, folder: Path) -> None:
    """Each contender takes so many steps in turn; the ratio is the median over the turns."""
    torch.set_num_threads(arguments.threads)
    training = prepared(folder, arguments)
    bare = Bare(prepared(folder, arguments))
    optimizer = training._optimizer()
    batches = training.batches(0)

    def ours() -> float:
        started, n_tokens = time.perf_counter(), 0.0
        for step in range(arguments.steps):
            n_tokens += float(training._step(optimizer, [next(batches)], step)["tokens"])
        return n_tokens / (time.perf_counter() - started)

    rates: dict[str, list[float]] = {"train bert": [], "a bare PyTorch loop": []}
    for turn in range(arguments.rounds + 1):
        for name, run in zip(rates, (ours, lambda: bare.run(arguments.steps)), strict=True):
            rate = run()
            if turn:
                rates[name].append(rate)
    row("training of 4 × 256, 32 × 128 tokens", "tokens/s, median")
    row("---", "---")
    for name, values in rates.items():
        row(name, f"{statistics.median(values):,.0f}")
    share = statistics.median(a / b for a, b in zip(*rates.values(), strict=True))
    row("train bert / bare loop", f"{share:.3f}")


class Bare:
    """What one would write by hand: batches in memory, the same losses, AdamW."""

    def __init__(self, training: BertTraining) -> None:
        made = itertools.islice(training.batches(0), 20)
        self.network = training.network
        self.batches = itertools.cycle(
            [
                [torch.from_numpy(each) for each in (b.ids, b.token_types, b.positions, b.targets, b.nsp_labels)]
                for b in made
            ]
        )
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-4, fused=True)

    def run(self, n_steps: int) -> float:
        network, n_tokens, started = self.network, 0, time.perf_counter()
        for ids, token_types, positions, targets, labels in itertools.islice(self.batches, n_steps):
            found = network.bert(input_ids=ids, token_type_ids=token_types)
            words = network.cls.predictions(found.last_hidden_state.flatten(0, 1)[positions])
            loss = functional.cross_entropy(words, targets)
            loss = loss + functional.cross_entropy(network.cls.seq_relationship(found.pooler_output), labels)
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            self.optimizer.step()
            n_tokens += ids.numel()
        return n_tokens / (time.perf_counter() - started)


def prepared(folder: Path, arguments: argparse.Namespace) -> BertTraining:
    """A training on the sample text, or on FILE, with nothing but full sequences."""
    store = Store(folder, "sample")
    if not store.exists():
        words = bert_tokenizers.words("unidic")
        corpus, split = Corpus(), words.splitter()
        with (arguments.corpus or SAMPLE).open(encoding="utf-8") as lines:
            text = list(itertools.islice(lines, 20_000)) * (1 if arguments.corpus else 5)
        for number, line in enumerate(text):
            corpus.add([] if number % 50 == 0 else split(line))
        store.write(
            corpus, words, vocab_size=arguments.vocab_size, dev=0.0, info={}, report=lambda *_: None,
            stop=lambda: False,
        )  # fmt: skip
    tokenizer, documents, dev, _ = store.load()
    return BertTraining(
        documents, dev, tokenizer, BertSettings(max_steps=1, short_sequence_probability=0.0), folder, data="sample"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train"])
    parser.add_argument(
        "--corpus", type=Path, help="a text; the sample of the tests otherwise, whose vocabulary is small"
    )
    parser.add_argument("--vocab-size", type=int, default=12_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print(about_this_machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        train(arguments, Path(folder))


if __name__ == "__main__":
    main()
