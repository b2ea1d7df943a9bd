"""The figures of the warm server: ``python tests/benchmarks/warm.py one|many --corpus FILE``.

one   one line through a whole process, cold and warm, in turn
many  fifty clients at once with twenty lines each, against one process with all lines, whose start is part of its time
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from measure import NLPTOOL, about_this_machine, in_turn, ratio, row, seconds, wall

COMMANDS = {
    "embed": f"echo 猫が鳴く。 | {NLPTOOL} embed -q > /dev/null",
    "fill-mask": f"echo '猫が[MASK]た。' | {NLPTOOL} fill-mask -q > /dev/null",
    "generate -m hyakunin": f"echo むらさめの | {NLPTOOL} generate -q -m hyakunin > /dev/null",
    "analogy": f"{NLPTOOL} analogy -q king man woman > /dev/null",
}
CLIENTS = 50
LINES = 20


def one(arguments: argparse.Namespace) -> None:
    contenders = {
        f"{name}, {kind}": f"NLPTOOL_WARM={kind == 'warm':d}; export NLPTOOL_WARM; {command}"
        for name, command in COMMANDS.items()
        for kind in ("cold", "warm")
    }
    times = in_turn({name: lambda c=command: wall(c) for name, command in contenders.items()}, arguments.rounds)
    row("one line, whole process", "cold", "warm", "warm / cold")
    row("---", "---", "---", "---")
    for name in COMMANDS:
        cold, warm = f"{name}, cold", f"{name}, warm"
        row(name, seconds(times[cold]), seconds(times[warm]), f"{ratio(times, warm, cold):.2f}")


def many(arguments: argparse.Namespace) -> None:
    with arguments.corpus.open(encoding="utf-8") as lines:
        texts = [line for line in lines if line.strip()][: CLIENTS * LINES]
    groups = ["".join(texts[start : start + LINES]).encode() for start in range(0, len(texts), LINES)]
    answers: dict[str, bytes] = {}

    def run(name: str, inputs: list[bytes], warm: str) -> float:
        environment = os.environ | {"NLPTOOL_WARM": warm}
        files = [tempfile.TemporaryFile() for _ in inputs]  # noqa: SIM115
        given = [tempfile.TemporaryFile() for _ in inputs]  # noqa: SIM115
        for file, text in zip(given, inputs, strict=True):
            file.write(text)
            file.seek(0)
        started = time.perf_counter()
        clients = [
            subprocess.Popen([NLPTOOL, "embed", "-q", *arguments.more], env=environment, stdin=stdin, stdout=stdout)
            for stdin, stdout in zip(given, files, strict=True)
        ]
        codes = [client.wait() for client in clients]
        took = time.perf_counter() - started
        if any(codes):
            raise SystemExit(f"{name} failed: {codes}")
        for file in files:
            file.seek(0)
        answers[name] = b"".join(file.read() for file in files)
        return took

    times = in_turn(
        {
            f"{CLIENTS} clients, warm": lambda: run("many", groups, "1"),
            "one process, cold": lambda: run("one", [b"".join(groups)], "0"),
        },
        arguments.rounds,
    )
    row(f"{len(texts)} lines", "median (range)", "throughput against one process")
    row("---", "---", "---")
    for name, values in times.items():
        row(name, seconds(values), f"{ratio(times, 'one process, cold', name):.2f}")
    n_lost = answers["one"].count(b"\n") - answers["many"].count(b"\n")
    row(f"lost records: {n_lost}; same bytes: {answers['one'] == answers['many']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["one", "many"])
    parser.add_argument("--corpus", type=Path, help="a text, for many")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--more", nargs="*", default=[], help="options of embed")
    arguments = parser.parse_args()
    print(about_this_machine(), flush=True)
    runtime = tempfile.mkdtemp(prefix="nw")
    os.environ["XDG_RUNTIME_DIR"] = runtime
    try:
        for command in COMMANDS.values():  # the server, with the models open
            for _ in range(2):
                wall(f"NLPTOOL_WARM=1; export NLPTOOL_WARM; {command}")
                time.sleep(1)
        {"one": one, "many": many}[arguments.what](arguments)
    finally:
        wall(f"{NLPTOOL} warm stop")
        shutil.rmtree(runtime)


if __name__ == "__main__":
    main()
