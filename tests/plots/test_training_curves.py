"""Training curves: which values share a panel, and where they stand on the axis."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from pictures import written

from nlptool import plots

pytestmark = pytest.mark.filterwarnings("error")

SVG = "{http://www.w3.org/2000/svg}"
BLUE, ORANGE = "#0072b2", "#d55e00"


def line(epoch: float, stage: str = "training", **values: float) -> dict[str, Any]:
    return {
        "stage": stage,
        "step": round(100 * epoch),
        "epoch": epoch,
        "seconds": 60 * epoch,
        "learning_rate": 1e-3,
        **values,
    }


def panels(path: Path) -> list[list[tuple[str, list[tuple[float, float]]]]]:
    """The curves of each panel: colour, and the corners in points of the page."""
    root = ElementTree.parse(path).getroot()
    found = []
    for axes in (group for group in root.iter(f"{SVG}g") if re.fullmatch(r"axes_\d+", group.get("id", ""))):
        curves = []
        for group in axes:
            for each in group.findall(f"{SVG}path") if group.get("id", "").startswith("line2d") else ():
                colour = re.search(r"stroke: (#\w+)", each.get("style", ""))
                corners = [float(number) for number in re.findall(r"-?[\d.]+", each.get("d", ""))]
                if colour and colour[1] in (BLUE, ORANGE):
                    curves.append((colour[1], list(zip(corners[::2], corners[1::2], strict=True))))
        found.append(curves)
    return found


def test_train_and_dev_loss_share_a_panel_and_other_scores_stand_below(tmp_path: Path) -> None:
    lines = [line(0.5, train_loss=4.0), line(1, train_loss=3.0, dev_loss=3.5, dev_bleu=2.0, dev_perplexity=33.0),
             line(1.5, train_loss=2.5), line(2, train_loss=2.0, dev_loss=3.0, dev_bleu=5.0, dev_perplexity=20.0)]  # fmt: skip
    plots.curves(lines, str(tmp_path / "a.svg"))
    loss, *others = panels(tmp_path / "a.svg")
    assert [colour for colour, _ in loss] == [BLUE, ORANGE]
    assert [[colour for colour, _ in panel] for panel in others] == [[ORANGE], [ORANGE]]
    (_, train), (_, dev) = loss
    assert (len(train), len(dev)) == (4, 2)
    assert [dev[0][0], dev[1][0]] == pytest.approx([train[1][0], train[3][0]])  # at the same epochs
    assert np.diff([x for x, _ in train]) == pytest.approx(train[1][0] - train[0][0])
    texts = written(tmp_path / "a.svg")
    assert [text for text in texts if text in ("loss", "BLEU", "perplexity")] == ["loss", "BLEU", "perplexity"]
    assert (texts.count("train"), texts.count("dev")) == (1, 3)
    assert "epochs" in texts


def test_each_loss_has_a_panel(tmp_path: Path) -> None:
    lines = [line(number / 10, mlm_loss=5.0, nsp_loss=0.7, dev_mlm_loss=4.0, dev_top1=0.1) for number in (1, 2)]
    plots.curves(lines, str(tmp_path / "a.svg"))
    assert [[colour for colour, _ in panel] for panel in panels(tmp_path / "a.svg")] == [
        [BLUE, ORANGE],
        [BLUE],
        [ORANGE],
    ]
    assert {"MLM loss", "NSP loss", "top1"} < set(written(tmp_path / "a.svg"))


def test_stages_follow_each_other_and_are_named(tmp_path: Path) -> None:
    stages = [("table", (1, 2, 4)), ("student", (1, 2)), ("pairs", (0.5, 1))]
    lines = [line(epoch, stage, cosine_loss=1.0 / epoch) for stage, epochs in stages for epoch in epochs]
    plots.curves(lines, str(tmp_path / "a.svg"))
    (curves,) = panels(tmp_path / "a.svg")
    assert [len(corners) for _, corners in curves] == [3, 2, 2]  # not joined
    x = [x for _, corners in curves for x, _ in corners]
    epoch = x[1] - x[0]
    assert (np.array(x) - x[0]) / epoch + 1 == pytest.approx([1, 2, 4, 5, 6, 6.5, 7], abs=1e-3)
    texts = written(tmp_path / "a.svg")
    assert [text for text in texts if text in ("table", "student", "pairs")] == ["table", "student", "pairs"]
    assert texts.count("train") == 1


@pytest.mark.parametrize(
    ("lines", "unit"),
    [
        ([], "epochs"),
        ([line(0.09, train_loss=4.0, dev_loss=5.0)], "epochs"),
        ([{"stage": "training", "step": 50, "train_loss": 4.0}, line(1, train_loss=3.0)], "steps"),
        ([line(1)], "epochs"),
    ],
)
def test_few_values_and_those_of_older_trainings(tmp_path: Path, lines: list[dict[str, Any]], unit: str) -> None:
    plots.curves(lines, str(tmp_path / "a.svg"))
    assert unit in written(tmp_path / "a.svg")
