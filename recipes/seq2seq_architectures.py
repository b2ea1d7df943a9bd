"""Compare three architectures of ``train seq2seq``: ``python recipes/seq2seq_architectures.py DATA WORK [--gpu]``.

DATA holds ``small_parallel_enja``; WORK gets the pairs as plain text, a model of each architecture, and its evaluation. All
architectures are trained for the same time on one processor core (with ``--gpu``: a quarter of it on a GPU), so that two can be
trained at once on two cores; the same command goes on from there after an interruption.

The data is tokenized: Japanese is joined again, English gets its apostrophes and punctuation back. It stays in lower case.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from command_line import nlptool

MINUTES = 40  # on one core: as much as 20 minutes on two

COMMON = (
    "--source-unit subwords --target-unit characters --vocab-size 4000 --target-vocab-size 2500 --lowercase source "
    "--batch-tokens 2500 --learning-rate 2e-3 --evaluations 10 --save-dtype float16"
)

ARCHITECTURES = {
    "transformer": "--layers 2 --hidden-size 192 --heads 6",
    "lstm-attention": "--layers 1 --hidden-size 256",
    "lstm": "--layers 1 --hidden-size 256",
}

_CONTRACTIONS = re.compile(r" (['’](?:s|m|t|re|ve|ll|d)\b)")
_CLOSING = re.compile(r" ([.,?!;:%)])")
_QUOTED = re.compile(r'" (.*?) "')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--gpu", action="store_true")
    arguments = parser.parse_args()
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    write_pairs(arguments.data / "small_parallel_enja", work)
    machine = ["--device", "cuda"] if arguments.gpu else ["--device", "cpu", "--threads", "1"]
    minutes = MINUTES / 4 if arguments.gpu else MINUTES
    for architecture, shape in ARCHITECTURES.items():
        folder = work / architecture
        if not folder.is_dir():
            nlptool(
                "train", "seq2seq", "--architecture", architecture, *shape.split(), *COMMON.split(), *machine,
                "--max-minutes", str(minutes), "--dev", work / "dev.tsv", "--resume",
                "--checkpoint-dir", work / f"{architecture}.work",
                "--plot", work / f"{architecture}.png", "-o", folder, work / "train.tsv",
            )  # fmt: skip
        for beams in (1, 4):
            with (work / f"{architecture}-{beams}.jsonl").open("wb") as file:
                nlptool(
                    "evaluate", "generation", "-m", folder, "--beams", str(beams), "-f", "jsonl", work / "dev.tsv", stdout=file
                )  # fmt: skip


def write_pairs(data: Path, work: Path) -> None:
    """Write ``train.tsv`` and ``dev.tsv``, without pairs in train whose English or Japanese is in dev."""
    dev = list(_pairs(data, "dev"))
    known = {text for pair in dev for text in pair}
    learned = [pair for pair in _pairs(data, "train") if known.isdisjoint(pair)]
    for name, pairs in (("dev", dev), ("train", learned)):
        (work / f"{name}.tsv").write_text("".join(f"{first}\t{second}\n" for first, second in pairs), encoding="utf-8")


def _pairs(data: Path, part: str) -> Iterator[tuple[str, str]]:
    with (data / f"{part}.en").open(encoding="utf-8") as first, (data / f"{part}.ja").open(encoding="utf-8") as second:
        for english, japanese in zip(first, second, strict=True):
            yield as_written(english), japanese.strip().replace(" ", "")


def as_written(english: str) -> str:
    """Detokenize English: "i can 't swim ." -> "i can't swim."."""
    joined = _CLOSING.sub(r"\1", _CONTRACTIONS.sub(r"\1", english.strip())).replace("( ", "(")
    return _QUOTED.sub(r'"\1"', joined).replace("' clock", "'clock").replace(" ' ", " '")


if __name__ == "__main__":
    main()
