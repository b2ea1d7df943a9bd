"""Bytes in and bytes out: lines, compression, encodings, and files that are replaced as a whole."""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
import os
import shlex
import stat
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from click.testing import Result
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from nlptool.errors import RecordError, RunError
from nlptool.records.blocks import Block, _blocks, read_blocks
from nlptool.records.decoding import wide_to_utf8
from nlptool.records.parse import Parser
from nlptool.records.record import InputFormat
from nlptool.storage import compression
from nlptool.storage.compression import CHUNK, decompressed
from nlptool.storage.output import Output

Invoke = Callable[..., Result]

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
MAGIC = {"gzip": 2, "bzip2": 10, "xz": 6, "zstd": 4}  # bytes that it takes to recognise it
any_bytes = st.binary(max_size=80) | st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"\0", b"a", b"\x8c\x5c"])).map(
    b"".join
)


def lines_of(data: bytes, separator: bytes = b"\n") -> list[bytes]:
    """The simple definition."""
    *lines, last = data.split(separator)
    if separator == b"\n":
        lines = [line.removesuffix(b"\r") for line in lines]
    return lines + [last] * bool(last)


@st.composite
def cut(draw: st.DrawFn, data: st.SearchStrategy[bytes]) -> list[bytes]:
    """Data in chunks; an empty one is a moment in which nothing came."""
    whole = draw(data)
    borders = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    return [whole[start:end] for start, end in itertools.pairwise([0, *borders, len(whole)])]


def read(*paths: str | Path, **how: Any) -> tuple[list[bytes | RecordError], list[str]]:
    """All lines of the files, and what was reported."""
    reports: list[str] = []
    found = read_blocks(
        tuple(map(str, paths)), report=lambda message, _: reports.append(message), hint=reports.append, **how
    )
    return [line for block in found for line in block.lines], reports


@settings(max_examples=500, deadline=None)
@given(cut(any_bytes), st.sampled_from([b"\n", b"\0"]))
@example([b"a\r", b"\n", b"\r", b"\r\nb\r"], b"\n")
@example([b"\xef\xbb\xbf", b"", b"\n\n"], b"\n")
def test_lines_do_not_depend_on_where_the_chunks_end(chunks: list[bytes], separator: bytes) -> None:
    blocks = list(_blocks(chunks, "x", separator=separator, max_line=1000))
    assert [line for block in blocks for line in block.lines] == lines_of(b"".join(chunks), separator)
    assert sum(not block.lines for block in blocks) == chunks.count(b"")
    number = 1
    for block in blocks:
        assert (block.source, block.first_line) == ("x", number)
        number += len(block.lines)


@settings(max_examples=500, deadline=None)
@given(cut(any_bytes), st.integers(1, 8), st.sampled_from([b"\n", b"\0"]))
@example([b"abc\r", b"\n", b"abcd\r\nabc\r"], 3, b"\n")
def test_a_line_that_is_too_long_is_an_error_and_the_next_one_is_not(
    chunks: list[bytes], max_line: int, separator: bytes
) -> None:
    found = [line for block in _blocks(chunks, "x", separator=separator, max_line=max_line) for line in block.lines]
    expected = lines_of(b"".join(chunks), separator)
    assert len(found) == len(expected)
    for line, whole in zip(found, expected, strict=True):
        if len(whole) <= max_line:
            assert line == whole
        else:
            assert isinstance(line, RecordError)
            assert (line.type, line.raw) == ("LineTooLong", whole[:max_line])


def test_only_the_beginning_of_a_long_line_is_kept() -> None:
    chunks = itertools.chain(itertools.repeat("猫".encode() * 1000, 50), [b"\nb\n"])
    (record, after) = [
        record
        for records in Parser(InputFormat()).parse(_blocks(chunks, "x", separator=b"\n", max_line=100_000))
        for record in records
    ]
    assert record.error is not None
    assert "longer than 100,000 bytes" in record.error.message
    assert record.text == "猫" * 1333  # 4,000 bytes, and no half of a character
    assert after.text == "b"


def test_an_empty_block_says_that_nothing_has_come_for_a_while() -> None:
    reader, writer = os.pipe()
    try:
        blocks = read_blocks((f"/dev/fd/{reader}",), report=pytest.fail, hint=pytest.fail, max_latency=0.01)
        os.write(writer, b"a\nb")
        assert next(blocks).lines == [b"a"]
        assert next(blocks).lines == []
        os.write(writer, b"\nc\n")
        assert next(blocks) == Block(f"/dev/fd/{reader}", 2, [b"b", b"c"])
        assert next(blocks).lines == []
        os.close(writer)
        assert list(blocks) == []
    finally:
        os.close(reader)


