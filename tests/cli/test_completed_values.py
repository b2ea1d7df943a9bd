"""What a TAB offers of this machine: models, fields, words."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from nlptool.cli.completed_values import main


@pytest.fixture
def complete(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    def ask(kind: str, command: str, current: str, *before: str) -> list[str]:
        main([kind, command, current, *before])
        return capsys.readouterr().out.split("\n")[:-1]

    return ask


def test_models_are_those_that_the_command_takes(
    complete: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "models--org--name--of-it").mkdir()
    (tmp_path / "datasets--org--other").mkdir()
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert complete("model", "neighbors", "") == ["glove-6b-50d", "modern-ja-200d", "aozora-100d", "org/name--of-it"]
    assert complete("model", "embed", "static") == ["static-ja-en"]
    assert complete("model", "generate", "aozora-g") == ["aozora-gpt"]
    assert complete("model", "train classifier", "ner") == ["ner-mini-ja"]
    assert complete("model", "embed", "--model=static") == ["static-ja-en"]
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "nowhere"))
    assert complete("model", "embed", "static") == ["static-ja-en"]


RECORD = '{"number":1,"body":"猫","meta":{"a/b":1,"deep":{"x":2}},"nlptool":{"embed":{}}}\n'
FIELDS = ["number", "body", "meta", "/meta/a~1b", "/meta/deep", "/meta/deep/x"]


@pytest.mark.parametrize(
    "compress", [lambda data: data, gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress]
)
def test_fields_of_the_first_record(
    complete: Callable[..., list[str]], tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "notes"
    path.write_bytes(compress(b"\xef\xbb\xbf\n" + RECORD.encode() * 2))
    assert complete("field", "embed", "", "embed", "-q", str(path), "--field") == FIELDS
    assert complete("field", "embed", "b", "embed", str(path), "--field") == ["body"]


@pytest.mark.parametrize(
    ("name", "head", "before", "expected"),
    [
        ("a.csv", '猫,"a, b",c\n', [], ["猫", "a, b", "c"]),
        ("a.tsv", "x\ty,z\n", [], ["x", "y,z"]),
        ("a.dat", "x,y\n", ["-I", "csv"], ["x", "y"]),
        ("a.txt", "x,y\n", [], []),
        ("a.jsonl", "{broken\n", [], []),
        ("a.jsonl", "", [], []),
    ],
)
def test_columns(
    complete: Callable[..., list[str]], tmp_path: Path, name: str, head: str, before: list[str], expected: list[str]
) -> None:
    path = tmp_path / name
    path.write_text(head, encoding="utf-8")
    assert complete("field", "embed", "", *before, str(path)) == expected
    assert complete("field", "embed", "", *before, str(tmp_path / "nowhere")) == []


def test_words_of_a_vocabulary(complete: Callable[..., list[str]], tmp_path: Path) -> None:
    assert complete("word", "neighbors", "猫じゃ") == ["猫じゃらし"]
    assert complete("word", "neighbors", "") == []
    (tmp_path / "words.txt").write_text("cat\ncats\ndog\ncatalogue\n", encoding="utf-8")
    assert complete("word", "analogy", "cat", "analogy", "-m", str(tmp_path), "dog") == ["cat", "cats", "catalogue"]
    assert complete("word", "analogy", "cat", f"--model={tmp_path}") == ["cat", "cats", "catalogue"]
    assert complete("word", "analogy", "cat", "-m", "no-such-model") == []


def test_words_of_a_file_that_was_converted(
    complete: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLPTOOL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "v.vec").write_text("2 2\nking 1 0\nkind 0 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert complete("word", "neighbors", "ki", "-m", "v.vec") == []
    subprocess.run(
        [sys.executable, "-m", "nlptool", "neighbors", "-m", "./v.vec", "king"], check=True, capture_output=True
    )
    assert complete("word", "neighbors", "ki", "-m", "v.vec") == ["king", "kind"]


def test_nothing_heavy_is_imported_for_it() -> None:
    code = "import sys; from nlptool.cli import start; sys.argv[1:] = ['--complete', 'word', 'neighbors', '猫じゃ']; start.main()"
    code += "; print(sorted({'click', 'numpy', 'rich', 'orjson'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, check=True, capture_output=True, text=True)
    assert done.stdout == "猫じゃらし\n[]\n"


@pytest.mark.parametrize("arguments", [[], ["field"], ["field", "embed"], ["nothing", "embed", ""]])
def test_what_no_script_asks_has_no_answer(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(arguments)
    assert capsys.readouterr() == ("", "")
