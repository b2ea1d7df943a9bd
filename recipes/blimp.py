"""Judge a masked language model on BLiMP: ``python recipes/blimp.py PAIRS [-m MODEL]``.

PAIRS is JSONL with ``good``, ``bad`` and ``phenomenon``, of BLiMP (A. Warstadt et al.: BLiMP: The Benchmark of Linguistic Minimal
Pairs for English, TACL 2020), plain or compressed. Printed is the share of pairs whose good sentence has the higher
pseudo-log-likelihood (``nlptool score``), for each phenomenon and of all, with its 95 % bootstrap interval. Chance is 50 %; with
equal scores a pair counts half.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson

from nlptool.storage.compression import decompressed

RESAMPLES = 10_000
SEED = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("-m", "--model", default="bert-mini-en")
    arguments = parser.parse_args()
    pairs = [orjson.loads(line) for line in read(arguments.pairs).split(b"\n") if line]
    good, bad = (scores([pair[name] for pair in pairs], arguments.model) for name in ("good", "bad"))
    right = np.where(good == bad, 0.5, good > bad)
    of_phenomenon: dict[str, list[float]] = defaultdict(list)
    for pair, value in zip(pairs, right.tolist(), strict=True):
        of_phenomenon[pair["phenomenon"]].append(value)
    sys.stdout.write("| phenomenon | pairs | right |\n|---|---|---|\n")
    for name, values in sorted(of_phenomenon.items()):
        sys.stdout.write(f"| {name.replace('_', ' ')} | {len(values)} | {100 * np.mean(values):.1f} % |\n")
    low, high = interval(right)
    sys.stdout.write(f"| all | {len(right)} | {100 * right.mean():.1f} % ({100 * low:.1f}–{100 * high:.1f}) |\n")


def read(path: Path) -> bytes:
    return b"".join(decompressed(iter([path.read_bytes()]), str(path), piped=False))


def scores(texts: Sequence[str], model: str) -> np.ndarray:
    """Return the pseudo-log-likelihood of each text, (N,) float64."""
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    done = subprocess.run(
        [sys.executable, "-m", "nlptool", "score", "-m", model, "--no-pieces", "-f", "jsonl"],
        input=lines.encode(), capture_output=True, check=True,
    )  # fmt: skip
    return np.array([orjson.loads(line)["pseudo_log_likelihood"] for line in done.stdout.split(b"\n") if line])


def interval(right: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the mean of ``right`` (N,) under resampling of the pairs."""
    drawn = np.random.default_rng(SEED).integers(0, len(right), (RESAMPLES, len(right)))
    low, high = np.quantile(right[drawn].mean(1), [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
