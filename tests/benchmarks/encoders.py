"""The figures of the built-in encoders: ``python tests/benchmarks/encoders.py scores|speed|cold --data DATA``.

DATA holds ``jsts/train.jsonl``, ``stsb/{en,ja}-train.csv`` and ``small_parallel_enja/{train,dev}.{en,ja}``. Of JSTS only the
fifth is used that `train distil` holds out (no text of it is in the training); STS-B and the dev pairs are in no training.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import NLPTOOL, about_this_machine, in_turn, ratio, row, seconds, wall

from nlptool.geometry import correlation
from nlptool.models.encoders import loading as encoder_loading
from nlptool.specs import EncoderSpec
from nlptool.training.splits import split_dev
from recipes.distil import capital, join_english, join_japanese, lines

MODELS = ("sbert-mini-ja-en", "static-ja-en", "all-MiniLM-L6-v2", "multilingual-e5-small")
RESAMPLED = 1000


def scores(arguments: argparse.Namespace) -> None:
    """Spearman's ρ with a 95 % bootstrap interval over the pairs, and how often a translation is the nearest of 500."""
    jsts = [json.loads(line) for line in lines(arguments.data / "jsts" / "train.jsonl")]
    out = split_dev([(pair["sentence1"], pair["sentence2"]) for pair in jsts], 0.2, seed=1)
    held = [jsts[index] for index in np.flatnonzero(out)]
    sets = {f"JSTS dev, {len(held):,}": [(pair["sentence1"], pair["sentence2"], pair["label"]) for pair in held]}
    for language in ("en", "ja"):
        with (arguments.data / "stsb" / f"{language}-train.csv").open(encoding="utf-8", newline="") as file:
            rows = [(first, second, float(score)) for first, second, score in csv.reader(file)]
        sets[f"STS-B {language}, {len(rows):,}"] = rows
    english, japanese = parallel(arguments.data, "dev")
    row("encoder", *sets, f"en → ja, {len(english)}", f"ja → en, {len(english)}")
    row("---", *("---" for _ in range(len(sets) + 2)))
    for name in arguments.models:
        encoder = encoder_loading.load(EncoderSpec(name))
        cells = [interval(encoder, rows) for rows in sets.values()]
        cosines = unit(encoder, english) @ unit(encoder, japanese).T
        right = np.arange(len(english))
        cells += [f"{np.mean(table.argmax(axis=1) == right):.1%}" for table in (cosines, cosines.T)]
        row(name, *cells)


def interval(encoder, rows) -> str:
    first, second, scores = zip(*rows, strict=True)
    cosines, gold = np.sum(unit(encoder, first) * unit(encoder, second), axis=1), np.array(scores)
    (low, high), _ = correlation.bootstrap(cosines, gold, resamples=RESAMPLED, seed=1)
    return f"{correlation.spearman(cosines, gold):.3f} ({low:.3f}–{high:.3f})"


def unit(encoder, texts):
    return encoder.encode(list(texts)).vectors


def speed(arguments: argparse.Namespace) -> None:
    """2,500 English and 2,500 Japanese sentences at equal threads, without loading. Each model has a process of its own, since
    the waiting threads of onnxruntime in one would take the other's processors; and each goes through them again and
    again until a second is over."""
    threads = len(os.sched_getaffinity(0))
    english, japanese = parallel(arguments.data, "train")
    texts = english[:2500] + japanese[:2500]
    spawned = multiprocessing.get_context("spawn")
    ends = {}
    for name in arguments.models:
        if name != "multilingual-e5-small":
            ends[name], theirs = spawned.Pipe()
            spawned.Process(target=serve, args=(name, threads, texts, theirs), daemon=True).start()

    def timed(end) -> float:
        end.send(None)
        return end.recv()

    times = in_turn({name: lambda e=end: timed(e) for name, end in ends.items()}, arguments.rounds)
    row(f"{len(texts):,} sentences, {threads} threads", "median (range)", "sentences/s", "all-MiniLM-L6-v2 takes")
    row("---", "---", "---", "---")
    for name, values in times.items():
        rate = len(texts) / statistics.median(values)
        row(name, seconds(values), f"{rate:,.0f}", f"{ratio(times, 'all-MiniLM-L6-v2', name):.1f} ×")


def serve(name: str, threads: int, texts: list[str], end) -> None:
    """Embed ``texts`` for a second whenever something comes, and send the seconds that they took once. Ends with the pipe."""
    encoder = encoder_loading.load(EncoderSpec(name, threads=threads))
    with contextlib.suppress(EOFError):
        while True:
            end.recv()
            started, times = time.perf_counter(), 0
            while times == 0 or time.perf_counter() - started < 1:
                encoder.encode(texts)
                times += 1
            end.send((time.perf_counter() - started) / times)


def cold(arguments: argparse.Namespace) -> None:
    """One line, the whole process, with an empty cache."""
    line = "echo 今日はいい天気です |"
    times = in_turn(
        {name: lambda n=name: wall(f"{line} {NLPTOOL} embed -m {n}") for name in arguments.models[:3]}, arguments.rounds
    )
    row("one line, whole process", "median (range)")
    row("---", "---")
    for name, values in times.items():
        row(f"embed -m {name}", seconds(values))


def parallel(data: Path, part: str) -> tuple[list[str], list[str]]:
    folder = data / "small_parallel_enja"
    english = [capital(join_english(line)) for line in lines(folder / f"{part}.en")]
    return english, [join_japanese(line) for line in lines(folder / f"{part}.ja")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["scores", "speed", "cold"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=lambda names: names.split(","), default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print(f"{arguments.what}: {about_this_machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        if arguments.what == "cold":
            os.environ["NLPTOOL_CACHE"] = str(Path(folder) / "cache")
        globals()[arguments.what](arguments)


if __name__ == "__main__":
    main()
