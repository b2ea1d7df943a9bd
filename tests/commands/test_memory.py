"""Where the memory or the threads do not suffice: no internal error, but what was too large and what makes it smaller."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from program import NLPTOOL, PATIENCE, invoke

from nlptool.cli import memory
from nlptool.errors import ModelError, OutOfMemory
from nlptool.models.encoders import encoder
from nlptool.models.japanese import dictionary_file
from nlptool.models.words.formats import read as word_files

ONNX = "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for requested buffer of size 123456789"
TORCH = (
    "[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: not enough memory: you tried to allocate 4096000 bytes."
)
CUDA = "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 15.89 GiB"


def numpys() -> BaseException:
    """What NumPy raises for an array that is too large for any memory."""
    try:
        np.empty((2**23, 2**23), np.float32)
    except MemoryError as error:
        return error
    raise AssertionError


def caused(error: BaseException) -> ModelError:
    """An error of ours that a library's error caused."""
    made = ModelError("m/config.json cannot be read: Cannot allocate memory", hint="download the model again")
    made.__cause__ = error
    return made


FAILURES = {
    "numpy": (numpys(), "the memory does not suffice: an array of the shape (8388608, 8388608) takes 256 TiB"),
    "torch": (RuntimeError(TORCH), "the memory does not suffice: 4,096,000 bytes were asked for"),
    "cuda": (RuntimeError(CUDA), "the memory does not suffice: 20.00 GiB were asked for"),
    "onnxruntime": (RuntimeError(ONNX), "the memory does not suffice: 123,456,789 bytes were asked for"),
    "python": (MemoryError(), "the memory does not suffice\n"),
    "C++": (RuntimeError("std::bad_alloc"), "the memory does not suffice\n"),
    "system": (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "the memory does not suffice\n"),
    "loader": (ImportError("x.so: failed to map segment from shared object"), "the memory does not suffice\n"),
    "thread": (RuntimeError("can't start new thread"), "the system allows no further thread\n"),
    "caused": (caused(MemoryError()), "the memory does not suffice: m/config.json cannot be read"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_was_too_large_is_said_and_which_options_make_it_smaller(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    error, message = FAILURES[name]

    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(encoder.OnnxNetwork, "__call__", fail)
    done = invoke("embed", "--max-length", "64", stdin="猫\n犬\n")
    assert (done.exit_code, done.stdout) == (1, ""), done.stderr
    assert done.stderr.startswith(f"nlptool embed: {message}")
    hint = "less is needed with --batch-tokens N, or a smaller --max-length (it is 64), or a smaller --max-line (it is "
    assert f"\n  {hint}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["similarity", "--memory", "1G", "--batch-tokens", "512"], "--batch-tokens (it is 512), or a smaller --memory (it is 1"),
        (["similarity", "--batch-tokens", "1"], "less is needed with a smaller --memory (it is 2,000,000,000)"),
        (["search", "猫", "--corpus", "{}"], "less is needed with --batch-tokens N, or a smaller --memory"),
        (["map", "-o", "map.html"], "less is needed with --batch-tokens N, or a smaller --max-line"),
    ],
)  # fmt: skip
def test_options_that_do_not_help_are_not_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], hint: str
) -> None:
    def fail(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").write_text("猫\n犬\n魚\n", encoding="utf-8")
    monkeypatch.setattr(encoder.OnnxNetwork, "__call__", fail)
    done = invoke(*[each.replace("{}", "corpus") for each in arguments], stdin="猫\n犬\n魚\n")
    assert done.exit_code == 1
    assert hint in done.stderr


def test_other_errors_are_not_taken_for_the_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(encoder.OnnxNetwork, "__call__", fail)
    done = invoke("embed", stdin="猫\n")
    assert done.exit_code == 1
    assert "memory" not in done.stderr


def test_a_model_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError(ONNX)

    monkeypatch.setattr(encoder.OnnxNetwork, "__init__", fail)
    done = invoke("embed", stdin="猫\n")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "sbert-mini-ja-en does not fit into memory" in done.stderr
    assert "a smaller model needs less" in done.stderr


def test_word_vectors_that_do_not_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.vec").write_text("1 2\na 1 2\n")

    def fail(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(word_files, "_read", fail)
    with pytest.raises(OutOfMemory, match=r"a\.vec does not fit into memory"):
        word_files.read(tmp_path / "a.vec")


@pytest.mark.parametrize("megabytes", [150, 250, 300, 350, 400, 450])
def test_tokenize_with_little_memory_says_what_does_not_fit(megabytes: int) -> None:
    done = subprocess.run(
        [NLPTOOL, "tokenize", "-f", "wakati"],
        input="猫が鳴く。\n".encode(),
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes * 10**6,) * 2),
    )
    if done.returncode == 0:
        assert done.stdout.decode() == "猫 が 鳴く 。\n"
        return
    assert (done.returncode, done.stdout) == (1, b""), done.stderr
    assert b"memory" in done.stderr
    assert b"internal error" not in done.stderr
    if megabytes < 260:
        assert b"unidic_lite/dicdir/sys.dic does not fit into memory: 1" in done.stderr


