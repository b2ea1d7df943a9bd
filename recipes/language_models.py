"""Compare the architectures of ``train lm``: ``python recipes/language_models.py DATA WORK [--gpu] [--write]``.

DATA holds ``aozora.txt.xz``. Whole works are taken from its beginning until there are ``--megabytes`` of them; of these, random
ones with 2 % of the text are held out. All models share one vocabulary of 8,000 subwords. N-grams are counted,
and each network is trained for ``--minutes`` of one processor core (or of a GPU). WORK gets the models, two samples of each, and
``results.md``; the same command goes on after an interruption, and does nothing twice. With ``--write`` the results go
into ``docs/course/8-language-models.md`` and ``docs/commands/train-lm.md``.

Embeddings and states of 256, tied, in every network: 2.05 million weights are the same table, and most of the time goes into the
output layer. A step has 1,024 tokens, so that ten minutes are thousands of steps; the epochs are few, and there is no dropout.
Short trials chose the learning rate of LSTM and GRU: after 300 steps the LSTM had a dev loss of 7.21 at 5e-3, 6.92 at 1e-2. The
Transformer is trained with AdamW as the others are, and with Muon: after 202 steps at 3e-3 its loss was 7.35 and 7.01. The other
rates are those that are usual at this size. In bfloat16 an LSTM and Bengio's network were faster than in float32.
"""

from __future__ import annotations

import argparse
import itertools
import json
import lzma
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from command_line import nlptool

DOCS = Path(__file__).parent.parent / "docs"
COURSE, PAGE = DOCS / "course" / "8-language-models.md", DOCS / "commands" / "train-lm.md"
SHARE = 0.02  # of the text is held out
SEED = 1  # of what is held out, and of the samples
VOCABULARY = "subwords"  # a model of single tokens, whose vocabulary the others get
SUBWORDS = "--architecture ngram --order 1 --token-unit subwords --vocab-size 8000"
N_GRAMS = {"ngram-3": ("n-grams of order 3", 3), "ngram-5": ("n-grams of order 5", 5)}
NETWORKS = {
    "feedforward": ("Bengio's network", "--architecture feedforward --context 8 --batch-size 128 --learning-rate 3e-3"),
    "lstm": ("LSTM", "--architecture lstm --layers 1 --context 64 --batch-size 16 --learning-rate 8e-3"),
    "gru": ("GRU", "--architecture gru --layers 1 --context 64 --batch-size 16 --learning-rate 8e-3"),
    "transformer": (
        "Transformer",
        "--architecture transformer --layers 2 --heads 4 --context 128 --batch-size 8 --learning-rate 2e-3",
    ),
    "transformer-muon": (
        "Transformer with Muon",
        "--architecture transformer --layers 2 --heads 4 --context 128 --batch-size 8 --learning-rate 3e-3 --optimizer muon",
    ),
}
"""Name -> its title in the table, and the options that are its own."""

COMMON = "--hidden-size 256 --dropout 0 --evaluations 5 --no-samples"
ON_GPU = "--device cuda"
ON_CPU = "--device cpu --threads 1 --precision bfloat16"
PREFIX = "昔々あるところに"
TEMPERATURES = ("0.5", "1.0")
TOKENS = 60  # of a sample
TRIALS = (20, 100)  # steps of the trainings that tell the speed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--write", action="store_true", help="write the results into the pages of docs")
    arguments = parser.parse_args()
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "dev.txt").is_file():
        write_texts(arguments.data / "aozora.txt.xz", work, round(arguments.megabytes * 1e6))
    train(work, VOCABULARY, SUBWORDS)
    for name, (_, order) in N_GRAMS.items():
        train(work, name, f"--architecture ngram --order {order}")
    for name, (_, options) in NETWORKS.items():
        if arguments.gpu:
            train(work, name, f"{options} {COMMON} {ON_GPU} --max-minutes {arguments.minutes:g} --resume")
        else:
            train(work, name, f"{options} {COMMON} {ON_CPU}", arguments.minutes)
    for name, temperature in itertools.product((*N_GRAMS, *NETWORKS), TEMPERATURES):
        sample(work, name, temperature)
    results = [about(work, name) for name in (*N_GRAMS, *NETWORKS)]
    text = f"{table(results)}\n\n{samples(work)}\n"
    (work / "results.md").write_text(text, encoding="utf-8")
    if arguments.write:
        replace(COURSE, text)
        replace(PAGE, f"{sentence(results, arguments.minutes, arguments.megabytes)}\n")


def write_texts(source: Path, work: Path, n_bytes: int) -> None:
    """Write ``train.txt`` and ``dev.txt``: the first works of ``source``, an empty line between two of them."""
    texts: list[str] = []
    n_left = n_bytes
    for text in works(source):
        texts.append(text)
        n_left -= len(text.encode())
        if n_left <= 0:
            break
    budget = SHARE * (n_bytes - n_left)
    held_out = set()
    for index in np.random.default_rng(SEED).permutation(len(texts)).tolist():
        size = len(texts[index].encode())
        if size <= budget:
            held_out.add(index)
            budget -= size
    for name, is_dev in (("train", False), ("dev", True)):
        part = [text for index, text in enumerate(texts) if (index in held_out) is is_dev]
        (work / f"{name}.txt").write_text("\n".join(part), encoding="utf-8")


def works(source: Path) -> Iterator[str]:
    """Yield the works of a file that has an empty line between two of them."""
    with lzma.open(source, "rt", encoding="utf-8") as file:
        for has_text, lines in itertools.groupby(file, key=lambda line: bool(line.strip())):
            if has_text:
                yield "".join(lines)


