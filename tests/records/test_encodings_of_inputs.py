"""``--encoding auto``, and what is said of input in another encoding than the options say."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from program import invoke, records

from nlptool.errors import RecordError
from nlptool.records.blocks import read_blocks

TEXT = "吾輩は猫である。\n名前はまだ無い。\nどこで生れたかとんと見当がつかぬ。\n"
ENCODINGS = [
    "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "cp932", "euc_jp", "iso2022_jp",
]  # fmt: skip
WAKATI = ["tokenize", "-f", "wakati"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_auto_reads_each_file_and_stdin_and_says_what_it_took(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(TEXT.encode(encoding))
    (tmp_path / "y.txt").write_bytes(TEXT.encode())
    expected = invoke(*WAKATI, stdin=TEXT).stdout
    by_stdin = invoke(*WAKATI, "--encoding", "auto", stdin=TEXT.encode(encoding))
    assert (by_stdin.exit_code, by_stdin.stdout) == (0, expected)
    of_files = invoke(*WAKATI, "--encoding", "auto", str(tmp_path / "x.txt"), str(tmp_path / "y.txt"))
    assert (of_files.exit_code, of_files.stdout) == (0, expected * 2)
    name = {"utf-16": "utf-16-le", "utf-32": "utf-32-le", "iso2022_jp": "iso-2022-jp"}.get(encoding, encoding)
    said = "" if encoding == "utf-8-sig" else f"nlptool tokenize: {tmp_path}/x.txt is read as {name}\n"
    assert of_files.stderr == said


def test_auto_decides_by_the_first_chunk_that_is_not_ascii(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    notes: list[str] = []
    blocks = read_blocks(
        (f"/dev/fd/{reader}",), report=pytest.fail, hint=notes.append, encoding="auto", max_latency=0.01
    )
    try:
        os.write(writer, b"id\tbody\n1\t")
        block = next(blocks)
        assert (block.lines, block.encoding, notes) == ([b"id\tbody"], "utf-8", [])
        assert next(blocks).lines == []
        os.write(writer, "表示する\n".encode("cp932"))
        block = next(blocks)
        assert (block.lines, block.encoding) == (["1\t表示する".encode("cp932")], "cp932")
        assert notes == [f"/dev/fd/{reader} is read as cp932"]
        assert next(blocks).lines == []
        os.write(writer, b"\xb1\n")
        assert (block := next(blocks)).lines == [b"\xb1"]
        assert block.encoding == "cp932"
    finally:
        os.close(writer)
        os.close(reader)


def test_auto_with_nul_takes_no_names_for_utf16() -> None:
    result = invoke(*WAKATI, "-0", "--encoding", "auto", stdin=b"a\0b\0c\0d\0" + "猫が".encode() + b"\0")
    assert (result.stdout, result.stderr) == ("a\nb\nc\nd\n猫 が\n", "")


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("abc def\n".encode("utf-16-le"), "utf-16-le"),
        ("abc\ndef\nghi\n".encode("utf-16-be"), "utf-16-be"),
        ("か\nきくけ\n一\n".encode("utf-16-le"), "utf-16-le"),
        ("猫が鳴く\n".encode("utf-16"), "utf-16-le"),
        ("abc\n".encode("utf-32-le"), "utf-32-le"),
        ("吾輩は猫である\n".encode("iso2022_jp"), "iso-2022-jp"),
        ("ﾊﾝｶｸ\n".encode("iso2022_jp_ext"), "iso-2022-jp-ext"),
        ("猫が鳴く\n".encode("cp932"), "cp932"),
        ("猫が鳴く\n".encode("euc_jp"), "euc_jp"),
        ("Il a mangé à l'école.\n".encode("latin-1"), "cp1252"),
    ],
)
def test_every_line_in_another_encoding_is_an_error_that_names_it(written: bytes, named: str) -> None:
    found = invoke("tokenize", stdin=written)
    n_lines = len(written.decode(named).splitlines())
    raw = [
        base64.b64decode(record["nlptool"]["error"]["raw_base64"])
        for record in records(found, 3)
        if "\0" not in record["text"] and "\x1b" not in record["text"]
    ]
    assert len(raw) == n_lines
    separator = "\n".encode(named) if named.startswith("utf") else b"\n"
    assert separator.join(raw) + separator == written
    assert found.stderr.endswith(f"perhaps --encoding {named}\n")
    assert invoke("tokenize", "--encoding", named, stdin=written).exit_code == 0


def test_escape_sequences_of_terminals_and_a_nul_are_text() -> None:
    text = "\x1b[1m猫\x1b(B\x1b[m\n犬\0が\n"
    assert [record["text"] for record in records(invoke("tokenize", stdin=text))] == text.split("\n")[:2]


def test_utf8_that_was_cut_or_damaged_is_said_to_be_that() -> None:
    whole = "猫が鳴く".encode()
    cut = invoke("tokenize", stdin=whole[:-1])
    assert "not UTF-8: the last character is cut off" in cut.stderr
    assert "--encoding" not in cut.stderr
    damaged = invoke("tokenize", stdin=whole[:4] + whole[5:])
    assert "damaged" in damaged.stderr
    assert "--encoding" not in damaged.stderr
    assert records(damaged, 3)[0]["text"] == "猫\ufffd鳴く"


def test_of_two_encodings_in_one_file_one_is_read_and_the_other_said(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    halves = "猫が鳴く\n".encode(), "犬が走る\n".encode("cp932")
    for half, other in (halves, halves[::-1]):
        path.write_bytes(3 * half + other)
        result = invoke("tokenize", "--encoding", "auto", str(path))
        errors = [record["nlptool"].get("error") for record in records(result, 3)]
        assert [bool(error) for error in errors].count(True) == (1 if half == halves[0] else 3)
        assert all(error["type"] == "Undecodable" for error in errors if error)
        assert "others are not: give each part its own --encoding" in result.stderr


def test_a_line_of_utf8_far_behind_the_head_of_a_cp932_file_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes("表示する\n".encode("cp932") * 40_000 + "猫が鳴く\n".encode())
    blocks = list(read_blocks((str(path),), report=pytest.fail, hint=lambda note: None, encoding="auto"))
    assert {block.encoding for block in blocks} == {"cp932"}
    result = invoke("tokenize", "--count", "chars", "--encoding", "auto", str(path))
    assert result.exit_code == 3
    assert "this line is in UTF-8, others are not" in result.stderr


def test_a_line_that_is_too_long_may_be_in_any_encoding(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(("猫" * 50 + "\n犬が\n").encode("euc_jp"))
    blocks = read_blocks((str(path),), report=pytest.fail, hint=lambda note: None, encoding="auto", max_line=20)
    first, second = (line for block in blocks for line in block.lines)
    assert isinstance(first, RecordError)
    assert second == "犬が".encode("euc_jp")


def test_of_a_folder_utf16_is_read_and_what_is_binary_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("猫が\n".encode("utf-16-le"))
    (tmp_path / "b.txt").write_bytes("犬が\n".encode("cp932"))
    (tmp_path / "c.bin").write_bytes(bytes(range(256)) * 8)
    result = invoke(*WAKATI, "--encoding", "auto", str(tmp_path))
    assert result.stdout == "猫 が\n犬 が\n"
    assert "1 binary files were left out" in result.stderr


@pytest.mark.parametrize(
    "content",
    [b"\x93NUMPY\x01\x00v\x00{'descr'\n\xff\xfe\n", b"\x89PNG\r\n\x1a\n\xff\n", b"\x7fELF\x02\x00\xff\xffcode\n"],
)
def test_a_file_that_holds_no_text_has_no_likely_encoding(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(content)
    done = invoke("tokenize", str(tmp_path / "a.bin"))
    assert done.exit_code == 3
    assert "nlptool tokenize:   perhaps the file holds no text" in done.stderr.splitlines()
