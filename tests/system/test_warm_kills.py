"""The warm server killed at a hundred random moments: what its clients write is whole, and written once."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import PATIENCE
from warm_user import EMBED, TEXTS, Warm, a_user

COMMANDS = {
    "file": (*EMBED, "{text}"),
    "pipe": EMBED,
    "output": (*EMBED, "{text}", "-o", "{out}"),
    "table": ("similarity", "-m", "static-ja-en", "-k", "1", "-f", "table", "{short}"),
    "poem": ("generate", "-m", "hyakunin", "{short}"),
}
ROUNDS = 20  # of each command
LONGEST = 0.5  # seconds


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[Warm]:
    with a_user(tmp_path) as user:
        yield user


@pytest.mark.parametrize("name", COMMANDS)
def test_output_is_whole_at_any_moment(warm: Warm, tmp_path: Path, name: str) -> None:
    paths = {"text": tmp_path / "t.txt", "short": tmp_path / "s.txt", "out": tmp_path / "out.jsonl"}
    paths["text"].write_text(TEXTS * 300, encoding="utf-8")
    paths["short"].write_text(TEXTS, encoding="utf-8")
    arguments = [word.format_map(paths) for word in COMMANDS[name]]
    stdin = TEXTS * 300 if name == "pipe" else ""
    moments = random.Random(name)
    expected = warm.run(*arguments, stdin=stdin, warm=False)
    written = paths["out"].read_bytes() if paths["out"].exists() else b""
    for _ in range(ROUNDS):
        warm.ready()
        paths["out"].unlink(missing_ok=True)
        killed = moments.choice(["worker", "front", "both"])
        with warm.start(*arguments) as process:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(stdin.encode()[:20_000])
                process.stdin.flush()
            time.sleep(moments.uniform(0, LONGEST))
            for module in ("worker", "front"):
                for number in warm.processes(module) if killed in (module, "both") else []:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(number, signal.SIGKILL)
            stdout, stderr = process.communicate(stdin.encode()[20_000:], timeout=PATIENCE)
        assert (process.returncode, stdout, stderr) == expected
        assert (paths["out"].read_bytes() if paths["out"].exists() else b"") == written
        assert not list(tmp_path.glob("*.part"))