def train(work: Path, name: str, options: str, minutes: float | None = None) -> None:
    """Train a model, unless that has been done, and keep the minutes of the processor that it took.

    Args:
        minutes: of the processor that it shall take; None: the options say when it ends.
    """
    folder, minutes_file = work / name, work / f"{name}.minutes"
    if folder.is_dir():
        return
    if minutes is not None:
        options = f"{options} --max-steps {n_steps(work, name, options, minutes)} --resume"
    vocabulary = () if name == VOCABULARY else ("--vocabulary", work / VOCABULARY)
    before = float(minutes_file.read_text(encoding="utf-8")) if minutes_file.is_file() else 0.0
    began = processor_seconds()
    try:
        nlptool(
            "train", "lm", *options.split(), *vocabulary, "--dev", work / "dev.txt", "--checkpoint-dir",
            work / f"{name}.work", "-o", folder, work / "train.txt",
        )  # fmt: skip
    finally:
        minutes_file.write_text(f"{before + (processor_seconds() - began) / 60:.2f}\n", encoding="utf-8")


def n_steps(work: Path, name: str, options: str, minutes: float) -> int:
    """Return how many steps of a network fit into some minutes of the processor: short trainings tell, the fastest of each
    length. By the clock other programs on the machine would take a part of the training, of each network another one."""
    path = work / f"{name}.steps"
    if not path.is_file():
        few, many = (
            min(trial(work, f"{options} --max-steps {steps}") for _ in range(2)) / (TRIALS[1] - TRIALS[0])
            for steps in TRIALS
        )
        path.write_text(f"{round(60 * minutes / (many - few))}\n", encoding="utf-8")
    return int(path.read_text(encoding="utf-8"))


def trial(work: Path, options: str) -> float:
    """Train a network on the held-out text, and return the seconds of the processor that it took."""
    began = processor_seconds()
    text = work / "dev.txt"
    same = ("--vocabulary", work / VOCABULARY, "--dev", text)
    nlptool("train", "lm", *options.split(), *same, "-q", "-o", work / "trial", text)
    return processor_seconds() - began


def processor_seconds() -> float:
    """Return the seconds of the processor that the commands up to now took."""
    times = os.times()
    return times.children_user + times.children_system


def sample(work: Path, name: str, temperature: str) -> None:
    """Let a model continue the prefix, unless it has."""
    path = sample_file(work, name, temperature)
    if path.is_file():
        return
    (work / "prefix.txt").write_text(f"{PREFIX}\n", encoding="utf-8")
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        nlptool(
            "generate", "-m", work / name, "--sample", "--temperature", temperature, "--seed", str(SEED), "--max-new-tokens",
            str(TOKENS), "--device", "cpu", "--threads", "1", "-f", "text", work / "prefix.txt", stdout=file,
        )  # fmt: skip
    part.replace(path)


def sample_file(work: Path, name: str, temperature: str) -> Path:
    return work / f"{name}-{temperature}.txt"


def about(work: Path, name: str) -> dict[str, Any]:
    """Return what is known of a model: its manifest, its title, and its minutes of processor time."""
    manifest: dict[str, Any] = json.loads((work / name / "lm.json").read_text(encoding="utf-8"))
    title = {**N_GRAMS, **NETWORKS}[name][0]
    return {**manifest, "title": title, "minutes": (work / f"{name}.minutes").read_text(encoding="utf-8")}


def table(results: Sequence[dict[str, Any]]) -> str:
    """Return the table of all models."""
    lines = [
        "| model | parameters | CPU minutes | tokens/s | epochs | perplexity per token | per word | bits per character |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for result in results:
        scores = result["scores"]
        tokens = result.get("n_tokens")
        cells = [
            result["title"],
            f"{result['n_parameters']:,}",
            f"{float(result['minutes']):.1f}",
            f"{tokens / 60 / float(result['minutes']):,.0f}" if tokens else "",
            f"{tokens / result['n_corpus_tokens']:.2f}" if tokens else "",
            f"{scores['perplexity']:.1f}",
            f"{scores['word_perplexity']:.1f}",
            f"{scores['bits_per_character']:.3f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def samples(work: Path) -> str:
    """Return the table of all samples."""
    lines = [f"| model | temperature | {PREFIX} … |", "|---|---|---|"]
    for name, temperature in itertools.product((*N_GRAMS, *NETWORKS), TEMPERATURES):
        text = " ".join(sample_file(work, name, temperature).read_text(encoding="utf-8").split())
        title = {**N_GRAMS, **NETWORKS}[name][0] if temperature == TEMPERATURES[0] else ""
        shown = re.sub(r"([|*_`<\[])", r"\\\1", text)
        lines.append(f"| {title} | {temperature} | {shown} |")
    return "\n".join(lines)


def sentence(results: Sequence[dict[str, Any]], minutes: float, megabytes: float) -> str:
    """Return the results in a sentence."""
    parts = [f"{result['title']} {result['scores']['word_perplexity']:.0f}" for result in results]
    return (
        f"On {megabytes:g} MB of Aozora Bunko, with {minutes:g} minutes of one core for each network, perplexity per word on "
        f"dev is: {', '.join(parts)}. Parameters, speed and samples stand in [the course](../course/8-language-models.md); "
        "`python recipes/language_models.py DATA WORK` trains them."
    )


def replace(path: Path, text: str) -> None:
    """Write what stands between the markers of this recipe in a page."""
    begin, end = "<!-- recipe: language_models -->\n", "<!-- /recipe -->"
    head, rest = path.read_text(encoding="utf-8").split(begin, 1)
    path.write_text(f"{head}{begin}{text}{end}{rest.split(end, 1)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
