"""A long run of the fuzzer: ``python tests/fuzz/long_run.py [--inputs 100000] [--seed 1] [--target NAME]``.

It goes on after a fault, and prints each kind of fault once, with the first case that showed it and how often it came.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisWarning

warnings.filterwarnings("ignore", category=HypothesisWarning)  # about the length of what it would print

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(HERE.parent.parent)]

import fuzzing  # noqa: E402
from fuzzing import Case  # noqa: E402
from targets import TARGETS, make_templates  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", choices=TARGETS, action="append")
    arguments = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="fuzz-"))
    os.environ["NLPTOOL_CACHE"] = str(base / "cache")
    home = make_templates(base)
    n_inputs, kinds = 0, Counter[tuple[str, str]]()
    # A process for each target: fugashi does not close its dictionaries, of which a process can have some ten thousand open.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as processes:
        for name in arguments.target or TARGETS:
            share = 1 / len(arguments.target) if arguments.target else TARGETS[name][1]
            began = time.monotonic()
            n = max(10, int(arguments.inputs * share))
            codes, found = processes.submit(run, name, home, base / "case", n, arguments.seed).result()
            n_inputs += codes.total()
            kinds += found
            ended = ", ".join(f"{code}: {n:,}" for code, n in sorted(codes.items()))
            print(
                f"{name}: {codes.total():,} inputs in {time.monotonic() - began:.0f} s; exit codes {ended}", flush=True
            )
    shutil.rmtree(base)
    print(f"{n_inputs:,} inputs, {sum(kinds.values()):,} faults of {len(kinds)} kinds")
    for (name, kind), count in kinds.most_common():
        print(f"  {count:,} x {name}: {kind}")
    sys.exit(bool(kinds))


def run(name: str, home: Path, folder: Path, n: int, number: int) -> tuple[Counter[int], Counter[tuple[str, str]]]:
    """Run about ``n`` cases of a target; return how often each exit code came, and each kind of fault."""
    fuzzing.PATIENCE = 300  # seconds; the machine may have other work, and a long record takes a BERT some seconds
    codes, kinds = Counter[int](), Counter[tuple[str, str]]()

    @seed(number)
    @settings(
        max_examples=n, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(TARGETS[name][0](home))
    def check(case: Case) -> None:
        code, wrong = fuzzing.run(case, folder)
        codes[code] += 1
        for fault in wrong:
            kind = name, re.sub(r"[0-9]+|0x[0-9a-f]+", "N", fault)[:100]
            kinds[kind] += 1
            if kinds[kind] == 1:
                print(f"FAULT {name}: {fault}\n  {case}", flush=True)

    check()
    return codes, kinds


if __name__ == "__main__":
    main()
