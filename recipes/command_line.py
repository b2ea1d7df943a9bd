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


def nlptool_here(*arguments: str | Path) -> None:
    """Run a command of nlptool in this process: of many short ones, none but the first waits for the imports.

    Raises:
        SystemExit: it failed.
    """
    from nlptool.cli.main import root

    if code := root.main(list(map(str, arguments)), "nlptool", standalone_mode=False):
        raise SystemExit(code)
