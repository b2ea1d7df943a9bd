"""An index whose files were damaged after it was built: refused with what is damaged, and mended by `index update`."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import Invoke, Result, records

from nlptool.errors import RunError
from nlptool.geometry.index_builder import Builder
from nlptool.geometry.index_folder import BLOCKS, CHECKSUMS, MANIFEST

MODEL = ("-m", "static-ja-en")
FIRST_VALUE = 128  # bytes before the values of an .npy


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of three items."""
    folder = tmp_path_factory.mktemp("whole") / "i"
    with Builder(folder, {}, resume=False) as builder:
        texts = [
            b'{"index":%d,"text":"%s"}\n' % (number, name) for number, name in enumerate((b"right", b"up", b"left"))
        ]
        builder.add(np.array([[1, 0], [0, 1], [-1, 0]], np.float32), texts)
        builder.finish({"model": "m"})
    return folder


@pytest.fixture
def notes(tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The index `i` of the files a.txt and b.txt, in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("猫が鳴く。\n犬が走る。\n", encoding="utf-8")
    Path("b.txt").write_text("雨が降る。\n", encoding="utf-8")
    assert invoke("index", "build", *MODEL, "-o", "i", "a.txt", "b.txt").exit_code == 0
    return tmp_path / "i"


def flip(path: Path, place: int, bits: int = 0xFF) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= bits
    path.write_bytes(content)


def set_vector(folder: Path, row: int, value: float) -> None:
    vectors = np.load(folder / "vectors.npy")
    vectors[row] = value
    np.save(folder / "vectors.npy", vectors)


def set_offset(folder: Path) -> None:
    offsets = np.load(folder / "offsets.npy")
    offsets[1] -= 5
    np.save(folder / "offsets.npy", offsets)


CHANGED = "is damaged: it has changed since it was written"
DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "NaN": (lambda i: set_vector(i, 1, np.nan), f"vectors.npy {CHANGED}, in items 0 to 2\n"),
    "infinity": (lambda i: set_vector(i, 0, np.inf), f"vectors.npy {CHANGED}, in items 0 to 2\n"),
    "another number": (lambda i: set_vector(i, 2, 0.5), f"vectors.npy {CHANGED}, in items 0 to 2\n"),
    "zeros": (lambda i: set_vector(i, 2, 0), f"vectors.npy {CHANGED}, in items 0 to 2\n"),
    "one bit of a vector": (lambda i: flip(i / "vectors.npy", FIRST_VALUE, 1), f"vectors.npy {CHANGED}"),
    "a letter of a text": (lambda i: flip(i / "records.jsonl", 21, 1), f"records.jsonl {CHANGED}, in items 0 to 2\n"),
    "an offset": (set_offset, f"offsets.npy {CHANGED}\n"),
    "the order of the values": (
        lambda i: (i / "vectors.npy").write_bytes((i / "vectors.npy").read_bytes().replace(b"False", b"True ")),
        "vectors.npy is an array of",
    ),
    "a checksum": (lambda i: flip(i / CHECKSUMS, 60, 1), f"checksums.json {CHANGED}\n"),
    "no checksums": (lambda i: (i / CHECKSUMS).unlink(), "is damaged: files are missing or cut off\n"),
    "a name in the manifest": (
        lambda i: (i / MANIFEST).write_text((i / MANIFEST).read_text().replace('"model": "m"', '"model": "n"')),
        f"index.json {CHANGED}\n",
    ),
    "no object of digests": (
        lambda i: (i / MANIFEST).write_text(json.dumps({**json.loads((i / MANIFEST).read_text()), "sha256": [1]})),
        "index.json is damaged: its sha256 is an array, not an object\n",
    ),
    "nested brackets": (
        lambda i: (i / MANIFEST).write_text('{"files":' + "[" * 100_000),
        "its brackets are nested too deep",
    ),
    "no manifest": (lambda i: (i / MANIFEST).unlink(), "is damaged: index.json is missing\n"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_what_is_damaged_is_named(kind: str, whole: Path, invoke: Invoke, tmp_path: Path) -> None:
    folder = tmp_path / "i"
    shutil.copytree(whole, folder)
    harm, said = DAMAGES[kind]
    harm(folder)
    done = invoke("search", "--corpus", str(folder), "-k", "3", stdin=b'{"embedding":[1,0.1]}\n')
    assert done.exit_code == 4, done.stderr
    assert done.stdout == ""
    assert said in done.stderr
    assert f"  nlptool index build -o {folder} FILE... makes it again\n" in done.stderr


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_index_with_a_changed_byte_never_answers_otherwise(
    data: st.DataObject, whole: Path, invoke: Invoke, tmp_path: Path
) -> None:
    folder = tmp_path / "i"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    ask = ("search", "--corpus", str(folder), "-k", "3")
    expected = invoke(*ask, stdin=b'{"embedding":[1,0.1]}\n').stdout
    name = data.draw(st.sampled_from([*BLOCKS, CHECKSUMS, MANIFEST]))
    flip(folder / name, data.draw(st.integers(0, (folder / name).stat().st_size - 1)), data.draw(st.integers(1, 255)))
    done = invoke(*ask, stdin=b'{"embedding":[1,0.1]}\n')
    assert "internal error" not in done.stderr
    if done.exit_code != 0:
        assert (done.exit_code, done.stdout) in ((4, ""), (1, "")), done.stderr
    else:
        assert done.stdout == expected


def test_texts_that_are_not_shown_are_not_read(invoke: Invoke, tmp_path: Path) -> None:
    """The texts of an answer alone are compared with their checksums: 64 KB of the file."""
    texts = [f'{{"index":{number},"text":"{"x" * 1000}"}}\n'.encode() for number in range(200)]
    with Builder(tmp_path / "i", {}, resume=False) as builder:
        builder.add(np.eye(200, dtype=np.float32), texts)
        builder.finish({"model": "m"})
    flip(tmp_path / "i" / "records.jsonl", 150_000, 1)
    asked = {number: json.dumps({"embedding": np.eye(200)[number].tolist()}) for number in (0, 145)}
    done = invoke("search", "--corpus", str(tmp_path / "i"), "-k", "1", stdin=asked[0])
    assert done.exit_code == 0
    done = invoke("search", "--corpus", str(tmp_path / "i"), "-k", "1", stdin=asked[145])
    assert done.exit_code == 4
    assert f"records.jsonl {CHANGED}, in items 128 to 192" in done.stderr


def texts(done: Result) -> list[str]:
    """The texts of the answers to one query."""
    return [each["text"] for each in records(done)[0]["neighbors"]]


@pytest.mark.parametrize("value", [np.nan, 0.0, 0.5])
def test_update_mends_vectors(value: float, notes: Path, invoke: Invoke) -> None:
    before = texts(invoke("search", "犬", "--corpus", "i"))
    set_vector(notes, 2, value)
    done = invoke("search", "犬", "--corpus", "i")
    assert done.exit_code == 4
    assert "  nlptool index update i embeds the files of these items again\n" in done.stderr
    done = invoke("index", "update", "i")
    assert done.exit_code == 0
    assert "i is damaged: 2 of its files are embedded again" in done.stderr
    assert texts(invoke("search", "犬", "--corpus", "i")) == before
    assert invoke("index", "update", "i").stderr == "nlptool index: i is up to date: 2 files\n"


def test_update_embeds_only_the_files_of_damaged_items(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "abc":
        Path(f"{name}.txt").write_text(
            "".join(f"{name}{number}{'x' * 60}\n" for number in range(1000)), encoding="utf-8"
        )
    assert invoke("index", "build", *MODEL, "-o", "i", "a.txt", "b.txt", "c.txt").exit_code == 0
    set_vector(Path("i"), 2500, 0.25)  # in the third block, rows 2,048 to 2,999
    flip(Path("i/records.jsonl"), 10, 1)  # in the first block, about 500 lines
    done = invoke("index", "update", "i")
    assert "2 of its files are embedded again" in done.stderr
    assert "0 new files, 2 changed, 0 removed; 3,000 vectors are in i" in done.stderr
    assert invoke("search", "b7", "--corpus", "i").exit_code == 0


def test_add_and_remove_carry_no_damage_on(notes: Path, invoke: Invoke) -> None:
    Path("c.txt").write_text("船が沈む。\n", encoding="utf-8")
    set_vector(notes, 0, np.nan)
    before = {path.name: path.read_bytes() for path in notes.iterdir()}
    for arguments in (["add", "i", "c.txt"], ["remove", "i", "b.txt"]):
        done = invoke("index", *arguments)
        assert done.exit_code == 4
        assert f"vectors.npy {CHANGED}, in items 0 to 2" in done.stderr
        assert "nlptool index update i embeds" in done.stderr
    assert {path.name: path.read_bytes() for path in notes.iterdir()} == before
    assert not Path("i.part").exists()


def test_add_update_and_remove_keep_the_checksums_right(notes: Path, invoke: Invoke) -> None:
    Path("c.txt").write_text("船が沈む。\n", encoding="utf-8")
    Path("b.txt").write_text("雪が降る。\n風が吹く。\n", encoding="utf-8")
    for arguments in (["add", "i", "c.txt"], ["update", "i"], ["remove", "i", "a.txt"]):
        assert invoke("index", *arguments).exit_code == 0
        done = invoke("search", "猫", "--corpus", "i")
        assert done.exit_code == 0, done.stderr
        for row in range(len(np.load("i/vectors.npy"))):
            shutil.copytree("i", "j")
            set_vector(Path("j"), row, 0.5)
            assert invoke("search", "猫", "--corpus", "j").exit_code == 4
            shutil.rmtree("j")


def test_what_came_from_no_file_is_to_be_built_again(invoke: Invoke, tmp_path: Path) -> None:
    folder = tmp_path / "i"
    assert invoke("index", "build", *MODEL, "-o", str(folder), stdin="猫\n犬\n".encode()).exit_code == 0
    set_vector(folder, 1, 3.0)
    for arguments in (["search", "猫", "--corpus", str(folder)], ["index", "update", str(folder)]):
        done = invoke(*arguments)
        assert done.exit_code == 4
        assert f"nlptool index build -o {folder} FILE... makes it again" in done.stderr


@pytest.mark.parametrize("name", ["file_of.npy", "files.jsonl", "offsets.npy"])
def test_update_does_not_guess(name: str, notes: Path, invoke: Invoke) -> None:
    """Without knowing which item is of which file, nothing can be embedded again."""
    flip(notes / name, (notes / name).stat().st_size - 11, 2)
    done = invoke("index", "update", "i")
    assert done.exit_code == 4
    assert f"i/{name} {CHANGED}\n" in done.stderr
    assert "nlptool index build -o i FILE... makes it again" in done.stderr


def older(folder: Path) -> None:
    """Take out of an index what older versions did not write."""
    (folder / CHECKSUMS).unlink()
    about = json.loads((folder / MANIFEST).read_text())
    for fields in (about, about["files"], about["sha256"]):
        fields.pop("digest", None)
        fields.pop(CHECKSUMS, None)
    (folder / MANIFEST).write_text(json.dumps(about))


def test_an_older_index_answers_and_gets_checksums_with_the_next_change(notes: Path, invoke: Invoke) -> None:
    expected = invoke("search", "猫", "--corpus", "i").stdout
    older(notes)
    assert invoke("search", "猫", "--corpus", "i").stdout == expected
    assert invoke("index", "info", "i").exit_code == 0
    assert invoke("index", "update", "i").stderr == "nlptool index: i is up to date: 2 files\n"
    Path("b.txt").write_text("雪が降る。\n", encoding="utf-8")
    assert invoke("index", "update", "i").exit_code == 0
    assert (notes / CHECKSUMS).exists()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 2.0])
def test_an_older_index_has_no_vectors_of_another_length(value: float, notes: Path, invoke: Invoke) -> None:
    older(notes)
    set_vector(notes, 1, value)
    done = invoke("search", "猫", "--corpus", "i")
    assert done.exit_code == 4
    assert f"vectors.npy {CHANGED}, in item 1\n" in done.stderr
    assert "1 of its files are embedded again" in invoke("index", "update", "i").stderr
    assert invoke("search", "猫", "--corpus", "i").exit_code == 0


@pytest.mark.parametrize("name", ["vectors.npy", "records.jsonl", "file_of.npy"])
def test_a_build_is_not_gone_on_with_from_damaged_files(name: str, tmp_path: Path) -> None:
    """As after a power failure, when the last blocks of a file are zeros."""
    with pytest.raises(KeyboardInterrupt), Builder(tmp_path / "i", {}, resume=False) as builder:
        builder.add(np.eye(2, dtype=np.float32), [b'{"text":"a"}\n', b'{"text":"b"}\n'])
        builder.mark({"records": 2})
        raise KeyboardInterrupt
    with Builder(tmp_path / "i", {}, resume=True) as builder:
        assert (builder.n_items, builder.done["records"]) == (2, 2)
        builder.add(np.eye(2, dtype=np.float32), [b'{"text":"c"}\n', b'{"text":"d"}\n'])
        builder.mark({"records": 4})
        builder.save()
    flip(tmp_path / "i.part" / name, -1)
    with pytest.raises(RunError, match=rf"i\.part is damaged: {name} has changed since it was written") as raised:
        Builder(tmp_path / "i", {}, resume=True)
    assert raised.value.hint == "without --resume it is built anew"


def test_the_manifest_has_the_sha256_of_the_checksums(whole: Path) -> None:
    about = json.loads((whole / MANIFEST).read_text())
    assert about["sha256"][CHECKSUMS] == hashlib.sha256((whole / CHECKSUMS).read_bytes()).hexdigest()
    assert set(json.loads((whole / CHECKSUMS).read_text())) == set(BLOCKS)
