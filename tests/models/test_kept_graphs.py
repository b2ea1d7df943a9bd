"""The memory of exported graphs that the other tests use: it gives a network the graph that torch would make of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kept_graphs import KeptGraphs

from nlptool.models.runtime import onnx, onnx_export

IDS = torch.tensor([[1, 2, 0], [3, 3, 1]])


class Small(torch.nn.Module):
    """Embeddings and a layer behind, which is transposed in a graph."""

    def __init__(self, seed: int, *, width: int = 3, scale: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.scale = scale
        self.table = torch.nn.Embedding(4, width)
        self.dense = torch.nn.Linear(width, 2)
        self.norm = torch.nn.LayerNorm(2, bias=False)
        with torch.no_grad():
            self.norm.weight.normal_()

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.norm(self.dense(self.table(input_ids))) * self.scale
        return found


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Small], bool]:
    """``exported(network)``: export it, compare the graph with it, and say whether torch was asked."""
    asked: list[Any] = []
    given = torch.onnx.export.torchs if isinstance(torch.onnx.export, KeptGraphs) else torch.onnx.export

    def torchs(*arguments: Any, **settings: Any) -> None:
        asked.append(arguments)
        given(*arguments, **settings)

    monkeypatch.setattr(torch.onnx, "export", KeptGraphs(tmp_path / "kept", torchs))

    def exported(network: Small) -> bool:
        before, folder = len(asked), tmp_path / "graph"
        folder.mkdir()
        onnx_export.export(network.eval(), {"input_ids": (IDS, ("batch", "length"))}, ["found"], folder / onnx.GRAPH)
        with torch.no_grad():
            expected = network(IDS[:1]).numpy()
        (found,) = onnx.session(folder, folder).run(["found"], {"input_ids": IDS[:1].numpy()})
        np.testing.assert_allclose(found, expected, atol=1e-5)
        shutil.rmtree(folder)
        return len(asked) > before

    return exported


def test_torch_exports_one_network_of_each_structure(exported: Callable[[Small], bool]) -> None:
    assert exported(Small(0))
    assert not exported(Small(0))
    assert not exported(Small(1))
    assert exported(Small(1, width=5))
    assert exported(Small(1, scale=2.0))
    assert not exported(Small(2, scale=2.0))


def test_a_network_with_equal_weights_is_exported_by_torch_which_makes_them_one(
    exported: Callable[[Small], bool],
) -> None:
    plain, other = Small(0), Small(1)
    for network in (plain, other):
        torch.nn.init.constant_(network.dense.bias, 1.5)
        torch.nn.init.constant_(network.norm.weight, 1.5)
    assert exported(plain)
    assert not exported(plain)
    assert exported(other)
    assert exported(Small(2))
    assert not exported(Small(3))
    assert not exported(other)
