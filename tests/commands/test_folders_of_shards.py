"""A folder of ``nlptool shards run`` as FILE: its outputs are read in the order of their names, the manifest is no record, and
what is missing is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fsspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from program import Invoke, invoke, records
from shard_engine import Here

from nlptool.cli.shards import local
from nlptool.storage import shard_folder
from nlptool.tasks.shards.plan import Shard

NOVEL = Path(__file__).parent.parent / "data" / "yume_juya.txt"
TEXTS = ("猫が鳴く。\n犬が走る。\n", "空が青い。\n", "猫が鳴く。\n月が出た。\n")


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(local, "LocalEngine", Here)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "texts"
    folder.mkdir()
    for number, text in enumerate(TEXTS):
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    return folder


def shards(texts: Path | str, output: str, *command: str, options: tuple[str, ...] = (), code: int = 0) -> str:
    done = invoke("shards", "run", str(texts), "--output", output, *options, "--", *command)
    assert done.exit_code == code, done.stderr
    return done.stderr


def read(folder: Path) -> bytes:
    """The outputs, one behind the other."""
    parts = []
    for path in sorted(folder.glob("shard-*")):
        data = path.read_bytes()
        parts.append(zstandard.ZstdDecompressor().stream_reader(data).read() if path.suffix == ".zst" else data)
    return b"".join(parts)


@pytest.mark.parametrize("compress", [(), ("--compress", "zst")], ids=["plain", "zst"])
@pytest.mark.parametrize(
    "command",
    [("embed", "-m", "static-ja-en", "--drop-input"), ("tokenize", "--drop-input"), ("dedup", "--method", "exact")],
    ids=["embed", "tokenize", "dedup"],
)
def test_the_manifest_is_no_record(
    command: tuple[str, ...], compress: tuple[str, ...], texts: Path, invoke: Invoke, tmp_path: Path
) -> None:
    shards(texts, "out", "mask", "--seed", "1", options=compress)
    (tmp_path / "all.jsonl").write_bytes(read(tmp_path / "out"))
    (tmp_path / "out" / ".shard-00009.jsonl").write_text('{"text":"hidden"}\n')
    found, expected = (records(invoke(*command, name)) for name in ("out", "all.jsonl"))
    for record in found:
        record.get("nlptool", {}).pop("source", None)  # several files
    for record in expected:
        record.get("nlptool", {}).pop("source", None)
    assert found == expected
    assert len(found) == (4 if command[0] == "dedup" else 5)


def test_a_folder_among_others_and_its_manifest_by_name(texts: Path, invoke: Invoke, tmp_path: Path) -> None:
    shards(texts, "corpus/words", "tokenize", "-f", "wakati")
    (tmp_path / "corpus" / "a.txt").write_text("先\n", encoding="utf-8")
    (tmp_path / "corpus" / "manifest.jsonl").write_text('{"text":"これは文"}\n', encoding="utf-8")  # of somebody else
    found = records(invoke("mask", "corpus", "--seed", "1"))
    assert [record["text"] for record in found] == [
        "先", "これは文", "猫 が 鳴く 。", "犬 が 走る 。", "空 が 青い 。", "猫 が 鳴く 。", "月 が 出 た 。",
    ]  # fmt: skip
    assert (
        len(records(invoke("sample", "-n", "9", "-I", "jsonl", "--field", "output", "corpus/words/manifest.jsonl")))
        == 3
    )


def _remove(folder: Path) -> None:
    (folder / "shard-00001.txt").unlink()


def _cut(folder: Path) -> None:
    (folder / "shard-00001.txt").write_bytes((folder / "shard-00001.txt").read_bytes()[:-4])


def _half_a_manifest(folder: Path) -> None:
    data = (folder / "manifest.jsonl").read_bytes()
    (folder / "manifest.jsonl").write_bytes(data[: len(data) - 20])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_remove, "words is not complete: shard-00001.txt is not there"),
        (_cut, "words is not complete: shard-00001.txt has 15 bytes, and 19 when it was written"),
        (_half_a_manifest, "words/manifest.jsonl is damaged"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [("train", "word2vec", "-o", "m"), ("tokenize",), ("shards", "run", "--output", "o2")],
    ids=["train", "tokenize", "shards"],
)
def test_what_is_missing_is_refused(
    damage: Any, said: str, command: tuple[str, ...], texts: Path, invoke: Invoke, tmp_path: Path
) -> None:
    shards(texts, "words", "tokenize", "-f", "wakati")
    damage(tmp_path / "words")
    rest = ("--", "tokenize") if command[0] == "shards" else ()
    done = invoke(*command, "words", *rest)
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    assert "nlptool shards run" in done.stderr
    assert not (tmp_path / "m").exists()


def test_shards_that_are_not_done_are_known(texts: Path, invoke: Invoke, tmp_path: Path) -> None:
    (texts / "1.txt").write_bytes(b"\x1f\x8b\x08no gzip")
    shards(texts, "words", "tokenize", "-f", "wakati", options=("--retries", "0"), code=3)
    done = invoke("train", "word2vec", "words", "-o", "m")
    assert done.exit_code == 1
    assert "words is not complete: 1 of 3 shards are not done, the first: shard-00001.txt" in done.stderr
    found = records(invoke("mask", "words/shard-00000.txt", "words/shard-00002.txt", "--seed", "1"))
    assert len(found) == 4  # files that are named are read
    assert len(records(invoke("mask", "words", "--glob", "!*1.txt", "--seed", "1"))) == 4
    (texts / "1.txt").write_text("月\n", encoding="utf-8")
    shards(texts, "words", "tokenize", "-f", "wakati")
    assert len(records(invoke("mask", "words", "--seed", "1"))) == 5


def test_while_it_runs_the_manifest_says_what_is_still_to_be_done(
    texts: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def looked_at(self: Here, shard: Shard, output: str) -> None:
        said.append(invoke("tokenize", "words").stderr)
        submit(self, shard, output)

    submit = Here.submit
    with monkeypatch.context() as patch:
        patch.setattr(Here, "submit", looked_at)
        shards(texts, "words", "tokenize", "-f", "wakati")
    assert "3 of 3 shards are not done, the first: shard-00000.txt" in said[0]
    assert all("are not done" in each for each in said)


@pytest.mark.parametrize("compress", [(), ("--compress", "zst")], ids=["plain", "zst"])
@pytest.mark.parametrize("form", [(), ("-f", "wakati")], ids=["tokens", "wakati"])
@pytest.mark.parametrize("method", ["skipgram", "cbow", "svd"])
def test_word_vectors_of_a_folder_are_those_of_one_file(
    method: str, form: tuple[str, ...], compress: tuple[str, ...], texts: Path, invoke: Invoke, tmp_path: Path
) -> None:
    shards(NOVEL, "words", "tokenize", *form, options=("--shard-size", "2K", *compress))
    assert len(list((tmp_path / "words").glob("shard-*"))) > 5
    name = "all.txt" if form else "all.jsonl"
    (tmp_path / name).write_bytes(read(tmp_path / "words"))
    train = ("train", "word2vec", "--method", method, "--dimension", "8", "--deterministic", "--min-count", "2")
    tokenizer = ("--tokenizer", "whitespace") if form else ()
    for source, output in (("words", "a"), (name, "b")):
        done = invoke(*train, *tokenizer, source, "-o", output)
        assert done.exit_code == 0, done.stderr
    first, second = ({path.name: path.read_bytes() for path in sorted((tmp_path / name).iterdir())} for name in "ab")
    assert first == second
    assert json.loads(first["vectors.json"])["n_tokens"] > 300


def test_a_folder_of_an_object_store_is_read_so_too(texts: Path, invoke: Invoke) -> None:
    shards(texts, "memory://folder-of-shards/words", "tokenize", "-f", "wakati")
    shards("memory://folder-of-shards", "again", "mask", "--seed", "1")
    assert [record["text"] for record in records(invoke("mask", "again", "--seed", "1"))] == [
        "猫 が 鳴く 。", "犬 が 走る 。", "空 が 青い 。", "猫 が 鳴く 。", "月 が 出 た 。",
    ]  # fmt: skip
    fsspec.filesystem("memory").rm("/folder-of-shards/words/shard-00002.txt")
    done = invoke("shards", "run", "memory://folder-of-shards", "--output", "o", "--", "mask")
    assert (done.exit_code, "shard-00002.txt is not there" in done.stderr) == (1, True)


def test_a_name_that_is_not_utf_8(texts: Path, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "texts" / "\udce9.txt").write_text("山\n", encoding="utf-8")
    shards(texts, "words", "tokenize", "-f", "wakati")
    Here.done.clear()
    shards(texts, "words", "tokenize", "-f", "wakati")
    assert Here.done == []
    assert len(records(invoke("mask", "words", "--seed", "1"))) == 6


LINES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [
            b'{"output":"shard-1.txt","command":"mask","input":{},"bytes":3}',
            b'{"output":"shard-1.txt","command":"mask","input":{},"done":false}',
            b'{"output":"../x","command":"mask","input":{}}', b'{"output":7,"command":1,"input":2}', b"[[[", b"null",
        ]
    ),
)  # fmt: skip


@settings(max_examples=60)
@given(lines=st.lists(LINES, max_size=5))
def test_any_manifest_is_read_refused_or_of_somebody_else(
    lines: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "manifest.jsonl").write_bytes(b"\n".join(lines))
    (folder / "shard-1.txt").write_bytes(b"abc")
    done = invoke("mask", str(folder), "--seed", "1")
    assert done.exit_code in (0, 1, 3)
    ours = [line for line in b"\n".join(lines).splitlines() if line.startswith(b'{"output":"shard-1')]
    if done.exit_code == 1:
        assert "is damaged" in done.stderr or "is not complete" in done.stderr or "manifest.jsonl" in done.stderr
    elif ours:
        assert [record["text"] for record in records(done)] == ["abc"]
    assert not ours or b'"done":false' not in b"".join(ours) or done.exit_code == 1
    assert shard_folder.entries_in(b"", str(folder)) is None
