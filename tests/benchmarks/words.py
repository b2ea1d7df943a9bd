"""The README's figures of word vectors: ``python tests/benchmarks/words.py query|questions|train|memory [--corpus FILE]``.

The peers are gensim and, where they are found, the programs of the original word2vec distribution, word2vec and
word-analogy: on the PATH, or in ``--word2vec DIR``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measure import NLPTOOL, about_this_machine, in_turn, peak_memory, ratio, row, seconds, wall


def glove(folder: Path) -> Path:
    """GloVe's 400,000 × 50 in word2vec's binary format."""
    path = folder / "glove.bin"
    wall(f"{NLPTOOL} vectors convert glove-6b-50d --to word2vec -o {path}")
    return path


def program(arguments: argparse.Namespace, name: str) -> str | None:
    found = shutil.which(name, path=str(arguments.word2vec)) if arguments.word2vec else shutil.which(name)
    if found is None:
        print(f"The C program {name} is absent: its rows are left out.\n")
    return found


def query(folder: Path, arguments: argparse.Namespace) -> None:
    """One question, whole processes, the same vectors."""
    binary = glove(folder)
    saved = folder / "glove.kv"
    code = "from gensim.models import KeyedVectors; "
    subprocess.run(
        [sys.executable, "-c", f"{code}KeyedVectors.load_word2vec_format({str(binary)!r}, binary=True).save({str(saved)!r})"],
        check=True,
    )  # fmt: skip

    def gensim(vectors: str) -> str:
        asked = "most_similar(positive=['king', 'woman'], negative=['man'])"
        return f'{sys.executable} -c "{code}print(KeyedVectors.{vectors}.{asked})"'

    contenders = {
        "nlptool analogy king man woman": f"{NLPTOOL} analogy king man woman",
        "nlptool neighbors 猫": f"{NLPTOOL} neighbors 猫",
        "gensim, KeyedVectors.load(mmap='r')": gensim(f"load('{saved}', mmap='r')"),
        "gensim, load_word2vec_format(binary=True)": gensim(f"load_word2vec_format('{binary}', binary=True)"),
    }
    if peer := program(arguments, "word-analogy"):
        contenders["word-analogy (C)"] = f"printf 'man king woman\\nEXIT\\n' | {peer} {binary}"
    times = in_turn({name: lambda c=command: wall(c) for name, command in contenders.items()}, arguments.rounds)
    row("whole process, GloVe 400,000 × 50", "median (range)", "takes as long as nlptool analogy")
    row("---", "---", "---")
    for name, values in times.items():
        row(name, seconds(values), f"{ratio(times, name, 'nlptool analogy king man woman'):.2f} ×")


def questions(folder: Path, arguments: argparse.Namespace) -> None:
    """10,000 analogies, a vocabulary of 300,000, in process; and the whole command."""
    import numpy as np
    from gensim.models import KeyedVectors

    from nlptool.models.words import evaluation as word_evaluation
    from nlptool.models.words import loading as word_loading

    vectors = word_loading.open_vectors("glove-6b-50d")
    generator = np.random.default_rng(1)
    asked = [tuple(vectors.word(index) for index in four) for four in generator.integers(0, 300_000, (10_000, 4))]
    path = folder / "questions.txt"
    path.write_text(": random\n" + "".join(" ".join(four) + "\n" for four in asked))
    peer = KeyedVectors.load_word2vec_format(str(glove(folder)), binary=True)
    peer.fill_norms()

    def ours() -> float:
        started = time.perf_counter()
        vocabulary = word_evaluation.Vocabulary(word_loading.open_vectors("glove-6b-50d"), 300_000, fold=True)
        word_evaluation.analogies(vocabulary, asked)
        return time.perf_counter() - started

    def theirs() -> float:
        started = time.perf_counter()
        peer.evaluate_word_analogies(str(path), restrict_vocab=300_000)
        return time.perf_counter() - started

    contenders = {
        "nlptool, in process": ours,
        "nlptool evaluate analogies, whole process": lambda: wall(f"{NLPTOOL} evaluate analogies {path}"),
        "gensim, evaluate_word_analogies": theirs,
    }
    times = once_a_round(contenders, arguments.rounds)
    row("10,000 questions, 300,000 words × 50", "median (range)", "ratio of speeds")
    row("---", "---", "---")
    for name, values in times.items():
        row(name, seconds(values), f"{ratio(times, 'gensim, evaluate_word_analogies', name):.1f} ×")


def train(folder: Path, arguments: argparse.Namespace) -> None:
    """30 MB of tokenised Japanese (--corpus: words with blanks between them), 3 epochs, 100 dimensions, 2 threads, from the
    file to saved vectors."""
    corpus = arguments.corpus
    options = "vector_size=100, window=5, negative=5, sample=1e-3, min_count=5, epochs=3, workers=2"
    imports = "from gensim.models import Word2Vec; from gensim.models.word2vec import LineSentence; "
    for method, sg in (("skipgram", 1), ("cbow", 0)):
        target = folder / method

        def gensim(source: str, sg: int = sg, target: Path = target) -> str:
            code = (
                f"{imports}Word2Vec({source}, sg={sg}, {options}).wv.save_word2vec_format('{target}.bin', binary=True)"
            )
            return f'{sys.executable} -c "{code}"'

        ours = (
            f"{NLPTOOL} train --tokenizer whitespace --method {method} --epochs 3 --threads 2 {corpus} -o {target}.vec"
        )
        contenders = {
            "nlptool train": ours,
            "nlptool train --fast": f"{ours} --fast",
            "gensim, iterable": gensim(f"LineSentence('{corpus}')"),
            "gensim, corpus_file": gensim(f"corpus_file='{corpus}'"),
        }
        if peer := program(arguments, "word2vec"):
            contenders["word2vec (C)"] = (
                f"{peer} -train {corpus} -output {target}.c.bin -binary 1 -cbow {1 - sg} -size 100 -window 5 -negative 5 "
                "-hs 0 -sample 1e-3 -min-count 5 -iter 3 -threads 2"
            )
        times = once_a_round(
            {name: lambda c=command: wall(c) for name, command in contenders.items()}, arguments.rounds
        )
        row(method, "median (range)", "takes as long as nlptool train")
        row("---", "---", "---")
        for name, values in times.items():
            row(name, seconds(values), f"{ratio(times, name, 'nlptool train'):.2f} ×")
        print()


def memory(folder: Path, _: argparse.Namespace) -> None:
    """Peak memory of a query beside the file of vectors that it reads."""
    from nlptool.models.words import loading as word_loading

    empty = folder / "empty"
    empty.touch()
    row("query", "peak resident memory", "vectors.npy", "ratio")
    row("---", "---", "---", "---")
    for command, model in (
        (["analogy", "king", "man", "woman"], "glove-6b-50d"),
        (["neighbors", "猫"], "modern-ja-200d"),
    ):
        size = (word_loading.open_vectors(model).folder / "vectors.npy").stat().st_size
        peak = peak_memory([NLPTOOL, *command], empty)
        row(" ".join(command), f"{peak / 1e6:.0f} MB", f"{size / 1e6:.0f} MB", f"{peak / size:.2f}")


def once_a_round(contenders: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What takes minutes has no warming-up round; the order changes from round to round."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in list(contenders)[:: -1 if number % 2 else 1]:
            times[name].append(contenders[name]())
            print(f"<!-- round {number + 1}: {name} {statistics.median(times[name][-1:]):.1f} s -->", flush=True)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["query", "questions", "train", "memory"])
    parser.add_argument("--corpus", type=Path, help="of `train`: a text whose words have blanks between them")
    parser.add_argument("--word2vec", type=Path, help="a folder with the C programs")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.what == "train" and arguments.corpus is None:
        parser.error("train needs --corpus")
    print(f"{arguments.what}: {about_this_machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NLPTOOL_CACHE"] = str(Path(folder) / "cache")
        globals()[arguments.what](Path(folder), arguments)


if __name__ == "__main__":
    main()
