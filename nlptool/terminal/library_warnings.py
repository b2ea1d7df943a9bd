"""Keep the warnings, log records and progress bars of libraries away from stderr, unless ``--debug`` shows them.

They tell programmers of deprecated calls and the like; who uses the command line can do nothing about them. This is the one
place that sees to it, and no library is imported for it.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Literal

Mode = Literal["left alone", "hidden", "shown"]

_QUIET = {
    "PYTHONWARNINGS": "ignore",  # of processes that are started, for one the resource tracker of multiprocessing
    "TQDM_DISABLE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",  # read at its import, so that it stays quiet where nlptool is used as a library
    "TORCH_CPP_LOG_LEVEL": "ERROR",  # these two write to the descriptor 2, past Python
    "CT2_VERBOSE": "-1",
}

_mode: Mode = "left alone"


def mode() -> Mode:
    """Return what is done with them now."""
    return _mode


@contextlib.contextmanager
def hidden() -> Iterator[None]:
    """Hide them until the context ends, in this process and in those that it starts. Without effect inside ``shown``."""
    if _mode == "shown":
        yield
        return
    import logging

    show = warnings.showwarning
    disabled = logging.root.manager.disable

    def show_if_wanted(*arguments: Any, **more: Any) -> None:
        if mode() == "shown":
            show(*arguments, **more)

    with _in_mode("hidden", _QUIET), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.showwarning = show_if_wanted  # some libraries set filters of their own
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(disabled)


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Show them until the context ends, also inside ``hidden``, DeprecationWarnings too."""
    import logging

    disabled = logging.root.manager.disable
    with _in_mode("shown", dict.fromkeys(_QUIET)), warnings.catch_warnings():
        warnings.simplefilter("default")
        logging.disable(logging.NOTSET)
        try:
            yield
        finally:
            logging.disable(disabled)


def in_mode(mode: Mode) -> contextlib.AbstractContextManager[None]:
    """Return the context of a mode: a worker process does what its parent does."""
    if mode == "left alone":
        return contextlib.nullcontext()
    return hidden() if mode == "hidden" else shown()


@contextlib.contextmanager
def _in_mode(mode: Mode, environment: Mapping[str, str | None]) -> Iterator[None]:
    """Set the mode and variables of the environment (None: unset), and bring the former ones back."""
    global _mode  # noqa: PLW0603
    former, former_values = _mode, {name: os.environ.get(name) for name in environment}
    _mode = mode
    _set(environment)
    try:
        yield
    finally:
        _mode = former
        _set(former_values)


def _set(environment: Mapping[str, str | None]) -> None:
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
