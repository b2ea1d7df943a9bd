"""What many sentences cost, and what vectors take."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from scale import costs

RECIPES = Path(__file__).resolve().parent.parent.parent / "recipes" / "scale"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(RECIPES / "costs.py"), *words], capture_output=True, text=True, timeout=120, check=False
    )


def test_hours_follow_from_rates(tmp_path: Path) -> None:
    known = {"sentences_per_second": 1000, "startup_seconds": 36, "output_bytes": 500}
    (tmp_path / "rates.json").write_text(json.dumps({"commands": {"embed": known}}), encoding="utf-8")
    done = run("--rates", str(tmp_path / "rates.json"), "--sentences", "3.6e9", "--cores", "10", "--machines", "1", "5")
    assert done.stdout.splitlines()[:3] == [
        "| command | sentences/s a core | core-hours | hours on 1 × 10 cores | hours on 5 × 10 cores | output |",
        "|---|---|---|---|---|---|",
        "| `embed` | 1,000 | 1,000 | 100.01 | 20.01 | 1,800 GB |",
    ]


def test_the_vectors_of_an_index() -> None:
    rows = {row[0]: row[1:] for row in costs.index(1e9, 256, 256e9, 2e9)}
    assert rows["float32"] == ["1,024", "1,024 GB", "5", "512"]
    assert rows["float16"][:3] == ["512", "512 GB", "3"]
    assert rows["int8"][:3] == ["260", "260 GB", "2"]
    assert rows["codes of 64 bits"][:3] == ["8", "8 GB", "1"]
    assert costs.machines(0.9 * 256e9 + 1, 256e9) == 2


def test_the_rates_are_those_of_the_commands_that_are_asked_for() -> None:
    rates = json.loads(costs.RATES.read_text(encoding="utf-8"))
    assert {"tokenize", "embed -m static-ja-en", "embed -m sbert-mini-ja-en", "classify --task topic"} <= set(
        rates["commands"]
    )
    assert all(known["sentences_per_second"] > 0 and known["output_bytes"] > 0 for known in rates["commands"].values())


@pytest.mark.parametrize(
    "words", [("--sentences", "0"), ("--sentences", "nan"), ("--cores", "0"), ("--machines", "-1")]
)
def test_what_cannot_be_is_refused(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "error:" in done.stderr


def test_the_shares_of_shards_in_a_table() -> None:
    done = subprocess.run(
        [sys.executable, str(RECIPES / "stragglers.py"), "--core-hours", "1", "--workers", "4", "--sigma", "0",
         "--speed-sigma", "0", "--startup", "0", "--overhead", "0", "--per-worker", "1", "3"],
        capture_output=True, text=True, timeout=120, check=True)  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ideal: 900 s")
    assert [line.split() for line in lines[2:]] == [
        ["4", "900.0", "900", "900", "1.000", "0", "0"],
        ["12", "300.0", "900", "900", "1.000", "0", "0"],
        ["best:", "4", "shards"],
    ]


def test_the_tables_of_the_page_are_those_of_the_program() -> None:
    page = (RECIPES.parent.parent / "docs" / "scale.md").read_text(encoding="utf-8")
    tables = run("--scan", "2.15").stdout.strip().split("\n\n")
    assert [table in page for table in tables] == [True, True]
    known = json.loads(costs.RATES.read_text(encoding="utf-8"))["commands"]
    for name, rate in known.items():
        assert f"| `{name}` | {rate['sentences_per_second']:,} | {rate['startup_seconds']:.2f} s |" in page


def test_the_simulation_of_the_page_is_that_of_the_program() -> None:
    words = "--core-hours 250 --workers 160 --sigma 0.3 --speed-sigma 0.2 --mtbf 200 --startup 0.5 --overhead 0.02"
    page = (RECIPES.parent.parent / "docs" / "scale.md").read_text(encoding="utf-8")
    assert f"python recipes/scale/stragglers.py {words}\n" in page
    command = [sys.executable, str(RECIPES / "stragglers.py"), *words.split(), "--per-worker", "1", "4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    for line in done.stdout.splitlines()[2:-1]:
        shards, seconds, makespan, most, share, *_ = line.split()
        assert f"| {int(shards):,} | {seconds} | {makespan} s | {most} s | {share} |" in page
