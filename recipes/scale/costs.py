"""Say what many sentences cost: core-hours, hours and bytes, from measured rates; and what an index of them takes.

    python recipes/scale/costs.py --sentences 1e9 --cores 16 --machines 1 10 100 --memory 256

``rates.json`` is what ``tests/benchmarks/scale.py rates`` has measured; with those of your machine the answers are yours. Hours
are those of the work alone, evenly shared out: ``stragglers.py`` says how much longer a run takes.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

RATES = Path(__file__).with_name("rates.json")
_USABLE = 0.9  # of the memory of a machine that holds vectors


def core_hours(sentences: float, rate: float) -> float:
    """Return the hours of one core that so many sentences take at ``rate`` sentences a second."""
    return sentences / rate / 3600


def hours(sentences: float, rate: float, cores: int, startup: float = 0.0) -> float:
    """Return the hours that so many sentences take on so many cores, each with a process that starts once."""
    return core_hours(sentences, rate) / cores + startup / 3600


def vector_bytes(dimension: int) -> dict[str, float]:
    """Return the bytes of a vector: as ``index build`` stores it, and as smaller ones would be."""
    return {"float32": 4.0 * dimension, "float16": 2.0 * dimension, "int8": dimension + 4.0,
            "codes of 256 bits": 32.0, "codes of 64 bits": 8.0}  # fmt: skip


def machines(n_bytes: float, memory: float) -> int:
    """Return how many machines hold so many bytes in memory.

    Args:
        memory: bytes of each, of which a tenth is left for all else.
    """
    return math.ceil(n_bytes / (_USABLE * memory))


def commands(rates: Mapping[str, Any], sentences: float, cores: int, numbers: Iterable[int]) -> list[list[str]]:
    """Return the table of what the commands cost, its head first."""
    numbers = list(numbers)
    on = [f"hours on {n} × {cores} cores" for n in numbers]
    rows = [["command", "sentences/s a core", "core-hours", *on, "output"]]
    for name, known in rates["commands"].items():
        rate, startup = known["sentences_per_second"], known["startup_seconds"]
        took = (f"{hours(sentences, rate, cores * n, startup):,.2f}" for n in numbers)
        size = f"{sentences * known['output_bytes'] / 1e9:,.0f} GB"
        rows.append([f"`{name}`", f"{rate:,}", f"{core_hours(sentences, rate):,.0f}", *took, size])
    return rows


def index(sentences: float, dimension: int, memory: float, scan: float) -> list[list[str]]:
    """Return the table of what vectors take, its head first.

    Args:
        memory: bytes of a machine.
        scan: bytes that a core reads in a second.
    """
    rows = [["a vector as", "bytes", "all", f"machines of {memory / 1e9:,.0f} GB", "seconds of a core for one query"]]
    for name, each in vector_bytes(dimension).items():
        total = each * sentences
        seconds = f"{total / scan:,.0f}" if name == "float32" else "no index of these"
        rows.append([name, f"{each:,.0f}", f"{total / 1e9:,.0f} GB", f"{machines(total, memory):,}", seconds])
    return rows


def table(rows: Iterable[Iterable[str]]) -> str:
    """Return rows as a table of Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * (lines[0].count("|") - 1) + "|", *lines[1:]])


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise ValueError(text)
    return number


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=_positive, default=1e9)
    parser.add_argument("--cores", type=int, default=16, help="of a machine")
    parser.add_argument("--machines", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--memory", type=_positive, default=256, help="GB of a machine")
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--scan", type=_positive, default=1.0, help="GB of vectors that a core reads in a second")
    parser.add_argument("--rates", type=Path, default=RATES)
    given = parser.parse_args()
    if min(given.cores, given.dimension, *given.machines) < 1:
        parser.error("--cores, --machines and --dimension are positive")
    rates = json.loads(given.rates.read_text(encoding="utf-8"))
    sys.stdout.write(table(commands(rates, given.sentences, given.cores, given.machines)) + "\n\n")
    sys.stdout.write(table(index(given.sentences, given.dimension, given.memory * 1e9, given.scan * 1e9)) + "\n")


if __name__ == "__main__":
    main()
