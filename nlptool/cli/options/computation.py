"""Options of how the work is computed, which commands share whatever their model is."""

from __future__ import annotations

from collections.abc import Callable

import click

from nlptool.cli.help import shared_option
from nlptool.cli.options.types import LARGEST_TEAM, Command, Decorator, IntRange, NumberOrAuto, all_of

workers = shared_option(
    "Common", "-j", "--workers", default=1, show_default=True, metavar="N", type=IntRange(1, LARGEST_TEAM),
    help="Worker processes; the output stays in order.",
)  # fmt: skip


workers_auto = shared_option(
    "Common", "-j", "--workers", default="auto", show_default=True, metavar="N", type=NumberOrAuto(LARGEST_TEAM),
    help="Worker processes; the output stays in order. auto: all processors once the input is large.",
)  # fmt: skip


threads = shared_option(
    "Common", "--threads", show_default="all processors, shared by -j", metavar="N", type=IntRange(1, LARGEST_TEAM),
    help="Threads of each worker process.",
)  # fmt: skip


threads_alone = shared_option(
    "Common", "--threads", show_default="all processors", metavar="N", type=IntRange(1, LARGEST_TEAM),
    help="Threads for computation.",
)  # fmt: skip
"""``--threads`` of a command that works in one process."""


def batch_tokens(default: int | None) -> Callable[[Command], Command]:
    return shared_option(
        "Model", "--batch-tokens", default=default, show_default=True if default else "depends on the device", metavar="N",
        type=IntRange(min=1), help="Tokens in a batch, padding included.",
    )  # fmt: skip


def deterministic(text: str = "Byte-identical results however the input is batched; slower.") -> Decorator:
    return shared_option("Common", "--deterministic", is_flag=True, help=text)


seed = shared_option(
    "Common", "--seed", default=1, show_default=True, metavar="N", type=click.IntRange(0, 2**32 - 1),
    help="Seed of the random numbers.",
)  # fmt: skip


offline = shared_option("Model", "--offline", is_flag=True, help="Use no network.")


allow_pickle = shared_option(
    "Model", "--allow-pickle", is_flag=True,
    help="Allow weights in pickle format if there are no others; a pickle can run harmful code.",
)  # fmt: skip


unicode_errors = shared_option(
    "Model", "--unicode-errors", type=click.Choice(["strict", "ignore", "replace"]), default="strict", show_default=True,
    help="Words of a vectors file that are not UTF-8; strict: refuse the file; ignore: leave out the wrong bytes; replace: "
    "read U+FFFD for them.",
)  # fmt: skip


device = shared_option(
    "Model", "--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True,
    help="Device of the network; auto: a CUDA GPU if there is one, else cpu, which starts fastest.",
)  # fmt: skip
engine = shared_option(
    "Model", "--engine", type=click.Choice(["auto", "onnx", "torch"]), default="auto", show_default=True,
    help="Inference engine; auto: onnxruntime, or torch for GPUs and models that need it.",
)  # fmt: skip


of_network = all_of(device, batch_tokens(None), threads_alone, deterministic(), offline, allow_pickle)
"""What can be chosen of the computation of every network."""
