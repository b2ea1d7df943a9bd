"""The plan of a training: its number of steps and its settings, kept beside its checkpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nlptool.errors import WrongUsage
from nlptool.storage.unfinished import ANEW, differences
from nlptool.training.checkpoint import steps_done


def kept(path: Path, kind: str, settings: Mapping[str, Any]) -> int | None:
    """Return the number of steps of the training that is to be resumed; None if there is none.

    Args:
        path: of the plan, beside the checkpoint with the same name.
        kind: the plans of such trainings are named ``{kind}-...``.

    Raises:
        WrongUsage: what was interrupted is a training with other settings or another corpus.
    """
    if path.is_file():
        return int(json.loads(path.read_text(encoding="utf-8"))["n_steps"])
    for other in sorted(path.parent.glob(f"{kind}-*.json")):
        before = json.loads(other.read_text(encoding="utf-8"))
        if 0 < steps_done(other.with_suffix(".safetensors")) < before["n_steps"]:
            different = "; ".join(_differences(before["settings"], settings)) or "another corpus"
            raise WrongUsage(f"the training that was interrupted is another one: {different}. {ANEW}")
    return None


def keep(path: Path, n_steps: int, settings: Mapping[str, Any]) -> None:
    """Write a plan.

    Raises:
        OSError: it cannot be written.
    """
    new = path.with_suffix(".plan")
    new.write_text(json.dumps({"n_steps": n_steps, "settings": settings}), encoding="utf-8")
    new.replace(path)


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield in words how the settings of two trainings differ."""
    first, second = ({f"--{name.replace('_', '-')}": settings.get(name) for name in now} for settings in (before, now))
    return differences({"options": first}, {"options": second})