def test_what_cannot_be_read_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.write_bytes(b"a\nb")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    long = "x" * 300
    lines, reports = read(good, tmp_path / "none", tmp_path, loop, good / "x", long, good)
    assert lines == [b"a", b"b", b"a", b"b"]
    assert reports == [
        f"{tmp_path}/none: No such file or directory",
        f"{tmp_path}: a folder without text files",
        f"{loop}: Too many levels of symbolic links",
        f"{good}/x: Not a directory",
        f"{long}: File name too long",
    ]


def test_the_bytes_that_were_read_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"a\n" * 100_000))
    counted: list[int] = []
    assert len(read(path, on_bytes=counted.append)[0]) == 100_000
    assert sum(counted) == path.stat().st_size


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(sorted(COMPRESS)), st.lists(any_bytes, min_size=1, max_size=3), st.integers(0, 9))
def test_members_and_padding_are_undone_wherever_the_chunks_end(
    data: st.DataObject, name: str, members: list[bytes], padding: int
) -> None:
    whole = (b"\0" * padding).join(COMPRESS[name](member) for member in members) + b"\0" * padding
    chunks = data.draw(cut(st.just(whole)))
    pieces = list(decompressed(iter(chunks), "x"))
    assert b"".join(pieces) == b"".join(members)
    assert pieces.count(b"") <= chunks.count(b"")  # nothing else looks like a moment without input


@settings(max_examples=300, deadline=None)
@given(
    cut(
        any_bytes
        | st.sampled_from([b"BZh", b"BZh9 is a text\n", b"\x1f", b"(", b"\xfd7zX", b"BZh91AY", b"P*M\n", b"("])
    )
)
def test_what_is_not_compressed_is_left_alone(chunks: list[bytes]) -> None:
    assume(not b"".join(chunks).startswith(compression._KNOWN))
    assert b"".join(decompressed(iter(chunks), "x")) == b"".join(chunks)


def test_a_zstd_file_may_begin_with_a_frame_to_skip() -> None:
    skipped = b"\x50*M\x18" + (4).to_bytes(4, "little") + b"1234"
    whole = skipped + COMPRESS["zstd"](b"a\n") + skipped + COMPRESS["zstd"](b"b\n")
    assert b"".join(decompressed(iter([whole]), "x")) == b"a\nb\n"


@pytest.mark.parametrize("name", COMPRESS)
def test_a_file_that_was_cut_off_is_reported_at_every_length(name: str, tmp_path: Path) -> None:
    lines = [b"%d" % number * 3 for number in range(200)]
    whole = COMPRESS[name](b"\n".join([*lines, b""]))
    path = tmp_path / "x"
    longest = 0
    for length in range(MAGIC[name], len(whole)):
        path.write_bytes(whole[:length])
        found, reports = read(path)
        assert found == lines[: len(found)]
        assert reports == [
            f"{path}: the {name} data end in the middle; the lines before that point were read, the last, unfinished one "
            "was not"
        ]
        longest = max(longest, len(found))
    assert longest == 200  # of the last ones only the check sum is missing
    for length in range(MAGIC[name]):  # too short to be recognised: a text
        path.write_bytes(whole[:length])
        assert read(path) == (lines_of(whole[:length]), [])


