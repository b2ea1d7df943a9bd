"""The figures of ``nlptool dedup``: ``python tests/benchmarks/dedup.py minhash|embedding --corpus FILE``.

FILE is a large Japanese text. Whole processes.

minhash    a million lines, sentences of the text and near copies of some, with the memory
embedding  100,000 records with their vectors, against nlptool similarity --threshold of the same, in turn
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
from measure import NLPTOOL, about_this_machine, in_turn, peak_memory, ratio, row, seconds, wall

MEGABYTE = 1_000_000
THRESHOLD = 0.95  # cosine
COPIES = 0.1  # share of the lines that are near copies of others


def sentences(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield from re.findall(r"[^。]{10,}。", line)


def with_copies(texts: Iterator[str], n: int) -> Iterator[str]:
    """Yield lines, some of them followed by a copy with one character more."""
    chance = random.Random(1)
    n_done = 0
    for text in texts:
        yield text
        n_done += 1
        if n_done < n and chance.random() < COPIES:
            place = chance.randrange(len(text))
            yield f"{text[:place]}々{text[place:]}"
            n_done += 1
        if n_done >= n:
            return


def minhash(folder: Path, arguments: argparse.Namespace) -> None:
    path = folder / "lines.txt"
    n = arguments.lines or 1_000_000
    texts = itertools.chain.from_iterable(
        (f"{text}{turn or ''}" for text in sentences(arguments.corpus)) for turn in itertools.count()
    )
    with path.open("w", encoding="utf-8") as out:
        out.writelines(f"{line}\n" for line in with_copies(texts, n))
    command = f"{NLPTOOL} dedup -q --method minhash {path}"
    times = in_turn({"dedup --method minhash": lambda: wall(command)}, arguments.rounds)
    memory = peak_memory(command.split(), path) / MEGABYTE
    row(f"{n:,} lines, {path.stat().st_size / MEGABYTE:.0f} MB", "median (range)", "memory")
    row("---", "---", "---")
    row("dedup --method minhash", seconds(times["dedup --method minhash"]), f"{memory:.0f} MB")


def embedding(folder: Path, arguments: argparse.Namespace) -> None:
    path = folder / "vectors.jsonl"
    n = arguments.lines or 100_000
    numbers = np.random.default_rng(1)
    vectors = numbers.standard_normal((n, 256), np.float32)
    copies = numbers.random(n) < COPIES
    vectors[copies] = vectors[numbers.integers(0, n, int(copies.sum()))] + 0.1 * vectors[copies]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with path.open("wb") as out:
        for text, vector in zip(itertools.islice(sentences(arguments.corpus), n), vectors, strict=False):
            record = {"text": text, "embedding": vector, "nlptool": {"embed": {"model": "model"}}}
            out.write(orjson.dumps(record, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE))
    dedup, similarity = "dedup --method embedding", "similarity --threshold"
    commands = {
        dedup: f"{NLPTOOL} {dedup} -q --threshold {THRESHOLD} {path}",
        similarity: f"{NLPTOOL} {similarity} {THRESHOLD} -q {path}",
    }
    times = in_turn({name: lambda c=command: wall(c) for name, command in commands.items()}, arguments.rounds)
    row(f"{n:,} records with vectors of 256", "median (range)", f"takes as long as {similarity}", "memory")
    row("---", "---", "---", "---")
    for name, command in commands.items():
        memory = peak_memory(command.split(), path) / MEGABYTE
        row(name, seconds(times[name]), f"{ratio(times, name, similarity):.2f} ×", f"{memory:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["minhash", "embedding"])
    parser.add_argument("--corpus", type=Path, required=True, help="a large Japanese text")
    parser.add_argument("--lines", type=int, help="lines, default 1,000,000 or 100,000")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(about_this_machine(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        {"minhash": minhash, "embedding": embedding}[arguments.what](Path(name), arguments)


if __name__ == "__main__":
    main()
