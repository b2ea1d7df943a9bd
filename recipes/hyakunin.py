"""Train ``hyakunin`` again, and compute the tables of its card: ``python recipes/hyakunin.py WORK``.

The model learns every beginning of an upper verse that no other poem shares, from the deciding syllables to the whole, with the
lower verse as its target. On two CPU cores it takes a minute.

The exercise is the published one: a Transformer of one layer, hidden size 32, 4 heads. There the decoder was given the very verse
that it had to predict, not shifted by a token, and was evaluated on that. Here it is trained with the shift and without, and
evaluated both ways.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import torch
from command_line import nlptool
from torch import Tensor
from torch.nn import functional

from nlptool.models.seq2seq import network as seq2seq_network
from nlptool.models.seq2seq.config import BOS, EOS, PAD, Seq2SeqConfig
from nlptool.models.seq2seq.network import Seq2Seq
from nlptool.samples import SAMPLES
from nlptool.training.seq2seq.vocabulary import learn

NAME = "hyakunin"

OPTIONS = (
    "--token-unit characters --layers 1 --hidden-size 64 --heads 4 --max-length 24 --dropout 0 --label-smoothing 0 "
    "--learning-rate 5e-3 --batch-tokens 4096 --epochs 80 --evaluations 8 --weight-decay 0 --save-dtype float16 "
    "--device cpu --threads 1"
)

SMALL = (  # as large as the network of the exercise
    "--token-unit characters --layers 1 --hidden-size 32 --heads 4 --max-length 24 --dropout 0 --label-smoothing 0 "
    "--learning-rate 1e-2 --batch-tokens 1024 --epochs 66 --evaluations 1 --weight-decay 0 --device cpu --threads 1"
)

SHIPPED = ("config.json", "model.safetensors", "source.json", "target.json", "seq2seq.json", "curves.jsonl")
EPOCHS = 6  # of the exercise
PASSES = (2, 20)  # times that an epoch of it goes through the poems: how often is not published
LONGEST = 22
BATCH = 10
BUILTIN = Path(__file__).parent.parent / "nlptool" / "builtin"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    poems = SAMPLES["hyakunin-isshu"].rows()
    whole = [(poem["kami"], poem["shimo"]) for poem in poems]
    deciding = [(poem["kimariji"], poem["shimo"]) for poem in poems]
    beginnings = [
        (poem["kami"][:length], poem["shimo"])
        for poem in poems
        for length in range(len(poem["kimariji"]), len(poem["kami"]) + 1)
    ]
    for name, each in (("whole", whole), ("deciding", deciding), ("beginnings", beginnings)):
        (work / f"{name}.tsv").write_text("".join("\t".join(pair) + "\n" for pair in each), encoding="utf-8")
    (work / "dev.tsv").write_bytes((work / "whole.tsv").read_bytes() + (work / "deciding.tsv").read_bytes())
    timed(work, "whole", "whole", work / "small", SMALL)
    timed(work, "beginnings", "dev", work / NAME, OPTIONS)
    (BUILTIN / NAME).mkdir(exist_ok=True)
    for name in SHIPPED:
        shutil.copyfile(work / NAME / name, BUILTIN / NAME / name)
    for pairs in ("whole", "deciding"):
        nlptool("evaluate", "generation", "-m", str(BUILTIN / NAME), "-f", "jsonl", str(work / f"{pairs}.tsv"))
    tables = (f"Passes in an epoch: {passes}\n\n{exercise(whole, passes)}\n" for passes in PASSES)
    (work / "exercise.md").write_text("".join(tables), encoding="utf-8")


def timed(work: Path, pairs: str, dev: str, output: Path, options: str) -> None:
    """Train, and print how long it took, start of the program included."""
    began = time.monotonic()
    nlptool(
        "train", "seq2seq", *options.split(), "--dev", str(work / f"{dev}.tsv"), "-o", str(output),
        str(work / f"{pairs}.tsv"),
    )  # fmt: skip
    print(f"{output}: {time.monotonic() - began:.1f} s")  # noqa: T201 (a recipe)


def exercise(pairs: list[tuple[str, str]], passes: int) -> str:
    """Return the table of the exercise in Markdown: after each epoch the accuracy of tokens with teacher forcing, and of verses
    with free-running generation, both in percent."""
    results = [_epochs(pairs, passes, shifted=shifted) for shifted in (False, True)]
    lines = [
        "| epoch | not shifted: tokens | verses | shifted: tokens | verses |",
        "|---|---|---|---|---|",
        *(
            f"| {epoch} | {' | '.join(map(str, (*copied, *learned)))} |"
            for epoch, (copied, learned) in enumerate(zip(*results, strict=True), 1)
        ),
    ]
    return "\n".join(lines) + "\n"


def _epochs(pairs: list[tuple[str, str]], passes: int, *, shifted: bool) -> list[tuple[int, int]]:
    torch.manual_seed(1)
    source = learn([first for first, _ in pairs], unit="characters", size=128)
    target = learn([second for _, second in pairs], unit="characters", size=128)
    sources = _padded([[*line.ids, EOS] for line in source.tokenize([first for first, _ in pairs])])
    targets = _padded([[*line.ids, EOS] for line in target.tokenize([second for _, second in pairs])])
    before = torch.cat((torch.full((len(targets), 1), BOS), targets[:, :-1]), 1)
    inputs = before if shifted else targets
    network = seq2seq_network.new(
        Seq2SeqConfig(
            "transformer",
            len(source),
            len(target),
            layers=1,
            hidden_size=32,
            heads=4,
            intermediate_size=128,
            max_length=LONGEST,
        )
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.0)
    there = targets != PAD
    found = []
    for _ in range(EPOCHS):
        for _ in range(passes):
            for some in torch.randperm(len(pairs)).split(BATCH):  # type: ignore[no-untyped-call]
                logits = network(sources[some], inputs[some])[there[some]]
                loss = functional.cross_entropy(logits, targets[some][there[some]])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
        with torch.no_grad():
            right = (network(sources, inputs).argmax(-1) == targets)[there]
            found.append((round(100 * float(right.float().mean())), _free_running(network, sources, targets)))
    return found


def _free_running(network: Seq2Seq, sources: Tensor, targets: Tensor) -> int:
    """Return the number of verses that free-running generation gets right."""
    state = network.begin(network.encode(sources))
    tokens = torch.full((len(sources),), BOS)
    right = torch.ones(len(sources), dtype=torch.bool)
    for column in targets.T:
        logits, state = network.step(tokens, state)
        tokens = logits.argmax(-1)
        right &= (tokens == column) | (column == PAD)
    return int(right.sum())


def _padded(rows: list[list[int]]) -> Tensor:
    filled = torch.full((len(rows), max(map(len, rows))), PAD)
    for number, row in enumerate(rows):
        filled[number, : len(row)] = torch.tensor(row)
    return filled


if __name__ == "__main__":
    main()
