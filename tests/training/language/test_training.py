"""The training of language models: streams of documents, carried states, checkpoints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nlptool.models.language.config import END
from nlptool.training.language.streams import Streams
from nlptool.training.language.trainer import DevText, LanguageSettings, LanguageTraining
from nlptool.training.language.trainer import losses as losses_of


@given(
    st.lists(st.lists(st.integers(4, 9), max_size=6), min_size=1, max_size=6), st.integers(1, 5), st.integers(1, 7),
    st.one_of(st.none(), st.integers(0, 3)),
)  # fmt: skip
def test_an_epoch_has_every_token_and_every_end_once(
    documents: list[list[int]], batch_size: int, length: int, seed: int | None
) -> None:
    streams = made(documents, batch_size, length, seed)
    for epoch in (0, 1):
        batches = [streams.batch(epoch, number) for number in range(streams.n_batches)]
        assert [batch.begins for batch in batches] == [True] + [False] * (len(batches) - 1)
        inputs, targets, counts = (
            np.concatenate([getattr(batch, name) for batch in batches], 1) for name in ("inputs", "targets", "counts")
        )
        flat = targets[counts].tolist()
        assert inputs[counts].tolist() == [END, *flat[:-1]]
        found = [list(map(int, part)) for part in split(flat)]
        assert found == documents if seed is None else sorted(found) == sorted(documents)
        assert not batches or counts.size - counts.sum() < streams.batch_size


def made(documents: list[list[int]], batch_size: int, length: int, seed: int | None) -> Streams:
    tokens = np.array([token for document in documents for token in document], np.uint16)
    starts = np.cumsum([0, *map(len, documents)])
    return Streams(tokens, starts, batch_size=batch_size, length=length, seed=seed)


def split(flat: list[int]) -> list[list[int]]:
    found: list[list[int]] = [[]]
    for token in flat:
        if token == END:
            found.append([])
        else:
            found[-1].append(token)
    return found[:-1]


DOCUMENTS = [[4, 5, 6, 7] * 3, [5, 6, 7, 4] * 4, [6, 7, 4, 5] * 2, [7, 4, 5, 6] * 5]


def training(folder: Path, architecture: str, **options: object) -> LanguageTraining:
    stop = options.pop("stop", lambda: False)
    resume = options.pop("resume", False)
    settings = LanguageSettings(
        architecture=architecture, hidden_size=12, embedding_size=12, context=4, batch_size=3, max_steps=90, learning_rate=0.02,
        dropout=0.1, evaluations=4, **options,
    )  # type: ignore[arg-type]  # fmt: skip
    dev = DevText(made(DOCUMENTS[:2], 2, 4, None), 30, 30)
    folder.mkdir(exist_ok=True)
    return LanguageTraining(
        made(DOCUMENTS, 3, 4, 1), dev, 8, settings, folder, data="x", stop=stop, resume=resume  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("feedforward", ["hidden"]),
        ("gru", ["recurrent.weight_ih_l0", "recurrent.weight_hh_l0"]),
        (
            "transformer",
            [f"network.transformer.h.0.{name}" for name in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")],
        ),
    ],
)
def test_muon_gets_the_matrices_of_the_layers(architecture: str, expected: list[str], tmp_path: Path) -> None:
    of = training(tmp_path / "muon", architecture, optimizer="muon")
    names = {id(parameter): name for name, parameter in of.network.named_parameters()}
    found = [names[id(matrix)] for matrix in of.matrices()]
    assert [name.removeprefix("network.").removesuffix(".weight") for name in found] == expected


@pytest.mark.parametrize("architecture", ["feedforward", "rnn", "lstm", "gru"])
def test_it_learns_a_cycle_and_resumes_byte_for_byte(architecture: str, tmp_path: Path) -> None:
    whole = training(tmp_path / "whole", architecture)
    whole.run()
    assert whole.scores["loss"] < 1.0 < np.log(8)
    calls = iter(range(1000))
    stopped = training(tmp_path / "parts", architecture, stop=lambda: next(calls) > 55)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    resumed = training(tmp_path / "parts", architecture, resume=True)
    resumed.run()
    for (name, mine), theirs in zip(
        resumed.network.state_dict().items(), whole.network.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs), name
    times = ("seconds",)
    lines = [[{k: v for k, v in line.items() if k not in times} for line in each.curves] for each in (whole, resumed)]
    assert json.dumps(lines[0]) == json.dumps(lines[1])


@pytest.mark.parametrize("architecture", ["feedforward", "lstm"])
def test_the_losses_of_batches_are_those_of_one_long_pass(architecture: str, tmp_path: Path) -> None:
    given = training(tmp_path, architecture)
    given.network.eval()
    batches = [next(given.batches(number)) for number in range(given.n_batches())]
    found = [float(given.losses(batch, 0)[0].detach()) for batch in batches]
    inputs, targets = (
        torch.from_numpy(np.concatenate([getattr(batch, name) for batch in batches], 1))
        for name in ("inputs", "targets")
    )
    network = given.network.network
    losses = losses_of(network, inputs, network.begin(len(inputs)), targets)[0].detach()
    expected = [float(part.mean()) for part in losses.split([batch.inputs.shape[1] for batch in batches], dim=1)]
    assert found == pytest.approx(expected, rel=1e-5)
