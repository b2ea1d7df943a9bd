"""The page of a map in a real browser: Chromium without a window, driven by playwright as a person drives it.

Where a point is on the screen is read off the screen, by its colour.
"""

from __future__ import annotations

import io
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from nlptool import plots
from nlptool.plots import markers

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BLUE, ORANGE, GREEN, RED = markers.colours(4)
LINE = "#c4c4c4"
POINTS = np.array([[0, 0], [4, 0], [0, 3], [4, 3]])
TEXTS = ["白い猫が眠っている", "A Cat on the roof", "ｶﾒﾗと猫", "一匹の犬\nが走る <b>&amp;"]
GROUPS = ["青", "橙", "緑", "赤"]
HOSTILE = [
    "</script><script>window.ran = 1</script>", "<img src=x onerror='window.ran=1'>", "<!--<script>", "a\u2028b", "\x00\x1b",
    "javascript:window.ran=1", "\ud800", "constructor", "__proto__",
]  # fmt: skip

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """``show(points, texts=..., context={...})``: the page of a map. It says nothing on the console, and asks for nothing."""
    file = tmp_path / "map.html"
    contexts = []
    said: list[str] = []
    asked: list[str] = []

    def show(points: Any = POINTS, context: dict[str, Any] | None = None, **settings: Any) -> Page:
        plots.page(plots.Points(points, **{"texts": TEXTS, "groups": GROUPS, **settings}), str(file))
        contexts.append(browser.new_context(**{"viewport": {"width": 900, "height": 600}, **(context or {})}))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        drawn(page)
        return page

    yield show
    for context in contexts:
        context.close()
    assert said == []
    assert set(asked) == {file.as_uri()}


