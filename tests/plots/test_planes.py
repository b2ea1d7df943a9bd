"""Texts in several planes side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nlptool import plots


def test_each_plane_is_drawn_and_what_lies_far_outside_is_counted(tmp_path: Path) -> None:
    points = np.random.default_rng(1).standard_normal((2000, 2))
    far = points.copy()
    far[0] = 1e6
    groups = ["猫", "犬", "", "a" * 50] * 500
    notes: list[str] = []
    path = tmp_path / "planes.svg"
    plots.planes({"autoencoder": points, "LSA": far}, groups, str(path), note=notes.append)
    drawn = path.read_text(encoding="utf-8")
    assert [title in drawn for title in ("<!-- autoencoder -->", "<!-- LSA -->", "<!-- 猫 -->")] == [True] * 3
    [beyond] = [note for note in notes if note.startswith("points that lie far outside")]
    assert int(beyond.split(":")[1]) >= 1


@pytest.mark.parametrize("n_texts", [1, 2])
def test_planes_of_one_point_or_all_in_one_place(n_texts: int, tmp_path: Path) -> None:
    path = tmp_path / "planes.png"
    plots.planes({"a": np.zeros((n_texts, 2))}, [""] * n_texts, str(path))
    assert path.read_bytes()[:4] == b"\x89PNG"


def test_many_classes_are_in_no_legend(tmp_path: Path) -> None:
    notes: list[str] = []
    plots.planes(
        {"a": np.zeros((30, 2))}, [str(number) for number in range(30)], str(tmp_path / "p.png"), note=notes.append
    )
    assert "30 classes share 20 colours, and are in no legend" in notes
