"""Side files: the lines that are in them, however they are written."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from program import invoke, records

from nlptool.errors import RunError
from nlptool.storage.text_files import read_lines

PACKED: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, bz2.compress, lzma.compress]
WORDS = "いろはにほへとちりぬるをわかよたれそつねならむ"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text("いろはにほへと 猫,\t\u3000a\u2028", max_size=6)),
    st.sampled_from(["utf-8", "utf-8-sig", "cp932", "euc_jp", "iso2022_jp", "utf-16", "utf-16-le", "utf-32-be"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.sampled_from(PACKED),
)
@example([""], "utf-8", "\n", True, bytes)
def test_the_lines_are_those_that_were_written(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    encoding: str,
    end: str,
    is_ended: bool,
    pack: Callable[[bytes], bytes],
) -> None:
    path = tmp_path_factory.mktemp("lists") / "x"
    lines = [WORDS, *("".join(character for character in line if character != "\u2028") for line in lines)]
    path.write_bytes(pack((end.join(lines) + end * is_ended).encode(encoding)))
    expected = lines if is_ended or lines[-1] else lines[:-1]
    assert list(read_lines(str(path))) == list(enumerate(expected, 1))


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(RunError, match="x: No such file"):
        list(read_lines(str(path)))
    with pytest.raises(RunError, match="Is a directory"):
        list(read_lines(str(tmp_path)))
    path.write_bytes(gzip.compress(b"a\n")[:-5])
    with pytest.raises(RunError, match="end in the middle"):
        list(read_lines(str(path)))
    path.write_bytes(b"\x04\x22\x4d\x18\x64\x40\xa7")
    with pytest.raises(RunError, match="lz4 data") as failure:
        list(read_lines(str(path)))
    assert failure.value.hint == f"unpack it: lz4 -dc {path} > FILE"
    path.write_bytes("\ufeff猫\n犬".encode("utf-16-le")[:-1])
    with pytest.raises(RunError, match="x: not UTF-16-LE"):
        list(read_lines(str(path)))


def test_a_list_of_words_from_stdin_and_from_a_file_in_cp932(tmp_path: Path) -> None:
    model = tmp_path / "m.vec"
    model.write_text("3 2\n表 1 0\n犬 0 1\n猫 1 1\n", encoding="utf-8")
    words = tmp_path / "words.txt"
    words.write_bytes("犬\r\n表\r\n".encode("cp932"))
    found = records(invoke("vectors", "select", str(model), "--words-from", str(words)))
    assert [record["word"] for record in found] == ["犬", "表"]
    same = invoke("vectors", "select", str(model), "--words-from", "-", stdin=words.read_bytes())
    assert records(same) == found