def drawn(page: Page) -> None:
    """Two frames: what was asked for before them has been drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def pixels(page: Page) -> np.ndarray[Any, Any]:
    """The canvas as it is seen: (height, width, 3) bytes."""
    drawn(page)
    return np.asarray(Image.open(io.BytesIO(page.locator("main canvas").screenshot())).convert("RGB"))


def where(page: Page, colour: str) -> tuple[float, float] | None:
    """The middle of what has a colour, on the page; None where nothing as large as a point has it."""
    rgb = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    seen = pixels(page)
    rows, columns = np.nonzero((seen == rgb).all(axis=2))
    if len(rows) < 12:
        return None
    box = page.locator("main canvas").bounding_box()
    assert box is not None
    ratio = seen.shape[1] / box["width"]
    return box["x"] + float(columns.mean() + 0.5) / ratio, box["y"] + float(rows.mean() + 0.5) / ratio


def place(page: Page, colour: str) -> tuple[float, float]:
    found = where(page, colour)
    assert found is not None, colour
    return found


def tip(page: Page) -> str | None:
    """The text shown beside a point, None if there is none."""
    drawn(page)
    return page.locator("#tip p").text_content() if page.locator("#tip").is_visible() else None


def hover(page: Page, at: tuple[float, float]) -> str | None:
    page.mouse.move(at[0] + 40, at[1] + 40)
    page.mouse.move(*at)
    return tip(page)


def found(page: Page) -> str | None:
    return page.locator("#found").text_content()


def test_hovering_shows_the_whole_text_of_a_point_and_its_group(show: Open) -> None:
    page = show(title="四つの文 <i>", shapes=["a", "b", "a", "b"])
    assert page.title() == "四つの文 <i>"
    places = [place(page, colour) for colour in (BLUE, ORANGE, GREEN, RED)]
    for at, text, group, shape in zip(places, TEXTS, GROUPS, "abab", strict=True):
        assert hover(page, at) == text
        assert page.locator("#tip small").text_content() == f"{group} · {shape}"
    assert places[0][0] == pytest.approx(places[2][0], abs=1)
    assert places[0][1] > places[2][1]  # y grows upwards
    assert math.dist(places[0], places[1]) == pytest.approx(4 / 3 * math.dist(places[0], places[2]), rel=0.01)
    assert hover(page, ((places[0][0] + places[3][0]) / 2, (places[0][1] + places[3][1]) / 2)) is None


def test_a_tip_stays_inside_the_window(show: Open) -> None:
    page = show(texts=["長い文" * 60] * 4)
    for colour in (BLUE, ORANGE, GREEN, RED):
        hover(page, place(page, colour))
        box = page.locator("#tip").bounding_box()
        assert box is not None
        assert box["x"] >= 0 and box["x"] + box["width"] <= 900
        assert box["y"] >= 0 and box["y"] + box["height"] <= 600


def test_a_search_says_how_many_texts_hold_the_query_and_dims_the_rest(show: Open) -> None:
    page = show()
    page.locator("#query").fill("猫")
    assert found(page) == "2 of 4"
    assert [where(page, colour) is not None for colour in (BLUE, ORANGE, GREEN, RED)] == [True, False, True, False]
    page.locator("#query").fill("ＣＡＴ")
    assert found(page) == "1 of 4"
    assert [where(page, colour) is not None for colour in (BLUE, ORANGE, GREEN, RED)] == [False, True, False, False]
    page.locator("#query").fill("カメラ")
    assert found(page) == "1 of 4"
    page.locator("#query").fill("鯨")
    assert found(page) == "0 of 4"
    page.keyboard.press("Enter")
    assert tip(page) is None
    page.keyboard.press("Escape")
    assert (found(page), page.locator("#query").input_value()) == ("", "")
    assert None not in [where(page, colour) for colour in (BLUE, ORANGE, GREEN, RED)]


def test_enter_jumps_through_the_hits(show: Open) -> None:
    page = show()
    page.locator("#query").fill("猫")
    seen = []
    for key in ("Enter", "Enter", "Enter", "Shift+Enter"):
        page.keyboard.press(key)
        seen.append((found(page), tip(page)))
    assert seen == [("1 / 2", TEXTS[0]), ("2 / 2", TEXTS[2]), ("1 / 2", TEXTS[0]), ("2 / 2", TEXTS[2])]
    box = page.locator("main canvas").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert place(page, GREEN) == pytest.approx(middle, abs=2)
    page.evaluate("query.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true }))")
    assert found(page) == "2 / 2"  # this Enter chose a kanji


def test_the_legend_hides_and_shows_groups_and_shapes(show: Open) -> None:
    page = show(groups=["青", "橙", "青", None], shapes=["文", "語", "語", "語"])
    entries = page.locator("#legend button")
    assert entries.all_text_contents() == ["青", "橙", "no group", "文", "語"]
    at = place(page, ORANGE)
    entries.nth(1).click()
    assert entries.nth(1).get_attribute("aria-pressed") == "false"
    assert where(page, ORANGE) is None
    assert hover(page, at) is None
    page.locator("#query").fill("cat")
    assert found(page) == "0 of 4"
    page.locator("#query").fill("")
    entries.nth(1).click()
    assert entries.nth(1).get_attribute("aria-pressed") == "true"
    assert place(page, ORANGE) == at
    entries.nth(3).click()
    assert hover(page, place(page, BLUE)) == TEXTS[2]  # the other blue one is no 文
    entries.nth(2).click()
    assert where(page, markers.UNGROUPED) is None


def test_groups_that_are_the_shapes_stand_once_in_the_legend(show: Open) -> None:
    page = show(groups=["日", "英", "日", "英"], shapes=["日", "英", "日", "英"])
    assert page.locator("#legend button").all_text_contents() == ["日", "英"]


def test_after_zooming_and_dragging_the_right_text_is_under_the_pointer(show: Open) -> None:
    page = show()
    before = {colour: place(page, colour) for colour in (BLUE, ORANGE, GREEN, RED)}
    page.mouse.move(*before[BLUE])
    page.mouse.wheel(0, -150)
    after = {colour: where(page, colour) for colour in before}
    assert after[BLUE] == pytest.approx(before[BLUE], abs=1)  # what is under the pointer stays there
    page.mouse.wheel(0, 400)
    small = {colour: place(page, colour) for colour in before}
    assert math.dist(small[BLUE], small[RED]) < 0.9 * math.dist(before[BLUE], before[RED])
    page.mouse.move(450, 300)
    page.mouse.down()
    page.mouse.move(480, 310)
    page.mouse.move(520, 280)
    page.mouse.up()
    for colour, text in zip(before, TEXTS, strict=True):
        at = place(page, colour)
        assert at == pytest.approx((small[colour][0] + 70, small[colour][1] - 20), abs=1)
        assert hover(page, at) == text
    page.mouse.dblclick(450, 400)
    assert {colour: place(page, colour) for colour in before} == before
    page.mouse.wheel(0, 300)
    page.locator("#reset").click()
    assert {colour: place(page, colour) for colour in before} == before


def test_the_keyboard_goes_from_text_to_text(show: Open) -> None:
    page = show()
    page.locator("main canvas").focus()
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft", "Escape", "ArrowUp"):
        page.keyboard.press(key)
        seen.append(tip(page))
    assert seen == [TEXTS[0], TEXTS[1], TEXTS[0], TEXTS[3], None, TEXTS[3]]
    before = math.dist(place(page, BLUE), place(page, GREEN))
    page.keyboard.press("-")
    assert math.dist(place(page, BLUE), place(page, GREEN)) == pytest.approx(before / 1.5, rel=0.02)
    page.keyboard.press("0")
    assert math.dist(place(page, BLUE), place(page, GREEN)) == pytest.approx(before, rel=0.01)
    page.locator("#query").fill("猫")
    page.locator("main canvas").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert tip(page) == TEXTS[2]


def test_points_of_one_key_are_joined_by_a_line(show: Open) -> None:
    page = show(links=["1", "1", "2", None])
    box = page.locator("main canvas").bounding_box()
    assert box is not None
    blue, orange, green = (place(page, colour) for colour in (BLUE, ORANGE, GREEN))

    def has_line(one: tuple[float, float], other: tuple[float, float]) -> bool:
        x, y = int((one[0] + other[0]) / 2 - box["x"]), int((one[1] + other[1]) / 2 - box["y"])
        return bool((pixels(page)[y - 3 : y + 4, x - 3 : x + 4] < 230).any())

    assert has_line(blue, orange)
    assert not has_line(blue, green)
    assert not has_line(orange, green)


def test_texts_stand_beside_few_points_and_not_beside_many(show: Open) -> None:
    assert (pixels(show()) < 90).all(axis=2).sum() > 300  # dark letters
    many = np.random.default_rng(0).normal(size=(200, 2))
    page = show(many, texts=["文"] * 200, groups=None, axes=("", ""))
    assert (pixels(page) < 90).all(axis=2).sum() < 10


def test_captions_stand_over_many_points_and_not_upon_each_other(show: Open) -> None:
    many = np.random.default_rng(0).normal(size=(200, 2))

    def dark(*captions: tuple[float, float, str]) -> int:
        page = show(many, texts=["文"] * 200, groups=None, axes=("", ""), captions=captions)
        return int((pixels(page) < 90).all(axis=2).sum())

    first, second = (0.0, 0.0, "0: 猫, 犬, 散歩"), (0.05, 0.02, "1: 株価, 投資")
    assert dark() < 10
    assert dark(first) > 200
    assert dark(first, second) == dark(first)  # zooming makes room
    assert dark(first, (0.0, 1.5, "1: 株価, 投資")) > dark(first) + 100


def test_several_texts_in_one_place_are_counted(show: Open) -> None:
    page = show(np.zeros((4, 2)), groups=["青"] * 4)
    assert hover(page, place(page, BLUE)) == TEXTS[3]  # the topmost
    assert page.locator("#tip small").text_content() == "青 · 3 more in this place"


@pytest.mark.parametrize("n", [0, 1])
def test_a_map_of_nothing_or_of_one_text_is_a_page(show: Open, n: int) -> None:
    page = show(POINTS[:n], texts=TEXTS[:n], groups=GROUPS[:n])
    assert (where(page, BLUE) is not None) == (n == 1)
    page.locator("#query").fill("猫")
    assert found(page) == f"{n} of {n}"
    page.locator("main canvas").focus()
    page.keyboard.press("ArrowRight")
    assert tip(page) == (TEXTS[0] if n else None)


def test_fifty_thousand_points_are_drawn_and_the_needle_is_found(show: Open) -> None:
    n = 50_000
    points = np.random.default_rng(0).normal(size=(n, 2))
    points[-2:] = (-4.5, 2), (0.3, 0.2)
    texts = [f"文 {number} の猫" for number in range(n - 2)] + ["off the stack", "in the hay"]
    groups = ["hay"] * (n - 2) + ["needle", "pin"]
    page = show(points, texts=texts, groups=groups, links=["1"] * 2 + [""] * (n - 2))
    assert (pixels(page) < 250).any(axis=2).sum() > 30_000
    assert hover(page, place(page, ORANGE)) == "off the stack"
    page.mouse.move(*place(page, GREEN))
    page.mouse.wheel(0, -2000)
    page.mouse.move(5, 5)  # no tip, which might lie upon it
    assert tip(page) is None
    assert hover(page, place(page, GREEN)) == "in the hay"
    page.locator("#query").fill("文 1234")
    assert found(page) == "11 of 50,000"  # 1234, 12340 to 12349
    page.keyboard.press("Enter")
    assert tip(page) == "文 1234 の猫"


def test_hostile_texts_are_shown_and_never_run(show: Open) -> None:
    page = show(
        np.arange(2.0 * len(HOSTILE)).reshape(-1, 2),
        texts=HOSTILE, groups=HOSTILE, shapes=HOSTILE[::-1], links=HOSTILE, axes=(HOSTILE[0], HOSTILE[1]), title=HOSTILE[0],
    )  # fmt: skip
    page.locator("main canvas").focus()
    for text in HOSTILE:
        page.keyboard.press("ArrowRight")
        assert tip(page) == ("\ufffd\ufffd" if text == "\x00\x1b" else text)
    page.locator("#query").fill("<script>")
    assert found(page) == f"2 of {len(HOSTILE)}"
    assert page.evaluate("window.ran") is None
    assert page.locator("script").count() == 2
    assert page.locator("img").count() == 0
    assert page.title() == HOSTILE[0]


def test_the_page_is_light_or_dark_as_the_system_is(show: Open) -> None:
    page = show(context={"color_scheme": "light"})
    assert pixels(page)[-3, 3].tolist() == [255, 255, 255]
    page.emulate_media(color_scheme="dark")
    assert pixels(page).mean() < 60
    assert hover(page, place(page, RED)) == TEXTS[3]
    assert (pixels(page) > 200).all(axis=2).sum() > 500  # light letters


def test_a_sharp_screen_has_a_sharp_picture(show: Open) -> None:
    page = show(context={"device_scale_factor": 2})
    box = page.locator("main canvas").bounding_box()
    assert box is not None
    assert page.evaluate("[canvas.width, canvas.height]") == [2 * box["width"], 2 * round(box["height"])]
    assert hover(page, place(page, GREEN)) == TEXTS[2]


def test_a_window_that_changes_its_size_shows_the_whole_map(show: Open) -> None:
    page = show()
    before = math.dist(place(page, BLUE), place(page, RED))
    page.set_viewport_size({"width": 500, "height": 360})
    assert math.dist(place(page, BLUE), place(page, RED)) < 0.7 * before
    assert hover(page, place(page, RED)) == TEXTS[3]


def test_fingers_tap_drag_and_pinch_on_a_phone(show: Open) -> None:
    phone = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True, "device_scale_factor": 3}
    page = show(context=phone, title="四つの文", groups=[f"とても長い名前の組 {number}" for number in range(4)])
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    blue, red = place(page, BLUE), place(page, RED)
    page.touchscreen.tap(blue[0] + 12, blue[1] + 10)  # a finger is broad
    assert tip(page) == TEXTS[0]
    page.touchscreen.tap((blue[0] + red[0]) / 2, (blue[1] + red[1]) / 2)
    assert tip(page) is None
    device = page.context.new_cdp_session(page)

    def touch(kind: str, *fingers: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(fingers)]
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (200, 300))
    touch("touchMove", (210, 320))
    touch("touchMove", (180, 350))
    touch("touchEnd")
    assert place(page, BLUE) == pytest.approx((blue[0] - 20, blue[1] + 50), abs=1)
    page.locator("#reset").tap()
    touch("touchStart", (100, 400), (300, 400))
    for step in range(1, 6):
        touch("touchMove", (100 + 10 * step, 400), (300 - 10 * step, 400))
    touch("touchEnd")
    assert math.dist(place(page, BLUE), place(page, RED)) == pytest.approx(math.dist(blue, red) / 2, rel=0.02)


def test_japanese_texts_are_marked_as_such_so_that_their_kanji_have_japanese_forms(show: Open) -> None:
    page = show()
    assert page.evaluate("[document.documentElement.lang, canvas.lang, tip.lang, legend.lang, query.lang]") == [
        "en",
        *["ja"] * 4,
    ]
