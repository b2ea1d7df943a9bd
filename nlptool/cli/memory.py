"""What is said when the memory does not suffice: what was too large, if that is known, and the options that make it smaller."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import click

from nlptool.errors import NlptoolError, OutOfMemory, is_out_of_memory

_SMALLER = {
    "workers": "", "batch_tokens": "N", "batch_size": "", "memory": "", "max_length": "N", "beams": "", "buckets": "",
    "max_words": "N", "threads": "", "max_line": "",
}  # fmt: skip
"""Options of which a smaller value needs less memory, those that help most first -> what stands for a value where none is given:
nothing where that is no large one."""

_SHORT = "the memory does not suffice"
_MOST = 3  # options that are named

_SIZES = (
    r"Unable to allocate (?P<size>[\d.]+ \w+) for an array with shape (?P<shape>\([\d, ]+\))",  # numpy
    r"[Tt]ried to allocate (?P<size>[\d.]+ \w+)",  # torch
    r"requested buffer of size (?P<size>\d+)",  # onnxruntime
)


@contextlib.contextmanager
def watched(ctx: click.Context) -> Iterator[None]:
    """Raise OutOfMemory for the lack of memory, in the words of whichever library.

    Args:
        ctx: the context of the command that runs, whose options are named.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error) or (isinstance(error, OutOfMemory) and error.hint):
            raise
        message = error.message if isinstance(error, OutOfMemory) else message_of(error)
        raise OutOfMemory(message, hint=hint(ctx)) from error


def message_of(error: BaseException | None) -> str:
    """Return what was too large, as far as a library says it."""
    of_ours = error.message if isinstance(error, NlptoolError) else ""
    while error is not None:
        text = str(error)
        if "can't start new thread" in text:
            return "the system allows no further thread"
        for pattern in _SIZES:
            if found := re.search(pattern, text):
                number, _, unit = found["size"].partition(" ")
                size = f"{int(number):,} {unit or 'bytes'}" if number.isdigit() else found["size"].replace(". ", " ")
                shape = found.groupdict().get("shape")
                what = f"an array of the shape {shape} takes {size}" if shape else f"{size} were asked for"
                return f"{_SHORT}: {what}"
        error = error.__cause__
    return f"{_SHORT}: {of_ours}" if of_ours else _SHORT


def hint(ctx: click.Context) -> str:
    """Return which options of a command take less memory with other values, and the values that they have."""
    options = {option.name: max(option.opts, key=len) for option in ctx.command.params}
    found = []
    for name, unnamed in _SMALLER.items():
        value = ctx.params.get(name)
        if name in options and isinstance(value, int) and value > 1:
            found.append(f"a smaller {options[name]} (it is {value:,})")
        elif name in options and value is None and unnamed:
            found.append(f"{options[name]} {unnamed}")
    return f"less is needed with {', or '.join(found[:_MOST])}" if found else ""