def test_a_dictionary_that_mecab_cannot_map_is_not_called_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    from nlptool.models.japanese import tagger

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("ERROR DETAILS\ncannot open: matrix.bin")

    def full(path: Path) -> Any:
        if path.name == "matrix.bin":
            raise OutOfMemory(f"the dictionary {path} does not fit into memory")
        return dictionary_file.mapped(path)

    monkeypatch.setattr(tagger, "open_tagger", fail)  # an earlier test may have opened the dictionary
    with pytest.raises(ModelError, match="MeCab cannot use the dictionary"):
        tagger.Tagger()
    monkeypatch.setattr(tagger, "mapped", full)
    with pytest.raises(OutOfMemory, match=r"matrix\.bin does not fit into memory"):
        tagger.Tagger()


@pytest.mark.parametrize("number", [errno.ENOMEM, errno.EAGAIN, errno.EMFILE])
@pytest.mark.parametrize("command", [["tokenize"], ["embed"]])
def test_workers_that_cannot_be_started_are_named(
    monkeypatch: pytest.MonkeyPatch, command: list[str], number: int
) -> None:
    started: list[Any] = []
    start = SpawnProcess.start

    def counted(self: Any) -> None:
        if started:
            raise OSError(number, os.strerror(number))
        started.append(self)
        start(self)

    monkeypatch.setattr(SpawnProcess, "start", counted)
    done = invoke(*command, "-j", "3", stdin="猫\n")
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"worker 2 of 3 cannot be started: {os.strerror(number)}" in done.stderr
    assert "fewer workers (-j N)" in done.stderr


def test_threads_that_cannot_be_started_are_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "猫が鳴く。犬が走る。\n" * 5000
    expected = invoke("tokenize", "-f", "wakati", "-j", "1", stdin=text).stdout

    def fail(*_: Any) -> Any:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", fail)
    done = invoke("tokenize", "-f", "wakati", stdin=text)
    assert (done.exit_code, done.stdout) == (0, expected)


def test_a_matrix_is_handed_on_in_parts_of_a_few_megabytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from nlptool.tasks import similarity

    np.save(tmp_path / "a.npy", np.random.default_rng(0).standard_normal((30, 4), np.float32))
    whole = invoke("similarity", str(tmp_path / "a.npy")).stdout
    sizes: list[int] = []
    monkeypatch.setattr(similarity, "_TOGETHER", 1000)
    matrix = similarity.matrix

    def watched(*arguments: Any, **more: Any) -> Any:
        for records in matrix(*arguments, **more):
            sizes.append(len(records))
            yield records

    monkeypatch.setattr("nlptool.tasks.comparison.matrix", watched)
    assert invoke("similarity", str(tmp_path / "a.npy")).stdout == whole
    assert sum(sizes) == 30
    assert 1 <= max(sizes) < 6


def test_the_message_of_an_unknown_library_is_short() -> None:
    assert memory.message_of(None) == memory.message_of(MemoryError("x")) == "the memory does not suffice"
