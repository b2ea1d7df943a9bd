"""The speed of training language models, for ``language.py training``: ``LanguageTraining`` against a plain loop in PyTorch.

Both train the same class of network on the same batches of random tokens, with the same optimizer, clipping and precision, in one
process and in turn. What is timed begins after the first steps. The plain loop makes no checkpoints, curves or checks.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import in_turn, ratio, row
from torch import nn
from torch.nn import functional

from nlptool.models.language import networks
from nlptool.models.language.config import TRANSFORMER
from nlptool.training.language import gpt
from nlptool.training.language.streams import Streams
from nlptool.training.language.trainer import LanguageSettings, LanguageTraining
from nlptool.training.precision import autocast, choose_attention

N_TOKENS = 400_000
_WARM = 5  # steps that are not timed
_CPU = torch.device("cpu")


def training(arguments: argparse.Namespace, _: Path) -> None:
    torch.set_num_threads(arguments.threads)
    random = np.random.default_rng(1)
    tokens = (random.zipf(1.2, N_TOKENS) % (arguments.vocab_size - 4) + 4).astype(np.uint32)
    starts = np.arange(0, N_TOKENS + 1, 1000)
    row(
        f"{arguments.threads} threads, {arguments.precision}",
        "tokens a second, nlptool",
        "plain PyTorch",
        "nlptool / PyTorch",
    )
    row("---", "---", "---", "---")
    for name in arguments.architectures:
        settings = LanguageSettings(
            architecture=name, layers=4 if name == TRANSFORMER else 1, hidden_size=arguments.hidden_size,
            embedding_size=arguments.hidden_size, context=8 if name == "feedforward" else 64,
            max_steps=arguments.steps + _WARM, precision=arguments.precision,
        )  # fmt: skip
        streams = Streams(tokens, starts, batch_size=settings.batch_size, length=settings.context, seed=1)
        contenders: dict[str, Callable[[], float]] = {
            "nlptool": lambda settings=settings, streams=streams: ours(streams, arguments.vocab_size, settings),
            "plain": lambda settings=settings, streams=streams: plain(streams, arguments.vocab_size, settings),
        }
        times = in_turn(contenders, arguments.rounds)
        n_tokens = arguments.steps * streams.batch_size * streams.length
        rates = [f"{n_tokens / statistics.median(times[each]):,.0f}" for each in contenders]
        row(name, *rates, f"{ratio(times, 'plain', 'nlptool'):.2f}")


def ours(streams: Streams, vocab_size: int, settings: LanguageSettings) -> float:
    """The seconds of the steps after the first ones."""
    ends: list[float] = []

    def report(*_: Any) -> None:
        ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        LanguageTraining(
            streams, None, vocab_size, settings, Path(folder), data="random", device="cpu", report=report,
            note=lambda _: None, stop=lambda: False,
        ).run()  # fmt: skip
    return ends[-1] - ends[_WARM - 1]


def plain(streams: Streams, vocab_size: int, settings: LanguageSettings) -> float:
    """The same in as few lines as it takes."""
    torch.manual_seed(settings.seed)
    config = settings.config(vocab_size)
    network: networks.LanguageNetwork = gpt.new(config) if config.architecture == TRANSFORMER else networks.new(config)
    if isinstance(network, gpt.Gpt):
        choose_attention(network.network, _CPU, settings.precision)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), eps=1e-6,
        weight_decay=settings.weight_decay, fused=True,
    )  # fmt: skip
    network.train()
    state = network.begin(streams.batch_size)
    began = 0.0
    for step in range(settings.max_steps or 0):
        if step == _WARM:
            began = time.perf_counter()
        batch = streams.batch(*divmod(step, streams.n_batches))
        ids, targets = torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets)
        with autocast(_CPU, settings.precision):
            logits, state = network(ids, tuple(part.detach() for part in state))
            loss = functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), settings.max_grad_norm)
        optimizer.step()
        loss.item()
    return time.perf_counter() - began
