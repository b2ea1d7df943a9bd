"""The figures of BERT: ``python tests/benchmarks/bert.py train``.

``train``: tokens/s of ``train bert``, with the making of its examples, against two bare PyTorch loops over batches that are there
already: the same batches, which hold sequences of about one length, and sequences in random order, padded to the longest one. The
network, the threads and the precision are equal; the contenders run in turn, in one process. Padding is not counted as tokens.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from measure import about_this_machine, row
from torch.nn import functional

from nlptool.training.bert import tokenizer as bert_tokenizers
from nlptool.training.bert.corpus import Store
from nlptool.training.bert.examples import Batch
from nlptool.training.bert.trainer import BertSettings, BertTraining
from nlptool.training.precision import autocast
from nlptool.training.tokenized_corpus import Corpus

SAMPLE = Path(__file__).parent.parent / "data" / "yume_juya.txt"


def train(arguments: argparse.Namespace, folder: Path) -> None:
    """Each contender takes so many steps in turn; a ratio is the median over the turns."""
    torch.set_num_threads(arguments.threads)
    training = prepared(folder, arguments)
    optimizer = training._optimizer()
    batches = training.batches(0)

    def ours() -> float:
        started, n_tokens = time.perf_counter(), 0.0
        for step in range(arguments.steps):
            n_tokens += float(training._step(optimizer, [next(batches)], step)["tokens"])
        return n_tokens / (time.perf_counter() - started)

    some = list(itertools.islice(prepared(folder, arguments).batches(0), 64))
    contenders = {
        "train bert": ours,
        "a bare PyTorch loop": Bare(prepared(folder, arguments), some, arguments).run,
        "a bare PyTorch loop with padding": Bare(prepared(folder, arguments), shuffled(some), arguments).run,
    }
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(arguments.rounds + 1):
        for name, run in contenders.items():
            rate = run()
            if turn:
                rates[name].append(rate)
    row(f"training of 4 × 256, 32 × 128 tokens, {arguments.precision}", "tokens/s, median")
    row("---", "---")
    for name, values in rates.items():
        row(name, f"{statistics.median(values):,.0f}")
    for name in list(rates)[1:]:
        share = statistics.median(a / b for a, b in zip(rates["train bert"], rates[name], strict=True))
        row(f"train bert / {name}", f"{share:.3f}")


def shuffled(batches: Sequence[Batch]) -> list[Batch]:
    """Return the same sequences in random order, each batch padded to its longest one."""
    rng = np.random.default_rng(1)
    rows = [(batch, number) for batch in batches for number in range(len(batch.ids))]
    order = rng.permutation(len(rows))
    size = len(batches[0].ids)
    return [together([rows[place] for place in order[start : start + size]]) for start in range(0, len(order), size)]


def together(rows: Sequence[tuple[Batch, int]]) -> Batch:
    """Return a batch of some sequences of other batches."""
    lengths = [int(b.mask[n].sum()) if b.mask is not None else b.ids.shape[1] for b, n in rows]
    width = max(lengths)
    ids, token_types = np.zeros((len(rows), width), np.int64), np.zeros((len(rows), width), np.int64)
    positions, targets = [], []
    for place, ((batch, number), length) in enumerate(zip(rows, lengths, strict=True)):
        ids[place, :length] = batch.ids[number, :length]
        token_types[place, :length] = batch.token_types[number, :length]
        row, column = np.divmod(batch.positions, batch.ids.shape[1])
        positions.append(column[row == number] + place * width)
        targets.append(batch.targets[row == number])
    mask = np.arange(width)[None, :] < np.array(lengths)[:, None]
    labels = np.array([batch.nsp_labels[number] for batch, number in rows])
    return Batch(ids, token_types, mask, np.concatenate(positions), np.concatenate(targets), labels)


class Bare:
    """What one would write by hand: batches in memory, the same losses, AdamW."""

    def __init__(self, training: BertTraining, batches: Sequence[Batch], arguments: argparse.Namespace) -> None:
        self.network = training.network
        self.network.set_attn_implementation("sdpa")  # as transformers makes it
        self.autocast = autocast(torch.device("cpu"), arguments.precision)
        self.n_steps = arguments.steps
        tensor = torch.from_numpy
        self.batches = itertools.cycle(
            [
                (
                    None if b.mask is None else tensor(b.mask), b.n_tokens,
                    *map(tensor, (b.ids, b.token_types, b.positions, b.targets, b.nsp_labels)),
                )
                for b in batches
            ]
        )  # fmt: skip
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-4, fused=True)

    def run(self) -> float:
        network, n_tokens, started = self.network, 0, time.perf_counter()
        for mask, n_real, ids, token_types, positions, targets, labels in itertools.islice(self.batches, self.n_steps):
            with self.autocast:
                found = network.bert(input_ids=ids, token_type_ids=token_types, attention_mask=mask)
                words = network.cls.predictions(found.last_hidden_state.flatten(0, 1)[positions])
                follows = network.cls.seq_relationship(found.pooler_output)
            loss = functional.cross_entropy(words.float(), targets) + functional.cross_entropy(follows.float(), labels)
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            self.optimizer.step()
            n_tokens += n_real
        return n_tokens / (time.perf_counter() - started)


def prepared(folder: Path, arguments: argparse.Namespace) -> BertTraining:
    """A training on the sample text, or on FILE."""
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
    settings = BertSettings(max_steps=1, precision=arguments.precision)
    return BertTraining(documents, dev, tokenizer, settings, folder, data="sample")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train"])
    parser.add_argument(
        "--corpus", type=Path, help="a text; the sample of the tests otherwise, whose vocabulary is small"
    )
    parser.add_argument("--vocab-size", type=int, default=12_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print(about_this_machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        train(arguments, Path(folder))


if __name__ == "__main__":
    main()
