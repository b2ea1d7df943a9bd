"""The figures of the commands of a corpus: ``python tests/benchmarks/corpus.py kwic --corpus FILE``.

FILE is a large Japanese text, a paragraph a line (the figures are for 30 MB of Aozora Bunko). Whole processes, in turn.

kwic       a word, in the text and in the records of ``nlptool tokenize``, against grep of the same in the text, against a process
           that reads the records and does nothing else, and against ``nlptool tokenize`` of the text
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import sys
import tempfile
from pathlib import Path

from measure import NLPTOOL, about_this_machine, in_turn, row, seconds, wall

MEGABYTE = 1_000_000

READ = """
import sys
from nlptool.records.pipe import Pipe
from nlptool.records.record import InputFormat
pipe = Pipe("kwic", (sys.argv[1],), InputFormat(instead=("tokens",)), progress="never")
print(sum(map(len, pipe.read())))
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
    parser.add_argument("what", choices=["kwic"])
    parser.add_argument("--corpus", type=Path, required=True, help="a large Japanese text")
    parser.add_argument("--megabytes", type=int, default=30, help="of it that are read")
    parser.add_argument("--word", default="猫")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(about_this_machine(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        {"kwic": kwic}[arguments.what](Path(name), arguments)


if __name__ == "__main__":
    main()
