"""Paragraphs: empty lines, Markdown's fences and headings, every line kept once and in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.text.paragraphs import ParagraphCutter, paragraphs

LINES = st.lists(
    st.sampled_from(
        ["", " ", "\u3000", "a", "b\n", "# h", "#tag", "```", "````", "~~~", "```py", "---", "===", "----", "\n"]
    )
)


def cut(text: str, **options: int) -> list[tuple[int, str]]:
    return [(number, "|".join(lines)) for number, lines in paragraphs(text.split("\n"), **options)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\n\nc", [(0, "a|b"), (3, "c")]),
        ("\n\u3000 \t\na\n\u3000\nb\n\n\n", [(2, "a"), (4, "b")]),
        ("\u3000a\n\u3000b", [(0, "\u3000a|\u3000b")]),
        ("# title\ntext\n## part ##\nmore", [(0, "# title"), (1, "text"), (2, "## part ##"), (3, "more")]),
        ("text\n#hashtag\n#\nmore", [(0, "text|#hashtag"), (2, "#"), (3, "more")]),
        ("Title\n=====\ntext\nPart\n---\nmore", [(0, "Title|====="), (2, "text|Part|---"), (5, "more")]),
        ("---\ntitle: x\n---\ntext", [(0, "---|title: x|---"), (3, "text")]),
        ("a\n```py\nx\n\n# no heading\n```\nb", [(0, "a"), (1, "```py|x||# no heading|```"), (6, "b")]),
        ("````\n```\n\n````\nb", [(0, "````|```||````"), (4, "b")]),
        ("~~~\n```\n\n~~~~  \nb", [(0, "~~~|```||~~~~  "), (4, "b")]),
        ("```\n\nunclosed\n\n", [(0, "```||unclosed||")]),
        ("```inline``` code\n\nb", [(0, "```inline``` code"), (2, "b")]),
        ("- item\n\n  ```\n\n  ```\nb", [(0, "- item"), (2, "  ```||  ```"), (5, "b")]),
        ("", []),
    ],
)
def test_paragraphs(text: str, expected: list[tuple[int, str]]) -> None:
    assert cut(text) == expected


def test_lines_are_numbered_from_where_one_says() -> None:
    assert cut("a\n\nb", first_line=1) == [(1, "a"), (3, "b")]


def test_the_largest_paragraph_is_closed_at_a_line_end() -> None:
    assert cut("aa\nbb\ncc\ndd", largest=3) == [(0, "aa|bb"), (2, "cc|dd")]
    assert cut("```\n\n\nabc\n\n```\nx", largest=5) == [(0, "```|||abc"), (4, "|```"), (6, "x")]


def test_a_paragraph_comes_as_soon_as_it_ends() -> None:
    cutter = ParagraphCutter()
    assert cutter.add("a\n") == []
    assert cutter.add("# h\n") == [(0, ["a\n"]), (1, ["# h\n"])]
    assert cutter.add("b\n") == []
    assert cutter.add("\n") == [(2, ["b\n"])]
    assert cutter.finish() == []


@given(LINES, st.none() | st.integers(1, 6))
def test_every_line_that_is_not_blank_is_in_one_paragraph(lines: list[str], largest: int | None) -> None:
    kept: dict[int, str] = {}
    for number, found in paragraphs(lines, largest=largest):
        assert found
        assert number > max(kept, default=-1)
        kept |= dict(enumerate(found, number))
    assert {number: line for number, line in enumerate(lines) if line.strip()}.items() <= kept.items()
    assert all(lines[number] == line for number, line in kept.items())
