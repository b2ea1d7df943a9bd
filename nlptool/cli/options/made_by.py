"""What makes the output of the running command: kept beside an unfinished one, with which no other run goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from nlptool.records.record import STDIN
from nlptool.storage.unfinished import state_of

_WITHOUT_EFFECT = {
    "allow_pickle", "checkpoint_dir", "debug", "files", "max_latency", "memory", "offline", "output", "plot", "progress", "quiet",
    "resume", "save_dtype", "threads", "verbose", "workers",
}  # fmt: skip
"""Parameters that may be others when a run is resumed; of FILE the content counts."""

_BATCHES = "batch_tokens"
"""A number of a record changes by less than 1e-5 with it, and one of a trained model by more."""

_OF_FILES = ("FILE", "FOLDER", "PATH")


def made_by(values: Mapping[str, Any], files: Sequence[str]) -> dict[str, Any]:
    """Return what makes the output of the running command: see ``storage.unfinished``.

    Args:
        values: those of its parameters.
        files: FILE as it was given.
    """
    context = click.get_current_context()
    command = context.command_path.partition(" ")[2]
    ignored = _WITHOUT_EFFECT if command.startswith("train ") else _WITHOUT_EFFECT | {_BATCHES}
    options: dict[str, Any] = {}
    states: dict[str, str] = {}
    for parameter in context.command.params:
        value = values.get(parameter.name or "")
        is_option = isinstance(parameter, click.Option)
        if value in (None, (), parameter.default) or parameter.name in ignored:
            continue
        if value is False and not parameter.secondary_opts:
            continue  # a flag that is not given
        options[max(parameter.opts, key=len) if is_option else parameter.human_readable_name] = value
        if isinstance(parameter.type, click.Path) or any(word in (parameter.metavar or "") for word in _OF_FILES):
            paths = value if isinstance(value, list | tuple) else [value]
            states |= {str(path): state for path in paths if (state := state_of(Path(str(path))))}
    made = {"command": command, "input": list(files) or [STDIN], "options": options, "files": states}
    return dict(json.loads(json.dumps(made, default=str)))
