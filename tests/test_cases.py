"""Golden transcripts: ``tests/cases/<command>/*.txt``, one case a file.

A case is a shell command behind ``$ ``, the stdout it gives, the stderr with ``! `` before each line, and ``? CODE`` if the exit
code is not 0. All libraries warn when they are imported, which must not be seen. ``UPDATE_CASES=1 pytest tests/test_cases.py``
writes what the commands say now; read the difference in review.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from program import WARNING_LIBRARIES

ROOT = Path(__file__).parent.parent
CASES = sorted((ROOT / "tests" / "cases").glob("*/*.txt"))
_FLOAT = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def transcript(command: str) -> str:
    """Run a command of the shell from the repository's root and write down what it says."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("NLPTOOL_") or name == "NLPTOOL_CACHE"
    }
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "88", "LC_ALL": "C.UTF-8"}
    environment["PYTHONPATH"] = os.pathsep.join([str(WARNING_LIBRARIES), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=ROOT, env=environment, capture_output=True,
                          timeout=120, stdin=subprocess.DEVNULL, check=False)  # fmt: skip
    said = "".join(f"! {line}\n" for line in done.stderr.decode().removesuffix("\n").split("\n") if done.stderr)
    code = f"? {done.returncode}\n" if done.returncode else ""
    return f"$ {command}\n{done.stdout.decode()}{said}{code}"


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path) -> None:
    expected = path.read_text(encoding="utf-8")
    got = transcript(expected.split("\n", 1)[0].removeprefix("$ "))
    if os.environ.get("UPDATE_CASES"):
        path.write_text(got, encoding="utf-8")
        return
    # The last digits of a vector differ between processors.
    assert _FLOAT.sub("#", got) == _FLOAT.sub("#", expected)
    assert [float(n) for n in _FLOAT.findall(got)] == pytest.approx(
        [float(n) for n in _FLOAT.findall(expected)], rel=1e-5, abs=1e-4
    )


def test_every_command_has_a_case() -> None:
    from nlptool.cli.main import COMMANDS

    assert {path.parent.name for path in CASES} >= set(COMMANDS) - {"completion"}