@pytest.mark.parametrize("name", COMPRESS)
def test_a_damaged_byte_is_reported_or_harmless(name: str, tmp_path: Path) -> None:
    lines = [b"%d" % (number * number) for number in range(60)]
    whole = COMPRESS[name](b"\n".join([*lines, b""]))
    path = tmp_path / "x"
    n_reported = 0
    for position in range(MAGIC[name], len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        found, reports = read(path)
        assert len(reports) <= 1
        if reports:
            n_reported += 1
            assert f"{path}: " in reports[0]
            assert name in reports[0]
        else:
            assert found == lines
    assert n_reported > 0.9 * (len(whole) - MAGIC[name]) - 8  # gzip's header says a time and a system


def test_the_file_after_a_damaged_one_is_read(tmp_path: Path) -> None:
    for name, data in {
        "bad": gzip.compress(b"a\nb\n")[:-4],
        "good": b"c\n",
        "garbage": gzip.compress(b"d\n") + b"x",
    }.items():
        (tmp_path / name).write_bytes(data)
    lines, reports = read(*(tmp_path / name for name in ("bad", "good", "garbage")))
    assert lines == [b"a", b"b", b"c", b"d"]
    assert len(reports) == 2


def test_the_older_format_of_lzma_is_read_at_every_level(tmp_path: Path) -> None:
    path = tmp_path / "x.lzma"
    for level in range(10):
        path.write_bytes(lzma.compress(b"a\nb", lzma.FORMAT_ALONE, preset=level))
        assert read(path) == ([b"a", b"b"], [])
    path.write_bytes(path.read_bytes()[:-5])
    assert "the lzma data end in the middle" in read(path)[1][0]


@pytest.mark.parametrize(
    ("data", "name", "what", "command"),
    [
        (b"\x04\x22\x4d\x18\x64\x40\xa7", "x.lz4", "lz4 data", "lz4 -dc"),
        (b"\x1f\x9d\x90a\x14", "x.Z", "data of compress (.Z)", "gzip -dc"),
        (b"PK\x03\x04\x14\0\0\0", "a b.zip", "a zip archive", "unzip -p"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "x.7z", "a 7z archive", "7z x -so"),
        (b"\x0b\x02\x80abcde\n\x03", "x.br", "brotli data", "brotli -dc"),
    ],
)
def test_what_is_compressed_in_another_way_is_named(
    data: bytes, name: str, what: str, command: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    (tmp_path / "text.br").write_bytes("猫\n".encode())
    hints: list[str] = []
    blocks = read_blocks(
        (str(path), str(tmp_path / "text.br")),
        report=lambda message, advice: hints.extend((message, advice)),
        hint=pytest.fail,
    )
    assert [line for block in blocks for line in block.lines] == ["猫".encode()]
    assert hints == [
        f"{path}: this looks like {what}, which is not unpacked here",
        f"unpack it: {command} {shlex.quote(str(path))} | nlptool ...",
    ]


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_compressed_lines_come_as_soon_as_they_are_flushed(name: str) -> None:
    packer: Any = zlib.compressobj(wbits=31) if name == "gzip" else zstandard.ZstdCompressor().compressobj()
    flush = zlib.Z_SYNC_FLUSH if name == "gzip" else zstandard.COMPRESSOBJ_FLUSH_BLOCK
    reader, writer = os.pipe()
    try:
        blocks = read_blocks((f"/dev/fd/{reader}",), report=pytest.fail, hint=pytest.fail, max_latency=0.01)
        for line in (b"a", b"b"):
            os.write(writer, packer.compress(line + b"\n") + packer.flush(flush))
            assert next(blocks).lines == [line]
            assert next(blocks).lines == []
        os.write(writer, packer.flush())
        os.close(writer)
        assert list(blocks) == []
    finally:
        os.close(reader)


@pytest.mark.parametrize("name", COMPRESS)
def test_a_small_file_that_becomes_a_large_one_comes_in_pieces(name: str) -> None:
    compressed = COMPRESS[name](bytes(20_000_000))
    sizes = [len(piece) for piece in decompressed(iter([compressed]), "x")]
    assert sum(sizes) == 20_000_000
    assert 0 < min(sizes) <= max(sizes) <= CHUNK


@settings(max_examples=300, deadline=None)
@given(
    st.data(),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20) | st.text("猫\n\r \u2028\u010a\u0a0a\u0d0a𠮷a"),
    st.sampled_from(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]),
)
@example(None, "\u0a0a\u0d0a\u010a\nb\r\n", "utf-16-be")
def test_wide_encodings_give_the_lines_that_utf8_gives(data: st.DataObject | None, text: str, encoding: str) -> None:
    written = text.encode(encoding)
    chunks = data.draw(cut(st.just(written))) if data else [bytes([byte]) for byte in written]
    narrow = wide_to_utf8(chunks, encoding, "x")
    assert b"".join(narrow) == text.encode()


@pytest.mark.parametrize(
    "encoding", ["cp932", "euc_jp", "iso2022_jp", "gb18030", "utf-8", "utf-8-sig", "utf-16", "utf-32-be"]
)
def test_a_file_in_another_encoding(encoding: str, tmp_path: Path) -> None:
    texts = ["表示ソ十", "", " 猫\u3000", "{", "吾輩は猫である"]
    path = tmp_path / "x"
    path.write_bytes("\r\n".join(texts).encode(encoding))
    blocks = read_blocks((str(path),), report=pytest.fail, hint=pytest.fail, encoding=encoding)
    records = [record for each in Parser(InputFormat(encoding=encoding)).parse(blocks) for record in each]
    assert [record.text for record in records] == texts
    assert not any(record.error for record in records)


def test_half_a_character_of_utf16_is_an_error_of_its_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes("\ufeffa\nb\ud800c\nd\n".encode("utf-16-le", "surrogatepass"))
    blocks = read_blocks((str(path),), report=pytest.fail, hint=pytest.fail, encoding="utf-16-le")
    records = [record for each in Parser(InputFormat(encoding="utf-16-le")).parse(blocks) for record in each]
    assert [record.text for record in records] == ["a", "b\ufffdc", "d"]
    assert [record.error and record.error.type for record in records] == [None, "LoneSurrogate", None]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-32", "auto"])
