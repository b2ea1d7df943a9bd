"""Confusion matrices, read back from the SVG: colours, counts and names."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex

from nlptool import plots
from nlptool.plots.confusion import _spelled

pytestmark = pytest.mark.filterwarnings("error")

SVG = "{http://www.w3.org/2000/svg}"


def drawn(tmp_path: Path, counts: list[list[int]], labels: list[str], **values: str) -> tuple[list[str], list[str]]:
    """The colours of the cells, row by row, and all texts of the picture."""
    path, notes = tmp_path / "a.svg", list[str]()
    plots.confusion(np.array(counts), str(path), labels=labels, note=notes.append, **values)
    assert notes == []
    mesh = next(each for each in ElementTree.parse(path).iter(f"{SVG}g") if each.get("id") == "QuadMesh_1")
    colours = [re.search("fill: ([^;]*)", each.get("style", ""))[1] for each in mesh]  # type: ignore[index]
    return colours, re.findall("<!-- (.*?) -->", path.read_text(encoding="utf-8"), re.DOTALL)


def blue(share: float) -> str:
    return to_hex(mpl.colormaps["Blues"](float(share)))


def test_colours_are_shares_of_the_row_and_cells_hold_counts(tmp_path: Path) -> None:
    colours, texts = drawn(tmp_path, [[1500, 500], [0, 4]], ["no", "yes"], title="dev")
    assert colours == [blue(0.75), blue(0.25), blue(0), blue(1)]
    assert [text for text in texts if re.fullmatch("[0-9,]+", text)] == ["1,500", "500", "4"]
    assert {"gold", "predicted", "no", "yes", "dev", "share of the gold class"} <= set(texts)


def test_a_class_without_examples_has_no_colours(tmp_path: Path) -> None:
    colours, _ = drawn(tmp_path, [[2, 2], [0, 0]], ["a", "b"])
    assert colours == [blue(0.5), blue(0.5), "none", "none"]


def test_japanese_names_of_columns_stand_upright_and_line_breaks_and_tabs_become_blanks(tmp_path: Path) -> None:
    _, texts = drawn(tmp_path, [[1, 0], [0, 1]], ["政治", "a\tb\nc"])
    assert texts[:2] == ["政", "治"] and "政治" in texts
    assert texts.count("a b c") == 2


@pytest.mark.parametrize(
    ("count", "digits", "text"),
    [(0, 7, "0"), (12_345, 7, "12,345"), (1_234_567, 7, "1.2M"), (12_345, 5, "12k"), (999_499, 5, "999k"), (999_500, 5, "1.0M")],
)  # fmt: skip
def test_counts_are_shortened_where_there_is_no_room(count: int, digits: int, text: str) -> None:
    assert _spelled(count, digits) == text


@pytest.mark.parametrize(("n_rows", "n_labels"), [(2, 3), (0, 0), (41, 41)])
def test_other_shapes_and_too_many_classes_are_refused(tmp_path: Path, n_rows: int, n_labels: int) -> None:
    with pytest.raises(ValueError, match="counts for"):
        plots.confusion(np.ones((n_rows, n_rows), int), str(tmp_path / "a.png"), labels=["x"] * n_labels)
    assert list(tmp_path.iterdir()) == []


def test_as_many_classes_as_there_may_be_are_drawn(tmp_path: Path) -> None:
    colours, _ = drawn(tmp_path, np.eye(plots.MOST_CLASSES, dtype=int).tolist(), list(map(str, range(40))))
    assert len(colours) == 1600
