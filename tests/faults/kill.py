"""Kill commands at random moments, for as long as one likes: python tests/faults/kill.py --runs 500 [--full-disk] [CASE ...]"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from kills import CASES, Killing, ground


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"Among: {', '.join(CASES)}.")
    parser.add_argument("--runs", type=int, default=100, help="Runs of all cases together.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--full-disk", action="store_true", help="Let the disk be full instead of killing.")
    given = parser.parse_args()
    names = given.cases or [*CASES]
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # where it is ignored, as behind nohup, the commands would ignore it
    n_kills = n_failed = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ground(Path(folder) / "ground") as place:
        for number in range(given.runs):
            name = names[number % len(names)]
            killing = Killing(place, name, random.Random(f"{given.seed} {number}"))
            try:
                (killing.fill if given.full_disk else killing.check)()
            except AssertionError as error:
                n_failed += 1
                print(f"{name}, run {number}: {error}", flush=True)
            n_kills += killing.n_kills
            if number % 20 == 19:
                print(
                    f"{number + 1} runs, {n_kills} kills, {n_failed} failed, {time.monotonic() - began:.0f} s",
                    flush=True,
                )
    print(f"{given.runs} runs, {n_kills} kills, {n_failed} failed, {time.monotonic() - began:.0f} s")
    return min(n_failed, 1)


if __name__ == "__main__":
    sys.exit(main())
