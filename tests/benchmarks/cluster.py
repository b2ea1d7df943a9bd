"""The time of ``nlptool cluster -k 50``: ``python tests/benchmarks/cluster.py``.

Vectors of 256 components, given as an .npy and as JSONL of ``nlptool embed``, each against a script that loads the same file (by
np.load; by json.loads of each line), runs scikit-learn's MiniBatchKMeans and writes the cluster of each. Whole processes, in
turn.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
from measure import NLPTOOL, about_this_machine, in_turn, peak_memory, ratio, row, seconds, wall

MEGABYTE = 1_000_000
TOPICS = 200

PEER = """
import json, sys
import numpy as np
from sklearn.cluster import MiniBatchKMeans
path, k = sys.argv[1], int(sys.argv[2])
if path.endswith(".npy"):
    vectors = np.load(path)
else:
    with open(path, encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    vectors = np.array([record["embedding"] for record in records], np.float32)
labels = MiniBatchKMeans(k, random_state=1).fit_predict(vectors)
if path.endswith(".npy"):
    print("\\n".join(map(str, labels)))
else:
    for record, label in zip(records, labels):
        print(json.dumps({**record, "cluster": int(label)}, ensure_ascii=False))
"""


def write_vectors(folder: Path, n: int, d: int) -> None:
    """Unit vectors around random directions, as they are near each other in texts: vectors.npy and vectors.jsonl."""
    numbers = np.random.default_rng(1)
    topics = numbers.standard_normal((TOPICS, d), np.float32)
    rows = topics[numbers.integers(0, TOPICS, n)] + 1.2 * numbers.standard_normal((n, d), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    np.save(folder / "vectors.npy", rows)
    with (folder / "vectors.jsonl").open("wb") as file:
        for number, vector in enumerate(rows):
            record = {
                "text": f"これは{number}番目の文です。",
                "embedding": vector,
                "nlptool": {"embed": {"model": "model"}},
            }
            file.write(orjson.dumps(record, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE))


def processor_time(command: str) -> float:
    """Seconds of processor time that a shell command takes: for a machine on which other programs run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def mean_cosine(path: Path, labels: list[int]) -> float:
    """The mean cosine of the vectors to the centre of their cluster."""
    rows, numbers = np.load(path), np.array(labels)
    sums = np.zeros((numbers.max() + 1, rows.shape[1]), np.float32)
    np.add.at(sums, numbers, rows)
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    return float(np.einsum("ij,ij->i", rows, sums[numbers]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("-k", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processor-time", action="store_true", help="instead of time")
    arguments = parser.parse_args()
    print(about_this_machine(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_vectors(folder, arguments.vectors, arguments.dimension)
        script = folder / "peer.py"
        script.write_text(PEER)
        contenders = {}
        for kind in ("npy", "jsonl"):
            path = folder / f"vectors.{kind}"
            contenders[f"nlptool cluster, {kind}"] = f"{NLPTOOL} cluster -q -k {arguments.k} {path}"
            contenders[f"MiniBatchKMeans, {kind}"] = f"{sys.executable} {script} {path} {arguments.k}"
        measure: Callable[[str], float] = processor_time if arguments.processor_time else wall
        times = in_turn({name: lambda c=command: measure(c) for name, command in contenders.items()}, arguments.rounds)
        what = "processor time" if arguments.processor_time else "whole process"
        row(
            f"{what}, {arguments.vectors:,} x {arguments.dimension}, k = {arguments.k}",
            "median (range)",
            "as long as its peer",
            "memory",
        )
        row("---", "---", "---", "---")
        for name, values in times.items():
            peer = f"MiniBatchKMeans, {name.rpartition(' ')[2]}"
            memory = peak_memory(["sh", "-c", contenders[name]], Path(os.devnull)) / MEGABYTE
            row(name, seconds(values), f"{ratio(times, name, peer):.2f} ×", f"{memory:.0f} MB")
        for name in ("nlptool cluster, npy", "MiniBatchKMeans, npy"):
            lines = subprocess.run(contenders[name], shell=True, check=True, capture_output=True).stdout.splitlines()
            labels = [found["cluster"] if isinstance(found := orjson.loads(line), dict) else found for line in lines]
            print(f"{name}: mean cosine to the centre {mean_cosine(folder / 'vectors.npy', labels):.4f}")


if __name__ == "__main__":
    main()
