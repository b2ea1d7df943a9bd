"""Pictures and the map's page: read back as what they are, pixels, SVG, JSON in HTML."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import itertools
import json
import math
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from matplotlib import font_manager
from pictures import written
from PIL import Image
from square_font import install

from nlptool import plots
from nlptool.errors import RunError
from nlptool.plots import fonts, label_placement, labels, markers, vertical

pytestmark = pytest.mark.filterwarnings("error")

SVG = "{http://www.w3.org/2000/svg}"
CAPTIONS = [
    "夕暮れのハーバーに汽船と複数の鳥が浮かんでいる",
    "船着き場に2艘の船がとまっている",
    "白い猫がソファーの上で眠っている",
]
VIRIDIS = {0.0: "#440154", 1.0: "#fde725"}
HOSTILE = [
    "</script><script>alert(1)</script>", "<!--<script>", "<img src=x onerror=alert(1)>", "]]>", '"\'`\\', "&lt;&amp;",
    "a\u2028b\u2029c", "\x00\x01\x7f\x9f", "\ud800", "\ufeff", "$title ${x} $$", "a\r\nb\tc", "",
]  # fmt: skip


def scatter(points: Any, path: str, *, note: Callable[[str], None] = lambda _: None, **values: Any) -> None:
    plots.scatter(plots.Points(points, **values), path, note=note)


def html_page(points: Any, path: str, **values: Any) -> None:
    plots.page(plots.Points(points, **values), path)


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def fonts_of_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A system whose fonts are those of one folder, empty so far, and matplotlib's own."""
    folder = tmp_path / "fonts"
    folder.mkdir()
    own = [font for font in font_manager.fontManager.ttflist if str(font.fname).startswith(mpl.get_data_path())]
    monkeypatch.delenv("MPL_IGNORE_SYSTEM_FONTS", raising=False)
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    monkeypatch.setattr(font_manager, "_get_fontconfig_fonts", list)
    monkeypatch.setattr(font_manager, "X11FontDirectories", [str(folder)])
    yield folder


def cells(svg: Path) -> list[str]:
    """The colours of a heat map, row by row; no colour for a cell without a value."""
    mesh = next(each for each in ElementTree.parse(svg).iter(f"{SVG}g") if each.get("id") == "QuadMesh_1")
    return [re.search("fill: ([^;]*)", path.get("style", ""))[1] for path in mesh]  # type: ignore[index]


def areas(png: Path) -> dict[str, tuple[int, float, float]]:
    """For each colour of a picture the number of its pixels, and their middle from the left and from the top."""
    pixels = np.asarray(Image.open(png).convert("RGB"))
    coded = pixels.astype(np.int32) @ (1 << 16, 1 << 8, 1)  # a number for each colour
    colours, kinds, counts = np.unique(coded, return_inverse=True, return_counts=True)
    rows, columns = (
        np.bincount(kinds.ravel(), places.ravel(), len(colours)) / counts for places in np.indices(coded.shape)
    )
    return {
        f"#{colour:06x}": (int(count), float(column), float(row))
        for colour, count, column, row in zip(colours, counts, columns, rows, strict=True)
    }


