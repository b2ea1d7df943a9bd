"""nlptool as the recipes call it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import IO


def nlptool(*arguments: str | Path, stdout: IO[bytes] | None = None) -> None:
    """Run a command of nlptool.

    Raises:
        CalledProcessError: it failed.
    """
    subprocess.run([sys.executable, "-m", "nlptool", *arguments], check=True, stdout=stdout)
