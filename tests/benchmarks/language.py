"""The figures of language models: ``python tests/benchmarks/language.py ngram --data FILE``.

ngram   Kneser-Ney of --order on FILE, words with blanks between them, a document a line: whole processes, from the file to a
        saved model, with their peak memory. The last twentieth of the lines is held out: its perplexity (end of document counted,
        unknown words too), and how fast it is scored. The peer is KenLM's lmplz, if it is on the PATH or in --kenlm DIR; its
        model is read here as ARPA text, and its scores are set against ours.

``training``, ``greedy`` and ``first-line``: see ``language_training`` and ``language_generation``. They read no file.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measure import about_this_machine, in_turn, peak_memory, ratio, row, seconds, wall
from numpy.typing import NDArray

from nlptool.models.language import arpa_reader, ngram_file
from nlptool.models.language.kneser_ney import NgramModel
from nlptool.training.language import kneser_ney

BEGIN, END, UNKNOWN = 0, 1, 2
MARKERS = {"<s>": BEGIN, "</s>": END, "<unk>": UNKNOWN}
_CONTEXTS = 1000
ARCHITECTURES = ("feedforward", "rnn", "lstm", "gru", "transformer")


def ngram(arguments: argparse.Namespace, folder: Path) -> None:
    lines = arguments.data.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    n_train = len(lines) - max(1, len(lines) // 20)
    corpus, saved, arpa = folder / "corpus.txt", folder / "model", folder / "model.arpa"
    corpus.write_text("".join(f"{line}\n" for line in lines[:n_train]), encoding="utf-8")
    ours = [sys.executable, str(Path(__file__).absolute()), "estimate", "--data", str(corpus), "-o", str(saved)]
    ours += ["--order", str(arguments.order)]
    commands = {"nlptool": " ".join(ours)}
    peer = shutil.which("lmplz", path=str(arguments.kenlm)) if arguments.kenlm else shutil.which("lmplz")
    theirs = [str(peer), "-o", str(arguments.order), "-S", "2G", "-T", str(folder)]
    if peer:
        commands["lmplz (C++)"] = f"{' '.join(theirs)} < {corpus} > {arpa}"
    times = in_turn({name: lambda c=command: wall(c) for name, command in commands.items()}, arguments.rounds)
    memory = {"nlptool": peak_memory(ours, corpus)}
    if peer:
        memory["lmplz (C++)"] = peak_memory(theirs, corpus)
    size = corpus.stat().st_size / 1e6
    row(f"order {arguments.order}, {size:.1f} MB, {n_train:,} documents", "median (range)", "peak memory")
    row("---", "---", "---")
    for name, values in times.items():
        row(name, seconds(values), f"{memory[name] / 1e6:,.0f} MB")
    if peer:
        row("lmplz / nlptool", f"{ratio(times, 'lmplz (C++)', 'nlptool'):.1f} ×", "")
    print()
    judge(ngram_file.load(saved), list(words_of(corpus)), lines[n_train:], arpa if peer else None)
    print(f"\nThe saved model: {saved.stat().st_size / 1e6:.1f} MB.")


def judge(model: NgramModel, words: list[str], lines: list[str], arpa: Path | None) -> None:
    """Print the perplexity of both models, and the speed of ours."""
    tokens = np.concatenate(list(documents(lines, dict(zip(words, range(len(words)), strict=True)))))
    predicted = tokens != BEGIN
    started = time.perf_counter()
    scores = model.score(tokens)
    rate = len(tokens) / (time.perf_counter() - started)
    row("held out", "perplexity", "n-grams")
    row("---", "---", "---")
    row("nlptool", f"{math.exp(-scores[predicted].mean()):.4f}", " + ".join(f"{n:,}" for n in model.n_ngrams))
    if arpa:
        other = arpa_reader.read(arpa)
        index = {word: number for number, word in enumerate(other.words)}
        theirs = other.model.score(np.array([index[word] for word in words])[tokens])
        n_ngrams = " + ".join(f"{n:,}" for n in other.model.n_ngrams)
        row("lmplz (C++)", f"{math.exp(-theirs[predicted].mean()):.4f}", n_ngrams)
        print(f"\nThe largest difference of a log-probability: {np.abs(scores - theirs).max():.1e} nats.")
    started = time.perf_counter()
    for place in range(min(_CONTEXTS, len(tokens))):
        model.distribution(tokens[max(0, place - model.order) : place])
    each = (time.perf_counter() - started) / min(_CONTEXTS, len(tokens))
    print(f"\nscore: {rate:,.0f} tokens/s; distribution: {each * 1e6:.0f} µs for {model.n_words:,} words.")


def estimate(arguments: argparse.Namespace, _: Path) -> None:
    """What is timed: read a corpus, estimate a model, save it."""
    index = words_of(arguments.data)
    with arguments.data.open(encoding="utf-8") as lines:
        tokens = (document[1:-1] for document in documents(lines, index))
        model = kneser_ney.estimate(tokens, len(index), begin=BEGIN, end=END, order=arguments.order)
    ngram_file.save(arguments.output, model)


def words_of(corpus: Path) -> dict[str, int]:
    """The words of a corpus with their numbers, in the order of their first occurrence, after the markers."""
    index = dict(MARKERS)
    with corpus.open(encoding="utf-8") as lines:
        for line in lines:
            for word in line.rstrip("\n").split(" "):
                if word:
                    index.setdefault(word, len(index))
    return index


def documents(lines: Iterator[str] | list[str], index: dict[str, int]) -> Iterator[NDArray[np.int32]]:
    """The tokens of each line, with markers."""
    for line in lines:
        words = [index.get(word, UNKNOWN) for word in line.rstrip("\n").split(" ") if word]
        yield np.array([BEGIN, *words, END], np.int32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["ngram", "estimate", "training", "greedy", "first-line"])
    parser.add_argument("--data", type=Path, help="of `ngram`: a text whose words have blanks between them")
    parser.add_argument("--order", type=int, default=3)
    parser.add_argument("--kenlm", type=Path, help="a folder with the program lmplz")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, help="of `estimate`: the file of the model")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    of_training = parser.add_argument_group("training")
    of_training.add_argument("--architectures", nargs="+", default=ARCHITECTURES, choices=ARCHITECTURES)
    of_training.add_argument("--hidden-size", type=int, default=256)
    of_training.add_argument("--vocab-size", type=int, default=4000)
    of_training.add_argument("--steps", type=int, default=40, help="that are timed")
    of_training.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    of_generation = parser.add_argument_group("greedy and first-line")
    of_generation.add_argument("--model", help="a folder to keep the model in; of `first-line`: what -m is given")
    of_generation.add_argument("--lines", type=int, default=200)
    of_generation.add_argument("--new-tokens", type=int, default=64)
    of_generation.add_argument("--layers", type=int, default=12)
    of_generation.add_argument("--width", type=int, default=768)
    of_generation.add_argument("--text", default="昔々あるところに")
    arguments = parser.parse_args()
    if arguments.what in ("ngram", "estimate") and arguments.data is None:
        parser.error("--data names the text")
    if arguments.what != "estimate":
        os.environ["OMP_NUM_THREADS"] = "1" if arguments.what == "ngram" else str(arguments.threads)
        print(f"{arguments.what}: {about_this_machine()}\n")
    runs = {"ngram": ngram, "estimate": estimate}
    if arguments.what not in runs:  # with torch, after the number of threads is set
        from language_generation import first_line, greedy
        from language_training import training

        runs |= {"training": training, "greedy": greedy, "first-line": first_line}
    with tempfile.TemporaryDirectory() as folder:
        runs[arguments.what](arguments, Path(folder))


if __name__ == "__main__":
    main()