@pytest.mark.parametrize("name", ["a.png", "a.SVG", "a.pdf"])
def test_a_picture_may_have_these_names(tmp_path: Path, name: str) -> None:
    plots.check(str(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.jpg", "a picture is a .png, .svg, .pdf file"),
        ("a", "a picture is a .png, .svg, .pdf file"),
        ("a.html", "a picture is a .png, .svg, .pdf file"),
        ("no/a.png", "there is no such folder"),
        ("folder.png", "it is a folder"),
        ("loop.png", "oop"),
    ],
)
def test_a_name_that_is_no_picture_is_refused_with_a_reason(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to("loop.png")
    with pytest.raises(RunError, match=re.escape(reason)) as raised:
        plots.check(str(tmp_path / name))
        plots.heatmap(np.eye(2), str(tmp_path / name), rows=["a", "b"], columns=["a", "b"])
    assert str(tmp_path / name) in raised.value.message


def test_a_folder_that_may_not_be_written_is_said_before_the_work(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        if os.access(tmp_path, os.W_OK):  # root may
            DRAW["page"](str(tmp_path / "a.html"))
            assert (tmp_path / "a.html").exists()
        else:
            with pytest.raises(RunError, match="nothing may be written into its folder"):
                plots.check(str(tmp_path / "a.png"))
            with pytest.raises(RunError, match="Permission denied"):
                DRAW["page"](str(tmp_path / "a.html"))
    finally:
        tmp_path.chmod(0o755)


def test_a_map_may_be_a_page_too(tmp_path: Path) -> None:
    plots.check(str(tmp_path / "a.html"), (*plots.FORMATS, ".html"))
    with pytest.raises(RunError, match=r"a picture is a \.png, \.svg, \.pdf, \.html file"):
        plots.check(str(tmp_path / "a.htm"), (*plots.FORMATS, ".html"))


DRAW: dict[str, Callable[[str], None]] = {
    "heatmap": lambda path: plots.heatmap(np.eye(3), path, rows=CAPTIONS, columns=CAPTIONS, label="cosine"),
    "confusion": lambda path: plots.confusion(np.eye(3, dtype=int), path, labels=CAPTIONS),
    "scatter": lambda path: scatter(
        np.eye(3)[:, :2], path, texts=CAPTIONS, groups=["港", "港", None], shapes=["a", "b", "a"], links=["1", "", "1"]
    ),
    "page": lambda path: html_page(np.eye(3)[:, :2], path, texts=CAPTIONS, groups=["港", "港", None]),
}  # fmt: skip
KINDS = [(kind, suffix) for kind in ("heatmap", "confusion", "scatter") for suffix in plots.FORMATS] + [
    ("page", ".html")
]


@pytest.mark.parametrize(("kind", "suffix"), KINDS)
def test_the_same_picture_is_the_same_file(tmp_path: Path, kind: str, suffix: str) -> None:
    for name in ("one", "two"):
        DRAW[kind](str(tmp_path / (name + suffix)))
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    head = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".pdf": b"%PDF", ".html": b"<!doctype html>"}[suffix]
    assert (tmp_path / f"one{suffix}").read_bytes().startswith(head)


@pytest.mark.parametrize(("kind", "suffix"), [("heatmap", ".png"), ("scatter", ".svg"), ("page", ".html")])
def test_a_full_disk_is_reported(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"full{suffix}"
    path.symlink_to("/dev/full")
    with pytest.raises(RunError, match="No space left on device"):
        DRAW[kind](str(path))


@pytest.mark.parametrize(("kind", "suffix"), [("heatmap", ".png"), ("scatter", ".svg"), ("page", ".html")])
def test_half_a_picture_never_replaces_a_good_one(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"good{suffix}"
    path.write_text("a good one")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(RunError, match="cannot write"):
            DRAW[kind](str(path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [(path.name, "a good one")]


def test_the_settings_of_the_user_and_a_cache_that_cannot_be_written_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nsvg.fonttype: none\nbackend: TkAgg\nno.such.setting: 1\n")
    script = (
        "import sys; import numpy as np; from nlptool import plots; "
        "plots.heatmap(np.eye(2), sys.argv[1], rows='ab', columns='ab')"
    )
    environment = {**os.environ, "MPLCONFIGDIR": "/dev/null/no", "MATPLOTLIBRC": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.svg")],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    plots.heatmap(np.eye(2), str(tmp_path / "b.svg"), rows="ab", columns="ab")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_drawing_leaves_the_settings_of_matplotlib_as_they_are(tmp_path: Path) -> None:
    with mpl.rc_context({"font.size": 7.0, "text.parse_math": True}):
        DRAW["scatter"](str(tmp_path / "a.svg"))
        assert (mpl.rcParams["font.size"], mpl.rcParams["text.parse_math"]) == (7.0, True)


def test_the_cells_are_equal_and_stand_in_their_rows_and_columns(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    plots.heatmap(values, str(tmp_path / "a.svg"), rows=["a", "b"], columns=["x", "y", "z"])
    plots.heatmap(values, str(tmp_path / "a.png"), rows=["a", "b"], columns=["x", "y", "z"])
    colours = cells(tmp_path / "a.svg")
    assert len(set(colours)) == 6
    assert (colours[0], colours[-1]) == (VIRIDIS[0.0], VIRIDIS[1.0])
    found = areas(tmp_path / "a.png")
    sizes = [found[colour][0] for colour in colours[1:-1]]  # the ends of the scale are in the colour bar, too
    assert max(sizes) < 1.1 * min(sizes)
    side = found[colours[2]][1] - found[colours[1]][1]
    assert found[colours[4]][2] - found[colours[1]][2] == pytest.approx(side, abs=3)
    assert found[colours[4]][1] == pytest.approx(found[colours[1]][1], abs=3)
    assert [word for word in written(tmp_path / "a.svg") if re.fullmatch(r"\d\.00", word)] == [
        f"{n}.00" for n in range(6)
    ]


def test_a_diagonal_of_ones_does_not_wash_out_the_rest(tmp_path: Path) -> None:
    values = np.array([[1, 0.25, 0.5], [0.25, 1, 0.75], [0.5, 0.75, 1]], dtype=np.float32)
    plots.heatmap(values, str(tmp_path / "same.svg"), rows=CAPTIONS, columns=CAPTIONS, label="cosine")
    colours = np.array(cells(tmp_path / "same.svg")).reshape(3, 3)
    assert (colours[0, 1], colours[1, 2], *colours.diagonal()) == (VIRIDIS[0.0], *[VIRIDIS[1.0]] * 4)
    assert "cosine, 0.25 to 0.75 off the diagonal" in written(tmp_path / "same.svg")
    plots.heatmap(values, str(tmp_path / "others.svg"), rows=CAPTIONS, columns=["a", "b", "c"], label="cosine")
    colours = np.array(cells(tmp_path / "others.svg")).reshape(3, 3)
    assert (colours[0, 1], colours[2, 2]) == (VIRIDIS[0.0], VIRIDIS[1.0])
    assert colours[1, 2] != VIRIDIS[1.0]
    assert "cosine, 0.25 to 1.00" in written(tmp_path / "others.svg")
    arrows = [(tmp_path / f"{name}.svg").read_text().count(f"fill: {VIRIDIS[1.0]}") for name in ("same", "others")]
    assert arrows == [5 + 1, 3 + 0]  # the diagonal, a pair twice and the end of the bar; the diagonal alone


@pytest.mark.parametrize(
    ("values", "expected", "said"),
    [
        ([[1.0]], [VIRIDIS[1.0]], ", 1.00"),
        ([[1, 1], [1, 1]], [VIRIDIS[1.0]] * 4, ", 1.00 off the diagonal"),
        ([[0, 0], [0, 0]], [VIRIDIS[0.0]] * 4, ", 0.00 off the diagonal"),
        ([[-2, -2], [-2, -2]], [VIRIDIS[0.0]] * 4, ", −2.00 off the diagonal"),
        (
            [[0, -1], [-3, 0]],
            [VIRIDIS[1.0], VIRIDIS[1.0], VIRIDIS[0.0], VIRIDIS[1.0]],
            ", −3.00 to −1.00 off the diagonal",
        ),
        ([[1, np.nan], [np.nan, 1]], [VIRIDIS[1.0], "none", "none", VIRIDIS[1.0]], ", 1.00"),
    ],
)
def test_few_or_equal_values_have_a_scale(
    tmp_path: Path, values: list[list[float]], expected: list[str], said: str
) -> None:
    texts = CAPTIONS[: len(values)]
    plots.heatmap(np.array(values, dtype=np.float32), str(tmp_path / "a.svg"), rows=texts, columns=texts)
    assert cells(tmp_path / "a.svg") == expected
    assert said in written(tmp_path / "a.svg")


def test_what_is_no_number_is_grey(tmp_path: Path) -> None:
    values = np.array([[np.nan, 0.0], [1.0, np.inf]], dtype=np.float32)
    plots.heatmap(values, str(tmp_path / "a.png"), rows=["a", "b"], columns=["c", "d"])
    plots.heatmap(values, str(tmp_path / "a.svg"), rows=["a", "b"], columns=["c", "d"])
    grey = areas(tmp_path / "a.png")["#cccccc"]
    assert grey[0] > 0.8 * 2 * (0.5 * 144) ** 2
    assert [word for word in written(tmp_path / "a.svg") if word.endswith(".00")] == ["0.00", "1.00", ", 0.00 to 1.00"]
    plots.heatmap(values * np.nan, str(tmp_path / "none.png"), rows=["a", "b"], columns=["a", "b"])
    assert areas(tmp_path / "none.png")["#cccccc"][0] > 0.8 * 4 * (0.5 * 144) ** 2


def test_the_values_can_be_read_on_their_cells(tmp_path: Path) -> None:
    plots.heatmap(np.array([[0.0, -0.001, 1.0]]), str(tmp_path / "a.svg"), rows=["a"], columns=["x", "y", "z"])
    text = (tmp_path / "a.svg").read_text()
    styles = re.findall(r'<!-- (\S+) -->\s*<g(?: style="fill: (#\w+)")?', text)
    assert [style for style in styles if style[0].endswith("0")][:3] == [
        ("0.00", "#ffffff"), ("0.00", "#ffffff"), ("1.00", ""),
    ]  # fmt: skip
    plots.heatmap(np.array([[-1.25, 1234.5]]), str(tmp_path / "b.svg"), rows=["a"], columns=["x", "y"])
    assert {"−1.25", "1.23e+03"} <= set(written(tmp_path / "b.svg"))


def test_many_rows_have_no_values_in_their_cells_and_still_more_have_an_index(tmp_path: Path) -> None:
    for n, has_values, has_texts in ((15, True, True), (16, False, True), (80, False, True), (81, False, False)):
        path = tmp_path / f"{n}.svg"
        texts = [f"text {number}" for number in range(n)]
        plots.heatmap(np.full((n, n), 0.5), str(path), rows=texts, columns=texts)
        assert written(path).count("0.50") == (n * n if has_values else 0)
        assert [word for word in written(path) if word.startswith("text ")] == (texts * 2 if has_texts else [])
        assert written(path).count("index") == (0 if has_texts else 2)


def test_a_large_matrix_is_drawn_as_means_of_blocks(tmp_path: Path, notes: list[str]) -> None:
    values = np.zeros((40, 2001), dtype=np.float32)
    values[:, 1002:] = 2  # 2,001 columns in blocks of three
    values[:, 3:6] = (1, np.nan, 2)
    rows = [str(number) for number in range(40)]
    plots.heatmap(values, str(tmp_path / "a.svg"), rows=rows, columns=["x"] * 2001, note=notes.append)
    assert notes == ["40 × 2,001 values: each cell of the picture is the mean of 3 × 3 of them"]
    plots.heatmap(values, str(tmp_path / "a.png"), rows=rows, columns=["x"] * 2001)
    found = areas(tmp_path / "a.png")
    low, high = found[VIRIDIS[0.0]], found[VIRIDIS[1.0]]
    assert low[0] == pytest.approx(high[0], rel=0.02)
    assert low[1] < high[1]


def test_the_mean_of_a_block_is_that_of_its_numbers() -> None:
    from nlptool.plots.heatmap import _means

    values = np.array([[1, 3, 10], [np.nan, 5, np.nan], [7, 9, np.nan], [7, np.inf, np.nan]], dtype=np.float32)
    found = _means(values, 2, lambda _: None)
    np.testing.assert_array_equal(found, [[3.0, 10.0], [(7 + 9 + 7) / 3, np.nan]])
    np.testing.assert_array_equal(_means(values, 1, lambda _: None), values)


def test_rows_that_are_not_those_of_the_matrix_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\(2, 2\) values for 1 rows and 2 columns"):
        plots.heatmap(np.eye(2), str(tmp_path / "a.png"), rows=["a"], columns=["a", "b"])
    with pytest.raises(ValueError, match="for 0 rows"):
        plots.heatmap(np.zeros((0, 1)), str(tmp_path / "a.png"), rows=[], columns=["a"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("短い", ["短い"]),
        ("", [""]),
        ("夕暮れのハーバーに汽船と複数の鳥", ["夕暮れのハーバー", "に汽船と複数の鳥"]),
        ("テーブルの上の、ピザとワイン", ["テーブルの上の、", "ピザとワイン"]),
        ("the quick brown fox jumps", ["the quick brown", "fox jumps"]),
        ("the quick brown fox jumps over it", ["the quick brown", "fox jumps over…"]),
        ("彼は「そうだ」と言ったっけ", ["彼は「そうだ」", "と言ったっけ"]),
        ("x" * 40, ["x" * 16, "x" * 15 + "…"]),
    ],
)
def test_a_label_is_broken_where_a_reader_would(text: str, expected: list[str]) -> None:
    assert labels.wrap(text, 16, 2) == expected


@given(
    text=st.text(st.sampled_from("aé 、猫がッー「」e\u0301🎉"), max_size=60),
    cells=st.integers(3, 30),
    lines=st.integers(1, 3),
)
@example("の、", 3, 3)
def test_no_line_of_a_label_is_too_wide_and_nothing_is_lost_but_the_end(text: str, cells: int, lines: int) -> None:
    broken = labels.wrap(text, cells, lines)
    assert 1 <= len(broken) <= lines
    assert all(labels.width(line) <= cells for line in broken)
    whole = "".join(broken).replace(" ", "")
    expected = text.replace(" ", "")
    assert whole == expected or (whole.endswith("…") and expected.startswith(whole[:-1]))


def test_a_list_of_words_is_broken_between_them_alone() -> None:
    assert labels.wrap("5: 希望 用意 シャンプー タオル", 22, 2, words=True) == ["5: 希望 用意", "シャンプー タオル"]
    assert labels.wrap("5: 希望 用意 シャンプー タオル", 22, 2) == ["5: 希望 用意 シャ", "ンプー タオル"]


def test_captions_stand_over_the_points_without_overlaps(tmp_path: Path) -> None:
    points = np.random.default_rng(1).normal(size=(200, 2))
    middles = [(0.0, 0.0), (0.01, 0.0), (0.0, 0.01), (3.0, 3.0)]
    captions = [(x, y, f"{number}: cats, dogs") for number, (x, y) in enumerate(middles)]
    n_drawn = []
    for some in ([], captions):
        scatter(points, str(tmp_path / "a.svg"), texts=[""] * 200, captions=some)
        n_drawn.append((tmp_path / "a.svg").read_text().count('<g id="text_'))
    assert n_drawn[1] == n_drawn[0] + 4
    anchors = [(100.0, 100.0), (101.0, 100.0)]
    taken = [(0.0, 0.0, 300.0, 104.0)]
    (box,) = label_placement.Placement(anchors[:1], 2, (0, 0, 300, 200), taken).place({0: (40, 10)}).values()
    assert box[1] >= 104  # nothing else than above the box that is taken


def test_a_text_is_cleaned_for_a_picture() -> None:
    assert labels.clean("a\r\nb\tc\u3000猫\u2028 d ") == "a b c 猫 d"
    assert labels.clean("a\x00\x1b[1mb\x7f\ud800\ue000") == "a\ufffd\ufffd[1mb" + "\ufffd" * 3
    assert labels.clean("\u202eevil\u202c 👩\u200d🔧 ♥\ufe0f") == "evil 👩🔧 ♥"


def test_a_system_without_a_japanese_font_gets_numbers_and_a_clear_word(
    fonts_of_the_system: Path, tmp_path: Path, notes: list[str]
) -> None:
    texts = ["a cat", *CAPTIONS, "AIと猫", "English 猫"]
    scatter(
        np.arange(12.0).reshape(6, 2),
        str(tmp_path / "a.svg"),
        texts=texts,
        groups=["港", "街", "街", "b", "b", ""],
        note=notes.append,
    )
    found = written(tmp_path / "a.svg")
    assert {"a cat", "#2", "#3", "#4", "#5", "English �", "group 1", "group 2", "b"} <= set(found)
    assert notes == [
        "no font of this system has Japanese letters: 6 texts are numbers in the picture, #1 for the first "
        "(Debian and Ubuntu: apt install fonts-noto-cjk; Fedora: dnf install google-noto-sans-cjk-fonts)"
    ]


def test_a_font_that_was_installed_a_minute_ago_is_found(
    fonts_of_the_system: Path, tmp_path: Path, notes: list[str]
) -> None:
    assert fonts.Lettering(CAPTIONS).missing == set("".join(CAPTIONS)) - {"2"}
    install(fonts_of_the_system, "".join(CAPTIONS))
    (fonts_of_the_system / "broken.ttf").write_bytes(b"no font")
    (fonts_of_the_system / "empty.otf").touch()
    lettering = fonts.Lettering([*CAPTIONS, "abc"])
    assert (lettering.families, lettering.missing) == (["DejaVu Sans", "nlptool test font"], set())
    plots.heatmap(np.eye(3), str(tmp_path / "a.svg"), rows=CAPTIONS, columns=CAPTIONS, note=notes.append)
    assert notes == []
    found = written(tmp_path / "a.svg")
    assert found.count(CAPTIONS[1]) == 1  # down the side; the columns are written vertically
    assert "夕暮れのハーバーに汽船と" in found
    assert CAPTIONS[1] in "".join(row for row in found if len(row) == 1)


def test_a_font_that_has_a_part_of_the_letters_leaves_the_rest_to_another(fonts_of_the_system: Path) -> None:
    install(fonts_of_the_system, "船猫", "nlptool first")
    install(fonts_of_the_system, "船鳥", "nlptool second")
    lettering = fonts.Lettering(["船と猫と鳥"])
    assert lettering.families == ["DejaVu Sans", "nlptool first", "nlptool second"]
    assert lettering.missing == {"と"}
    assert lettering.legible(["船と猫と鳥", "猫", "ととと"]) == ["船�猫�鳥", "猫", "#3"]


def test_a_letter_that_no_font_has_is_said_once(fonts_of_the_system: Path, tmp_path: Path, notes: list[str]) -> None:
    texts = ["party 🎉 now", "🎉 again 🎉 and so on", "plain"]
    plots.heatmap(np.eye(3), str(tmp_path / "a.svg"), rows=texts, columns=texts, note=notes.append)
    assert notes == ["no font of this system has 🎉: drawn as �"]
    assert written(tmp_path / "a.svg").count("party � now") == 2
    several = fonts.Lettering(["abcdefghijkl🎈🎉🎊🎋🎌🎍🎎"])
    several.legible(["abcdefghijkl🎈🎉🎊🎋🎌🎍🎎"])
    several.tell(notes.append)
    assert notes[1] == "no font of this system has 🎈 🎉 🎊 🎋 🎌 and 2 more: drawn as �"


def test_a_dollar_is_a_letter(tmp_path: Path) -> None:
    texts = [r"$\frac{", "_a $1 and $2"]
    scatter(np.eye(2), str(tmp_path / "a.svg"), texts=texts, groups=texts, axes=("$x", "y$$"), title=r"$\no$")
    found = written(tmp_path / "a.svg")
    assert (found.count(texts[0]), found.count(texts[1])) == (2, 2)
    assert {"$x", "y$$", r"$\no$"} <= set(found)


def test_groups_are_colours_and_shapes_are_outlines(tmp_path: Path) -> None:
    points = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    scatter(points, str(tmp_path / "a.png"), texts=[""] * 4, groups=["b", "a", "b", None], shapes=["x", "y", "y", "x"])
    found = areas(tmp_path / "a.png")
    for colour, n_marks in (
        ("#0072b2", 3),
        ("#e69f00", 2),
        (markers.UNGROUPED, 3),
    ):  # one of each in the legend, both shapes grey
        assert 40 * n_marks < found[colour][0] < 220 * n_marks, colour
    assert found["#e69f00"][1] > found["#0072b2"][1]  # further to the right
    scatter(points, str(tmp_path / "a.svg"), texts=[""] * 4, groups=["b", "a", "b", None], shapes=["x", "y", "y", "x"])
    assert [word for word in written(tmp_path / "a.svg") if word in "abxy"] == ["x", "y", "b", "a", "x", "y"]


def test_groups_that_are_the_shapes_stand_once_in_the_legend(tmp_path: Path) -> None:
    keys = ["日本語", "English", "日本語"]
    scatter(np.eye(3)[:, :2], str(tmp_path / "a.svg"), texts=["a", "b", "c"], groups=keys, shapes=keys)
    assert written(tmp_path / "a.svg").count("English") == 1


def test_points_of_one_key_are_joined_by_a_line(tmp_path: Path) -> None:
    points = np.array([[0, 0], [4, 0], [0, 3], [4, 3]])
    for name, links in (("joined", ["1", "2", "1", "2"]), ("single", ["1", "2", "3", None])):
        scatter(points, str(tmp_path / f"{name}.svg"), texts=[""] * 4, links=links)
    lines = {
        name: [
            group
            for group in ElementTree.parse(tmp_path / f"{name}.svg").iter(f"{SVG}g")
            if group.get("id") == "LineCollection_1"
        ]
        for name in ("joined", "single")
    }
    assert len(lines["joined"][0].findall(f"{SVG}path")) == 2
    assert lines["single"] == [] or lines["single"][0].findall(f"{SVG}path") == []


def test_both_axes_have_one_scale(tmp_path: Path) -> None:
    scatter(np.array([[0, 0], [8, 0], [0, 1.0]]), str(tmp_path / "a.png"), texts=[""] * 3, groups=["o", "x", "y"])
    found = areas(tmp_path / "a.png")
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    plane = pixels[:, : int(pixels.shape[1] * 0.92)]  # without the legend
    middles = [
        np.argwhere((plane == [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).all(axis=2)).mean(axis=0)
        for colour in markers.colours(3)
    ]
    assert set(markers.colours(3)) <= set(found)
    assert math.dist(middles[0], middles[1]) == pytest.approx(8 * math.dist(middles[0], middles[2]), rel=0.02)


def test_texts_stand_beside_their_points_where_there_is_room_and_the_others_are_counted(
    tmp_path: Path, notes: list[str]
) -> None:
    texts = [f"text {number}" for number in range(200)]

    def shown(points: Any) -> list[str]:
        scatter(points, str(tmp_path / "a.svg"), texts=texts[: len(points)], note=notes.append)
        return sorted(word for word in written(tmp_path / "a.svg") if word.startswith("text "))

    lattice = np.stack(np.divmod(np.arange(200), 20), axis=1) * (2.5, 1.0)
    for n in (60, 61, 200):
        assert shown(lattice[:n]) == sorted(texts[:n])
    assert notes == []
    n_shown = len(shown(lattice[:60] * 0))
    assert 4 <= n_shown < 60
    assert notes.pop() == f"{60 - n_shown} of 60 texts have no room in the picture; a map as .html shows all"
    assert f"{60 - n_shown} of 60 texts not shown" in written(tmp_path / "a.svg")
    cloud = np.random.default_rng(0).normal(size=(200, 2))
    n_shown = len(shown(cloud))
    assert 50 < n_shown < 200
    assert f"{200 - n_shown} of 200 texts not shown" in written(tmp_path / "a.svg")


def test_of_many_points_those_that_stand_alone_have_their_texts(tmp_path: Path, notes: list[str]) -> None:
    points = np.concatenate([np.zeros((3000, 2)), [[1, 0], [0, 1], [-1, 0]]])
    texts = ["cloud"] * 3000 + ["east", "north", "west"]
    scatter(points, str(tmp_path / "a.svg"), texts=texts, note=notes.append)
    assert {"east", "north", "west"} < set(written(tmp_path / "a.svg"))
    assert re.fullmatch(r"2,9\d\d of 3,003 texts have no room in the picture; a map as .html shows all", notes[0])


def test_a_text_that_has_no_room_may_have_some_when_it_is_shortened(tmp_path: Path, notes: list[str]) -> None:
    points = np.random.default_rng(1).normal(size=(90, 2))
    scatter(points, str(tmp_path / "a.svg"), texts=["abcdefghijklmnopqrstuvwxyz"] * 90, note=notes.append)
    found = written(tmp_path / "a.svg")
    long, short = found.count("abcdefghijklmnopqrstuvw…"), found.count("abcdefghijklmno…")
    assert min(long, short) > 3
    assert notes == [f"{90 - long - short} of 90 texts have no room in the picture; a map as .html shows all"]


def test_more_groups_than_colours_are_said(tmp_path: Path, notes: list[str]) -> None:
    texts = [f"g{number}" for number in range(25)]
    scatter(
        np.random.default_rng(0).normal(size=(25, 2)),
        str(tmp_path / "a.png"),
        texts=[""] * 25,
        groups=texts,
        note=notes.append,
    )
    assert notes == ["25 groups share 20 colours, and are in no legend"]
    assert len(set(markers.colours(25))) == 20
    assert markers.colours(25)[20:] == markers.colours(25)[:5]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_points_or_all_in_one_place_have_a_map(tmp_path: Path, n: int) -> None:
    scatter(np.zeros((n, 2)), str(tmp_path / "a.png"), texts=["猫"] * n, groups=["猫"] * n, links=["猫"] * n)
    html_page(np.zeros((n, 2)), str(tmp_path / "a.html"), texts=["猫"] * n, groups=["猫"] * n, links=["猫"] * n)
    assert ("#0072b2" in areas(tmp_path / "a.png")) == (n > 0)


def test_many_points_make_a_small_file(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(20_000, 2))
    scatter(points, str(tmp_path / "a.svg"), texts=["猫"] * 20_000, groups=["a", "b"] * 10_000)
    assert (tmp_path / "a.svg").stat().st_size < 2_000_000


def test_keys_and_points_that_do_not_match_are_a_mistake(tmp_path: Path) -> None:
    for draw, suffix in ((scatter, ".png"), (html_page, ".html")):
        path = str(tmp_path / f"a{suffix}")
        with pytest.raises(ValueError, match="1 keys for 2 points"):
            draw(np.eye(2), path, texts=["a", "b"], groups=["x"])
        with pytest.raises(ValueError, match=r"points of shape \(2, 3\) for 2 texts"):
            draw(np.zeros((2, 3)), path, texts=["a", "b"])


def test_keys_are_coded_in_the_order_in_which_they_come() -> None:
    assert markers.encode(["b", "a", "", "b", None], 5) == (["b", "a"], [0, 1, -1, 0, -1])
    assert markers.encode(None, 2) == ([], [-1, -1])
    assert markers.polylines(["1", "2", "1", "", "1", "", None], 7) == [[0, 2, 4]]


POINTS = st.lists(st.tuples(st.floats(0, 400), st.floats(0, 300), st.floats(5, 90), st.floats(8, 20)), max_size=25)


@given(POINTS)
def test_labels_and_their_leaders_touch_neither_each_other_nor_a_point(drawn: list[tuple[float, ...]]) -> None:
    frame = (0, 0, 400, 300)
    anchors = [(x, y) for x, y, _, _ in drawn]
    sizes = {number: (width, height) for number, (_, _, width, height) in enumerate(drawn)}
    boxes = label_placement.Placement(anchors, 3.0, frame).place(sizes)
    for one, other in itertools.combinations(boxes.values(), 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    for number, box in boxes.items():
        assert box[0] > 0 < box[1] and box[2] < 400 and box[3] < 300
        assert (box[2] - box[0], box[3] - box[1]) == pytest.approx(sizes[number])
        assert not any(box[0] < x + 3 and x - 3 < box[2] and box[1] < y + 3 and y - 3 < box[3] for x, y in anchors)
        end = np.array(label_placement.nearest_point(anchors[number], box))
        middle = (np.array(anchors[number]) + end) / 2
        if math.dist(anchors[number], end) > 12:  # a leader line
            others = [each for other, each in boxes.items() if other != number]
            assert not any(each[0] < middle[0] < each[2] and each[1] < middle[1] < each[3] for each in others)
            assert all(math.dist(middle, anchor) > 2.5 for anchor in anchors)
    assert boxes == label_placement.Placement(anchors, 3.0, frame).place(sizes)


@given(POINTS)
def test_the_loneliest_points_come_first(drawn: list[tuple[float, ...]]) -> None:
    anchors = [(float(int(x)), float(int(y))) for x, y, _, _ in drawn]
    order = label_placement.loneliest_first(anchors, (0, 0, 401, 301))
    around = [sum(abs(x - u) <= 60 and abs(y - v) <= 15 for u, v in anchors) for x, y in anchors]
    assert order == sorted(range(len(anchors)), key=lambda number: (around[number], number))


def test_a_lonely_label_stands_to_the_right_of_its_point_and_at_the_rim_to_the_left() -> None:
    for anchor, size, expected in (
        ((100, 100), (50, 10), (105, 95, 155, 105)),
        ((190, 100), (50, 10), (135, 95, 185, 105)),
        ((100, 190), (250, 10), None),
    ):
        assert label_placement.Placement([anchor], 3, (0, 0, 200, 200)).place({0: size}).get(0) == expected


def test_every_label_is_tried_near_its_point_before_another_is_put_far_away() -> None:
    """Of three points in one place the last one stands below; the fourth point keeps its place at the right."""
    anchors = [(100.0, 100.0)] * 3 + [(150.0, 100.0)]
    boxes = label_placement.Placement(anchors, 3, (0, 0, 300, 300)).place(dict.fromkeys(range(4), (60, 10)))
    assert boxes[3] == (155, 95, 215, 105)
    assert boxes[0] == (35, 95, 95, 105)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("猫", True), ("##ット", True), ("AI猫", True), ("iPhone版", True), ("[CLS]", False), ("", False), ("café", False),
        ("2つの宿で13時に、", True), ("The word 猫 means cat in Japanese", False), ("アメリカのiPhone 15 Proは「高い」", True),
    ],
)  # fmt: skip
def test_what_is_written_vertically(text: str, expected: bool) -> None:
    assert vertical.is_vertical(text) == expected


def test_vertical_writing_has_its_own_forms_and_its_lines_run_from_right_to_left() -> None:
    rows = vertical.stack(["13時、「コーヒー」", "A 10%"], vertical.FORMS).split("\n")
    assert rows == [
        "Ａ 13",
        "\u3000 時",
        "10 ︑",
        "％ ﹁",
        "\u3000 コ",
        "\u3000 ︱",
        "\u3000 ヒ",
        "\u3000 ︱",
        "\u3000 ﹂",
    ]
    assert vertical.stack(["ー(a)"], "") == "ー\n(\na\n)"  # fonts without these forms


class Elements(html.parser.HTMLParser):
    """The elements of a page with their attributes and the text right in them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes), ""))

    def handle_endtag(self, tag: str) -> None:
        self.found.append((f"/{tag}", {}, ""))

    def handle_data(self, data: str) -> None:
        if self.found:
            tag, attributes, text = self.found[-1]
            self.found[-1] = (tag, attributes, text + data)

    def handle_comment(self, data: str) -> None:
        self.found.append(("!--", {}, data))


def page(path: Path, **settings: Any) -> tuple[dict[str, Any], Elements]:
    """The data of a page made for ``texts``, and its elements."""
    texts = settings["texts"]
    settings.setdefault("points", np.arange(2.0 * len(texts)).reshape(-1, 2))
    html_page(settings.pop("points"), str(path), **settings)
    elements = Elements(path.read_bytes().decode())
    [data] = [text for tag, attributes, text in elements.found if tag == "script" and attributes.get("id") == "data"]
    return json.loads(data), elements


def test_the_page_holds_what_the_map_shows(tmp_path: Path) -> None:
    data, elements = page(
        tmp_path / "a.html", points=np.array([[0.5, -1], [1 / 3, 2e-9], [3, 4]], dtype=np.float32), texts=["猫", "cat", "犬"],
        groups=["ja", "en", None], shapes=["ja", "en", "ja"], links=["1", "1", ""],
        captions=[(0.25, 1 / 3, "1: 猫, 犬")], axes=("PC 1 (24 %)", "PC 2"), title="地図 <b>&\n",
    )  # fmt: skip
    assert data == {
        "points": [0.5, -1.0, 0.333333, 2e-9, 3.0, 4.0],
        "texts": ["猫", "cat", "犬"],
        "groups": {"names": ["ja", "en"], "codes": [0, 1, -1], "colours": ["#0072b2", "#e69f00"]},
        "shapes": {"names": ["ja", "en"], "codes": [0, 1, 0], "outlines": [[0, 0, 1.0], [3, 0, 1.5]]},
        "ungrouped": "#8c8c8c",
        "links": [[0, 1]],
        "captions": [[0.25, 0.333333, "1: 猫, 犬"]],
        "axes": ["PC 1 (24 %)", "PC 2"],
    }
    assert [text for tag, _, text in elements.found if tag == "title"] == ["地図 <b>&"]
    assert [attributes for tag, attributes, _ in elements.found if tag == "html"] == [{"lang": "en"}]
    languages = {attributes["lang"] for tag, attributes, _ in elements.found if "lang" in attributes and tag != "html"}
    assert languages == {"ja"}


def test_the_page_asks_for_nothing_and_runs_one_script_alone(tmp_path: Path) -> None:
    _, elements = page(
        tmp_path / "a.html", texts=HOSTILE, title=HOSTILE[0], groups=HOSTILE, axes=(HOSTILE[0], HOSTILE[1])
    )
    scripts = [(attributes, text) for tag, attributes, text in elements.found if tag == "script"]
    assert [attributes for attributes, _ in scripts] == [{"type": "application/json", "id": "data"}, {}]
    [policy] = [attributes["content"] for _, attributes, _ in elements.found if "http-equiv" in attributes]
    digest = base64.b64encode(hashlib.sha256(scripts[1][1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    for tag, attributes, _ in elements.found:
        assert tag not in ("img", "iframe", "object", "!--")
        assert attributes.get("href", attributes.get("src", "data:,")) == "data:,"
        assert not any(name.startswith("on") for name in attributes)
    source = (tmp_path / "a.html").read_text()
    assert not re.search(r"https?://|innerHTML|insertAdjacentHTML|outerHTML|document\.write|\beval\b", source)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.text(st.characters(), max_size=20) | st.sampled_from(HOSTILE), max_size=6))
@example(HOSTILE)
def test_any_text_comes_through_the_page_as_it_is(tmp_path: Path, texts: list[str]) -> None:
    data, _ = page(tmp_path / "a.html", texts=texts, groups=texts)
    assert data["texts"] == texts
    assert data["groups"]["names"] == list(dict.fromkeys(text for text in texts if text))


def test_a_page_of_points_that_are_no_numbers_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        html_page(np.array([[np.nan, 1.0]]), str(tmp_path / "a.html"), texts=["a"])
    assert list(tmp_path.iterdir()) == []


def test_nothing_heavy_is_imported_before_a_picture_is_drawn() -> None:
    script = "import sys, nlptool.plots; print(sorted({'matplotlib', 'numpy', 'PIL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[]\n", "")