def test_half_a_character_at_the_end_is_an_error_of_the_last_line_alone(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    whole = "かな\n猫が鳴く。猫".encode("utf-16-le" if encoding == "auto" else encoding)
    for n_missing in range(1, 4 if "32" in encoding else 2):
        path.write_bytes(whole[:-n_missing])
        blocks = read_blocks((str(path),), report=pytest.fail, hint=lambda note: None, encoding=encoding)
        records = [record for each in Parser(InputFormat(encoding=encoding)).parse(blocks) for record in each]
        assert [record.text for record in records] == ["かな", "猫が鳴く。\ufffd"]
        assert records[0].error is None
        assert records[1].error is not None
        assert records[1].error.message == "the last character is cut off"


def test_a_file_is_replaced_as_a_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"old")
    target.chmod(0o640)
    with Output(str(target)) as output:
        output.write(b"new\n")
        assert target.read_bytes() == b"old"
        assert (tmp_path / "x.part").read_bytes() == b"new\n"
    assert target.read_bytes() == b"new\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_failed_run_leaves_the_file_alone_and_keeps_what_is_marked(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), Output(str(target), made_by={"command": "test"}) as output:
        output.write(b"new\n")
        output.mark({"records": 1})
        output.write(b"half")
        raise KeyboardInterrupt
    assert target.read_bytes() == b"old"
    assert (tmp_path / "x.part").read_bytes() == b"new\nhalf"
    with Output(str(target), made_by={"command": "test"}, resume=True) as output:
        assert (output.done["bytes"], output.done["records"]) == (4, 1)
        output.write(b"more\n")
    assert target.read_bytes() == b"new\nmore\n"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("made_by", [None, {"command": "test"}])
def test_a_failed_run_leaves_nothing_of_which_nothing_is_marked(made_by: Any, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), Output(str(tmp_path / "x"), made_by=made_by) as output:
            output.write(b"new\n")
            raise KeyboardInterrupt
        assert list(tmp_path.iterdir()) == []


def test_links_are_followed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "x").write_bytes(b"old")
    (tmp_path / "link").symlink_to("folder/x")
    (tmp_path / "far").symlink_to("link")
    (tmp_path / "new").symlink_to("folder/y")  # leads to nothing yet
    for name in ("far", "new"):
        with Output(str(tmp_path / name)) as output:
            output.write(name.encode())
    assert (folder / "x").read_bytes() == b"far"
    assert (folder / "y").read_bytes() == b"new"
    assert all((tmp_path / name).is_symlink() for name in ("link", "far", "new"))
    assert sorted(path.name for path in folder.iterdir()) == ["x", "y"]


def test_a_fifo_is_written_directly(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(fifo.read_bytes()), daemon=True)
    reader.start()
    with Output(str(fifo)) as output:
        output.write(b"a\n")
        output.write(b"b\n")
    reader.join(60)
    assert found == [b"a\nb\n"]
    assert fifo.is_fifo()
    assert not (tmp_path / "fifo.part").exists()


def test_a_fifo_whose_reader_goes_away_is_a_broken_pipe(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(BrokenPipeError), Output(str(fifo)) as output:
        os.close(reader)
        output.write(b"a\n")


def test_devices_are_written_directly() -> None:
    with Output("/dev/null") as output:
        output.write(b"a")
    assert Path("/dev/null").is_char_device()
    with (
        pytest.raises(RunError, match="cannot write /dev/full: No space left on device"),
        Output("/dev/full") as output,
    ):
        output.write(b"a")


def test_a_descriptor_is_written_where_it_stands(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb", buffering=0) as file:
        file.write(b"before\n")
        with Output(f"/dev/fd/{file.fileno()}") as output:
            assert output.position() == 7
            output.write(b"a\n")
            output.overwrite(7, b"b")
        file.write(b"after\n")
    assert (tmp_path / "x").read_bytes() == b"before\nb\nafter\n"
    with (tmp_path / "x").open("ab") as file, Output(f"/dev/fd/{file.fileno()}") as output:
        assert output.position() is None  # appended whatever the position


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("folder", "Is a directory"), ("none/x", "No such file or directory"), ("file/x", "Not a directory"),
        ("loop", "Symlink loop|Too many levels"), ("x" * 254, "File name too long"), ("", "Is a directory"),
    ],
)  # fmt: skip
def test_where_nothing_can_be_written_a_sentence_says_so(
    name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").touch()
    Path("loop").symlink_to("loop")
    with pytest.raises(RunError, match=f"cannot write {name}: ({reason})"):
        Output(name)
