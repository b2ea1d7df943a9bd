"""Pictures of attention weights, read back as pixels and as SVG."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import greys, images, named, ticks, written
from PIL import Image

from nlptool import plots
from nlptool.errors import RunError

pytestmark = pytest.mark.filterwarnings("error")

POEM, VERSE = list("murasameno"), list("kiritat")  # a system may have no Japanese font: test_plots


@pytest.fixture
def notes() -> list[str]:
    return []


def tokens(n: int) -> list[str]:
    return [f"t{number}" for number in range(n)]


def drawn(path: Path, weights: Any, source: list[str], target: list[str], **more: Any) -> Path:
    plots.alignment(source, target, np.asarray(weights, np.float32), str(path), **more)
    return path


def test_one_weight_of_1_is_one_white_cell_in_its_row_and_column(tmp_path: Path) -> None:
    weights = np.zeros((3, 5))
    weights[2, 1] = 1
    found = greys(drawn(tmp_path / "a.svg", weights, list("abcde"), list("xyz")))
    np.testing.assert_array_equal(found, 255 * weights)


def test_the_cells_of_a_png_are_square_and_stand_where_their_tokens_do(tmp_path: Path) -> None:
    weights = np.full((3, 5), 0.25)
    weights[2, 1] = 1
    weights[0, 4] = 0
    pixels = np.asarray(Image.open(drawn(tmp_path / "a.png", weights, list("abcde"), list("xyz"))).convert("L"))
    quarter = abs(pixels - 64.0) <= 1
    rows, columns = (np.flatnonzero(quarter.sum(axis) > 20) for axis in (1, 0))  # letters have few such pixels
    (top, bottom), (left, right) = ((each[0], each[-1] + 1) for each in (rows, columns))
    side = (right - left) / 5
    assert (bottom - top) / 3 == pytest.approx(side, abs=1)
    assert side > 20

    def middle(row: int, column: int) -> int:
        return int(pixels[int(top + (row + 0.5) * side), int(left + (column + 0.5) * side)])

    assert (middle(2, 1), middle(0, 4)) == (255, 0)
    assert {middle(row, column) for row, column in [(0, 0), (1, 1), (2, 2), (1, 4)]} <= {63, 64, 65}


def test_the_lighter_a_cell_the_larger_its_weight(tmp_path: Path) -> None:
    weights = np.linspace(0, 1, 11)[None]
    found = greys(drawn(tmp_path / "a.svg", weights, tokens(11), ["x"]))[0]
    np.testing.assert_allclose(found, 255 * weights[0], atol=1.5)


def test_pictures_compare_unless_another_white_is_asked_for_and_the_colour_bar_says_it(tmp_path: Path) -> None:
    weights = [[0.1, 0.2, 0.05]]
    plain = drawn(tmp_path / "plain.svg", weights, list("abc"), ["x"], title="mean")
    np.testing.assert_allclose(greys(plain)[0], [25.5, 51, 12.75], atol=1.5)
    assert "mean" in named(plain)
    assert ticks(plain) == [0, 0.5, 1]
    bright = drawn(tmp_path / "bright.svg", weights, list("abc"), ["x"], title="mean", white=0.2)
    np.testing.assert_allclose(greys(bright)[0], [127.5, 255, 63.75], atol=1.5)
    assert ticks(bright) == [0, 0.1, 0.2]


def test_the_source_stands_along_the_top_and_the_output_down_the_side(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.svg", np.eye(7, 10), POEM, VERSE)
    assert named(path) == [*POEM, *VERSE]
    places = re.findall(r"<!-- (.) -->\s*<g [^>]*transform=\"translate\(([\d.]+) ([\d.]+)\)", path.read_text())
    across, down = np.array([(float(x), float(y)) for _, x, y in places]).T
    assert (np.diff(across[:10]) > 10).all()
    assert np.ptp(down[:10]) < 5
    assert (np.diff(down[10:]) > 10).all()
    assert down[:10].max() < down[10:].min()


def test_japanese_tokens_are_written_vertically_and_long_latin_ones_on_their_side(tmp_path: Path) -> None:
    source = ["猫", "[CLS]", "コーヒー", "##ット", "AI"]
    path = drawn(tmp_path / "a.svg", [[0.2] * 5], source, ["コーヒー"])
    turned = {text for text, how in re.findall(r"<!-- (.*?) -->\s*<g [^>]*transform=\"([^\"]*)", path.read_text())
              if "rotate(-90)" in how}  # fmt: skip
    assert turned == {"[CLS]", "attention weight"}
    across = named(path)[:-1]
    forms = {"︱": "ー", "＃": "#"}  # which a system may lack
    assert [forms.get(letter, letter) for letter in across] == ["猫", "[CLS]", *"コーヒー", *"##ット", "AI"]
    assert written(path).count("コーヒー") == 1  # down the side


def test_a_blank_token_and_a_dollar_are_seen(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.svg", [[0.5, 0.3, 0.2]], [" ", "$x$", "\u3000"], ["<b>"])
    assert named(path)[:3] == ["␣", "$x$", "␣"]


def test_a_long_token_is_shortened(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.svg", [[1.0]], ["Donaudampfschifffahrtsgesellschaft"], ["a" * 24])
    assert named(path) == ["Donaudampfschifffahrtsg…", "a" * 24]


@pytest.mark.parametrize("n", [1, 2, 60])
def test_up_to_60_tokens_are_all_named_and_large_enough_to_read(tmp_path: Path, notes: list[str], n: int) -> None:
    path = drawn(tmp_path / "a.svg", np.eye(n), tokens(n), tokens(n), note=notes.append)
    assert named(path) == 2 * tokens(n)
    assert notes == []
    height = float(re.search(r'viewBox="0 0 ([\d.]+)', path.read_text())[1])  # type: ignore[index]
    assert height / n > 11  # points for a letter of 7


def test_of_many_tokens_some_are_named_and_all_are_drawn(tmp_path: Path, notes: list[str]) -> None:
    path = drawn(tmp_path / "a.svg", np.eye(150), tokens(150), tokens(150), note=notes.append)
    assert named(path) == 2 * tokens(150)[::3]
    np.testing.assert_array_equal(greys(path), 255 * np.eye(150))
    assert notes == ["150 tokens: one of 3 is named in the picture"]


def test_of_very_many_tokens_the_first_thousand_are_drawn(tmp_path: Path, notes: list[str]) -> None:
    path = drawn(tmp_path / "a.svg", np.eye(3, 5000), tokens(5000), tokens(3), note=notes.append)
    assert greys(path).shape == (3, 1000)
    assert notes[0] == "5,000 tokens: the picture shows the first 1,000"


def test_a_picture_can_be_written_in_each_format_and_is_the_same_each_time(tmp_path: Path) -> None:
    for suffix, begins in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        files = [drawn(tmp_path / f"{name}{suffix}", np.eye(7, 10), POEM, VERSE) for name in "ab"]
        first, second = (file.read_bytes() for file in files)
        assert first.startswith(begins)
        assert first == second


def test_weights_that_are_not_those_of_the_tokens_are_a_mistake(tmp_path: Path) -> None:
    for shape in ((2, 3), (3, 3), (6,)):
        with pytest.raises(ValueError, match="weights for 3 output and 2 source tokens"):
            plots.alignment(["a", "b"], ["x", "y", "z"], np.zeros(shape), str(tmp_path / "a.png"))
    with pytest.raises(ValueError, match="for 0 output and 0 source"):
        plots.alignment([], [], np.zeros((0, 0)), str(tmp_path / "a.png"))
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no/a\.png"):
        plots.alignment(["a"], ["b"], np.eye(1), str(tmp_path / "no" / "a.png"))


def test_a_grid_has_a_matrix_for_each_layer_and_head_with_the_tokens_at_the_rims_alone(tmp_path: Path) -> None:
    weights = np.zeros((2, 3, 2, 4), np.float32)
    for row in range(2):
        for column in range(3):
            weights[row, column, row, column] = 1
    path = tmp_path / "a.svg"
    plots.grid(list("abcd"), list("xy"), weights, str(path), rows=["layer 1", "layer 2"], columns=["h1", "h2", "h3"])
    found = images(path)
    assert len(found) == 6
    for number, each in enumerate(found):
        np.testing.assert_array_equal(each, 255 * weights[divmod(number, 3)])
    written = named(path)
    assert [written.count(text) for text in ("a", "x", "layer 1", "layer 2", "h1", "h3")] == [3, 2, 1, 1, 1, 1]


def test_a_grid_keeps_the_greys_of_a_matrix_alone(tmp_path: Path) -> None:
    plots.grid(["a"], ["b"], np.full((1, 2, 1, 1), 0.2), str(tmp_path / "a.svg"), rows=["r"], columns=["c", "d"])
    assert [int(each[0, 0]) for each in images(tmp_path / "a.svg")] == [51, 51]


def test_in_a_grid_of_many_weights_no_token_is_named_and_that_is_said(tmp_path: Path, notes: list[str]) -> None:
    layers, heads = [f"layer {number}" for number in range(4)], [f"head {number}" for number in range(4)]
    weights = np.broadcast_to(np.eye(30), (4, 4, 30, 30))
    path = tmp_path / "a.svg"
    plots.grid(tokens(30), tokens(30), weights, str(path), rows=layers, columns=heads, title="all", note=notes.append)
    assert sorted(named(path)) == sorted([*layers, *heads, "all"])
    assert len(images(path)) == 16
    assert notes == ["the tokens are not named in the picture of so many weights: choose a layer and a head"]


def test_a_grid_of_other_names_than_weights_is_a_mistake(tmp_path: Path) -> None:
    for shape in ((2, 1, 1, 1), (1, 2, 1, 1), (1, 1, 2, 1)):
        with pytest.raises(ValueError, match="weights for 1"):
            plots.grid(["a"], ["b"], np.zeros(shape), str(tmp_path / "a.png"), rows=["r"], columns=["c"])
    assert list(tmp_path.iterdir()) == []
