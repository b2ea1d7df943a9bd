"""The program under test, as tests call it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

NLPTOOL = str(Path(sys.executable).with_name("nlptool"))  # the console script
# In PYTHONPATH: libraries that warn when they are imported.
WARNING_LIBRARIES = Path(__file__).with_name("warning_libraries")
PATIENCE = 120  # seconds after which a process hangs: a guard, not a measure

Run = Callable[..., subprocess.CompletedProcess[bytes]]
Start = Callable[..., subprocess.Popen[bytes]]
Invoke = Callable[..., Result]
