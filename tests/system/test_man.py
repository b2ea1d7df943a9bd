"""``man`` and ``groff`` show every manual page without a warning."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

MAN = Path(__file__).resolve().parent.parent.parent / "man"


@pytest.mark.parametrize("name", sorted(path.name for path in MAN.glob("*.1")))
def test_no_warning(name: str) -> None:
    groff = ["groff", "-K", "utf8", "-Tutf8", "-man", "-ww", str(MAN / name)]
    done = subprocess.run(groff, capture_output=True, text=True, check=True, encoding="utf-8")
    assert done.stderr == ""


def test_a_page_is_readable() -> None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100"}
    page = str(MAN / "nlptool-tokenize.1")
    done = subprocess.run(["man", "--warnings", "-l", page], env=environment, capture_output=True, check=True)
    text = done.stdout.decode("utf-8")
    assert done.stderr == b""
    assert "nlptool tokenize [OPTIONS] [FILE]..." in text
    assert "echo 吾輩は猫である。 | nlptool tokenize" in text
