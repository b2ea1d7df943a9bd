"""The figures of the commands of a corpus: ``python tests/benchmarks/corpus.py kwic|collocations|ngrams --corpus FILE``.

FILE is a large Japanese text, a paragraph a line (the figures are for 30 MB of Aozora Bunko). Whole processes, in turn.

kwic          a word, in the text and in the records of ``nlptool tokenize``, against grep of the same in the text, against a
              process that reads the records and does nothing else, and against ``nlptool tokenize`` of the text
collocations  pairs in the text with blanks between its words, of one process, against NLTK's finder of bigrams, with the memory
ngrams        the same; the peer counts bigrams
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from measure import NLPTOOL, about_this_machine, in_turn, peak_memory, ratio, row, seconds, wall

MEGABYTE = 1_000_000

READ = """
import sys
from nlptool.records.pipe import Pipe
from nlptool.records.record import InputFormat
pipe = Pipe("kwic", (sys.argv[1],), InputFormat(instead=("tokens",)), progress="never")
print(sum(map(len, pipe.read())))
"""

NLTK = """
import sys
from nltk.collocations import BigramCollocationFinder
from nltk.metrics.association import BigramAssocMeasures
with open(sys.argv[1], encoding="utf-8") as lines:
    finder = BigramCollocationFinder.from_words((word for line in lines for word in line.split()), window_size=int(sys.argv[2]))
finder.apply_freq_filter(3)
print(finder.nbest(BigramAssocMeasures.likelihood_ratio, 1000))
"""


def kwic(folder: Path, arguments: argparse.Namespace) -> None:
    text = beginning(arguments.corpus, folder / "text.txt", arguments.megabytes * MEGABYTE)
    records = folder / "records.jsonl"
    wall(f"{NLPTOOL} tokenize -q {text} -o {records}")
    script = folder / "read.py"
    script.write_text(READ)
    word = shlex.quote(arguments.word)
    contenders = {
        "grep -F, text": f"grep -F {word} {text} || true",
        "reading, records": f"{sys.executable} {script} {records}",
        "kwic, records": f"{NLPTOOL} kwic -q {word} {records}",
        "kwic --by lemma, records": f"{NLPTOOL} kwic -q --by lemma {word} {records}",
        "tokenize, text": f"{NLPTOOL} tokenize -q {text}",
        "kwic, text": f"{NLPTOOL} kwic -q {word} {text}",
        "kwic --by lemma, text": f"{NLPTOOL} kwic -q --by lemma {word} {text}",
    }
    times = in_turn({name: lambda c=command: wall(c) for name, command in contenders.items()}, arguments.rounds)
    sizes = f"{text.stat().st_size / MEGABYTE:.1f} MB of text, {records.stat().st_size / MEGABYTE:.0f} MB of records"
    row(f"whole process, {sizes}", "median (range)")
    row("---", "---")
    for name, values in times.items():
        row(name, seconds(values))
    allowed = [2 * a + b for a, b in zip(times["grep -F, text"], times["reading, records"], strict=True)]
    row("kwic / (2 × grep + reading), records", of_each(times["kwic, records"], allowed))
    row("kwic / tokenize, text", of_each(times["kwic, text"], times["tokenize, text"]))


def counts(folder: Path, arguments: argparse.Namespace) -> None:
    """`collocations` or `ngrams`."""
    text = beginning(arguments.corpus, folder / "text.txt", arguments.megabytes * MEGABYTE)
    words = folder / "words.txt"
    wall(f"{NLPTOOL} tokenize -q -f wakati {text} > {words}")
    script = folder / "peer.py"
    script.write_text(NLTK)
    nltk = f"{sys.executable} {script} {words}"
    peer = "NLTK, BigramCollocationFinder"
    options = ["", " --window 4", f" --node {shlex.quote(arguments.word)} --window 4"]
    if arguments.what == "ngrams":
        options = [" -n 2", " -n 2-4", " --of chars -n 1-3"]
    contenders = {
        f"{arguments.what}{more}": f"{NLPTOOL} {arguments.what} -q{more} "
        + (str(text) if "chars" in more else f"--tokenizer whitespace {words}")
        for more in options
    }
    if arguments.what == "collocations":
        contenders[f"{peer}, window_size=5"] = f"{nltk} 5"
    contenders[peer] = f"{nltk} 2"
    measure: Callable[[str], float] = processor_time if arguments.processor_time else wall
    times = in_turn({name: lambda c=command: measure(c) for name, command in contenders.items()}, arguments.rounds)
    what = "processor time" if arguments.processor_time else "whole process"
    row(f"{what}, {words.stat().st_size / MEGABYTE:.1f} MB", "median (range)", f"takes as long as {peer}", "memory")
    row("---", "---", "---", "---")
    for name, values in times.items():
        memory = peak_memory(["sh", "-c", contenders[name]], Path(os.devnull)) / MEGABYTE
        row(name, seconds(values), f"{ratio(times, name, peer):.2f} ×", f"{memory:.0f} MB")


def processor_time(command: str) -> float:
    """Seconds of processor time that a shell command takes: for a machine on which other programs run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def of_each(values: list[float], others: list[float]) -> str:
    """The median, round by round, of how many times as long one takes as another."""
    return f"{statistics.median(a / b for a, b in zip(values, others, strict=True)):.2f}"


def beginning(path: Path, copy: Path, n_bytes: int) -> Path:
    """The first lines of a text that are not empty."""
    with path.open("rb") as lines, copy.open("wb") as out:
        for line in filter(bytes.strip, lines):
            out.write(line)
            if out.tell() >= n_bytes:
                break
    return copy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kwic", "collocations", "ngrams"])
    parser.add_argument("--corpus", type=Path, required=True, help="a large Japanese text")
    parser.add_argument("--megabytes", type=int, default=30, help="of it that are read")
    parser.add_argument("--word", default="猫")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processor-time", action="store_true", help="of collocations and ngrams, instead of time")
    arguments = parser.parse_args()
    print(about_this_machine(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        {"kwic": kwic}.get(arguments.what, counts)(Path(name), arguments)


if __name__ == "__main__":
    main()
