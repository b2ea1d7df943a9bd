"""What can be chosen of the warm server, kept in the file that ``nlptool warm on`` writes."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from nlptool import machine
from nlptool.cli.warm import places
from nlptool.storage import json_files


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen of a server."""

    idle: float = 900.0  # seconds without a command, after which it ends
    memory: int = 0  # bytes that its processes may hold; 0: a quarter of the machine's

    @property
    def limit(self) -> int:
        """The bytes that its processes may hold."""
        return self.memory or machine.memory() // 4


def read() -> Settings:
    """Return the settings that are kept, or the defaults."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        kept = json_files.read_object(Path(places.switch()))
        return Settings(float(kept["idle"]), int(kept["memory"]))
    return Settings()


def write(settings: Settings) -> None:
    """Keep settings, and with them that a warm server is wanted: wholly or not at all, since the file alone says so.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(places.switch())
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        new.write_text(json.dumps(asdict(settings)) + "\n", encoding="utf-8")
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
