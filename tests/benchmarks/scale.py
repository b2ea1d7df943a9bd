"""The figures of docs/scale.md.

    python tests/benchmarks/scale.py rates --corpus FILE --save recipes/scale/rates.json
    python tests/benchmarks/scale.py scan --corpus FILE --folder FOLDER
    python tests/benchmarks/scale.py run --corpus FILE

``rates``: sentences a second of one process with one thread, by processor time, which other processes disturb least, from the
difference between two numbers of sentences, so that the start is left out and stands by itself. ``scan``: queries in an index in
parts. ``run``: the seconds of shards run with two processes, against what ``recipes/scale/stragglers.py`` says.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import NLPTOOL, about_this_machine, row

from recipes.scale.stragglers import Cluster, simulate

COMMANDS = {
    "tokenize": (20_000, "tokenize"),
    "tokenize -f wakati": (40_000, "tokenize", "-f", "wakati"),
    "embed -m static-ja-en": (60_000, "embed", "-m", "static-ja-en", "--threads", "1"),
    "embed -m static-ja-en -f base64": (100_000, "embed", "-m", "static-ja-en", "-f", "base64", "--threads", "1"),
    "embed -m sbert-mini-ja-en": (12_000, "embed", "-m", "sbert-mini-ja-en", "--threads", "1"),
    "classify --task topic": (6_000, "classify", "--task", "topic", "--threads", "1"),
    "index build -m static-ja-en": (60_000, "index", "build", "-m", "static-ja-en", "--threads", "1"),
}
_ROUNDS = 2
_ALONE = {"tokenize": ("-j", "1"), "embed": ("-j", "1")}


def sentences(corpus: Path, n: int) -> list[str]:
    """The first n sentences of a text in Japanese."""
    found: list[str] = []
    with corpus.open(encoding="utf-8", errors="ignore") as lines:
        for line in lines:
            found += [each for each in re.split(r"(?<=[。!?])", line.strip()) if each.strip()]
            if len(found) >= n:
                break
    return found[:n]


def processor_time(command: list[str], asked: bytes = b"") -> float:
    """Seconds of processor time that a process takes, all of its threads."""
    with tempfile.TemporaryFile() as stdin:
        stdin.write(asked)
        stdin.seek(0)
        process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage.ru_utime + usage.ru_stime


def rates(corpus: Path, save: Path | None) -> None:
    """Sentences a second, seconds of the start, bytes of a result."""
    texts = sentences(corpus, max(n for n, *_ in COMMANDS.values()))
    found: dict[str, Any] = {}
    row("", "sentences/s a core", "start", "bytes of output a sentence")
    for name, (n, *words) in COMMANDS.items():
        with tempfile.TemporaryDirectory() as folder:
            times: dict[int, list[float]] = {n // 10: [], n: []}
            n_bytes = 0
            for _ in range(_ROUNDS):
                for size, measured in times.items():
                    path, out = Path(folder) / f"{size}.txt", Path(folder) / "out"
                    path.write_text("".join(f"{text}\n" for text in texts[:size]), encoding="utf-8")
                    subprocess.run(["rm", "-rf", out], check=True)
                    command = [NLPTOOL, *words, *_ALONE.get(words[0], ()), "-q", "-o", str(out), str(path)]
                    measured.append(processor_time(command))
            n_bytes = sum(each.stat().st_size for each in [out, *out.rglob("*")] if each.is_file())
        small, large = (min(measured) for measured in times.values())
        rate = (n - n // 10) / (large - small)
        start = small - n // 10 / rate
        found[name] = {"sentences_per_second": round(rate), "startup_seconds": round(start, 2),
                       "output_bytes": round(n_bytes / n)}  # fmt: skip
        row(name, f"{rate:,.0f}", f"{start:.2f} s", f"{n_bytes / n:,.0f}")
    mean = statistics.mean(len(text) for text in texts)
    size = statistics.mean(len(text.encode()) + 1 for text in texts)
    print(f"\n{mean:.1f} characters a sentence, {size:.1f} bytes")
    if save:
        about = {"characters": round(mean, 1), "input_bytes": round(size, 1), "commands": found}
        save.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def scan(corpus: Path, folder: Path) -> None:
    """Bytes of an index in parts, and seconds of queries in it: in memory, and from the disk."""
    n, texts = 100_000, folder / "texts"
    if not (folder / "parts").exists():
        texts.mkdir(parents=True)
        lines = "".join(f"{text}\n" for text in sentences(corpus, n))
        for number in range(8):
            (texts / f"{number}.txt").write_text(lines, encoding="utf-8")
        build = ["--", "index", "build", "-m", "static-ja-en"]
        subprocess.run([NLPTOOL, "shards", "run", texts, "--output", folder / "parts", *build], check=True)
    files = [each for each in (folder / "parts").rglob("*") if each.is_file()]
    for name in sorted({each.name for each in files}):
        size = sum(each.stat().st_size for each in files if each.name == name)
        row(name, f"{size / (8 * n):.2f} bytes a vector")
    one = folder / "parts" / "shard-00000.index"
    for queries in (1, 100):
        asked = "".join(f"{text}\n" for text in sentences(corpus, 2 * queries)[queries:]).encode()
        seconds: dict[Path, list[float]] = {one: [], folder / "parts": []}
        for _ in range(_ROUNDS):
            for where, measured in seconds.items():
                measured.append(processor_time([NLPTOOL, "search", "--threads", "1", "--corpus", str(where)], asked))
        small, large = (min(measured) for measured in seconds.values())
        row(f"{queries} queries", f"{small:.2f} s in one part", f"{large:.2f} s in eight parts",
            f"{7 * n * 1024 / (large - small) / 1e9:.2f} GB of vectors a second of a core")  # fmt: skip


def seconds_of_run(folder: Path, shards: list[list[str]], words: tuple[str, ...]) -> float:
    """Seconds of shards run with two processes."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "in").mkdir(parents=True)
    for number, texts in enumerate(shards):
        (folder / "in" / f"{number:02}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    began = time.perf_counter()
    subprocess.run([NLPTOOL, "shards", "run", folder / "in", "--output", folder / "out", "-j", "2", "-q", "--", *words],
                   check=True)  # fmt: skip
    return time.perf_counter() - began


def run(corpus: Path) -> None:
    """Seconds of shards run over shards of different sizes, against those of the simulation.

    The start is that of a run over two shards of a line each, just before. The seconds of the shards are, once, those that the
    manifest has: whether the simulation gives the right end. And once those that follow from the rate of a run over two equal
    shards, just before, in which the speed of the machine is not the same.
    """
    row("", "measured", "from the seconds of the shards", "from the rate")
    for name, n in (("tokenize -f wakati", 30_000), ("embed -m static-ja-en", 20_000)):
        words = COMMANDS[name][1:]
        texts = sentences(corpus, 6 * n)
        sizes = [int(n * share) for share in (0.1, 0.3, 0.2, 0.8, 0.4, 0.1, 0.6, 0.2, 0.9, 0.3, 0.5)]
        ends = list(itertools.accumulate(sizes))
        found: list[tuple[float, float]] = []
        for _ in range(_ROUNDS + 1):
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder) / "run"
                start = seconds_of_run(place, [texts[:1], texts[1:2]], words)
                rate = n / (seconds_of_run(place, [texts[:n], texts[n : 2 * n]], words) - start)
                shards = [texts[end - size : end] for end, size in zip(ends, sizes, strict=True)]
                measured = seconds_of_run(place, shards, words)
                manifest = (place / "out" / "manifest.jsonl").read_text(encoding="utf-8")
            cluster, rng = Cluster(2, startup=start), np.random.default_rng(0)
            took = [json.loads(line)["seconds"] for line in manifest.splitlines()]
            both = [simulate(work, [1, 1], cluster, rng).makespan for work in (took, [size / rate for size in sizes])]
            found.append((measured / both[0], measured / both[1]))
            row(name, f"{measured:.2f} s", *(f"{predicted:.2f} s" for predicted in both))
        row(name, "measured / predicted", *(f"{statistics.median(each):.2f}" for each in zip(*found, strict=True)))
    with tempfile.TemporaryDirectory() as folder:
        words = COMMANDS["tokenize -f wakati"][1:]
        many, few = (min(seconds_of_run(Path(folder) / "run", [["猫"]] * n, words) for _ in range(2)) for n in (402, 2))
    print(f"a shard with one line: {2 * (many - few) / 400:.3f} s of one of two processes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rates", "scan", "run"])
    parser.add_argument("--corpus", type=Path, required=True, help="a text in Japanese")
    parser.add_argument("--folder", type=Path, help="of the index of scan, which is kept there")
    parser.add_argument("--save", type=Path, help="rates as JSON")
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(about_this_machine())
    if given.what == "scan":
        scan(given.corpus, given.folder)
    elif given.what == "rates":
        rates(given.corpus, given.save)
    else:
        run(given.corpus)


if __name__ == "__main__":
    main()
