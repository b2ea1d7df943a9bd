"""``embed``: the iterator with a fake small enough to check by hand, and the command with the built-in model."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from program import Start, invoke, records

from nlptool.cli.main import root
from nlptool.models.encoders.encoder import Embeddings
from nlptool.records.formats.vectors import Precision
from nlptool.records.record import Record
from nlptool.records.workers import Workers
from nlptool.tasks.embed import embed

SENTENCES = Path(__file__).parent.parent / "data" / "sentences.txt"
MINILM = "all-MiniLM-L6-v2"


class Fake:
    """A vector is the number of characters and the number of blanks; a text of more than nine characters is cut."""

    def encode(self, texts: Sequence[str]) -> Embeddings:
        rows = [[len(text[:9]), text.count(" ")] for text in texts]
        vectors = np.array(rows, np.float32)
        vectors[[text == "nan" for text in texts]] = np.nan
        return Embeddings(
            vectors, [len(text[:9]) for text in texts], [len(text) > 9 for text in texts], [1] * len(texts)
        )


def embedded(*lists: list[Record], on_long: str = "truncate") -> list[Record]:
    workers: Workers[Embeddings] = Workers(1, lambda: lambda texts: [Fake().encode(texts)])
    done = embed(iter(lists), workers, Precision("float32", 2, "json"), entry={"model": "fake"}, on_long=on_long)
    return [record for each in done for record in each]


def run(*arguments: str, stdin: str | bytes = "") -> Result:
    return invoke("embed", *arguments, stdin=stdin)


def test_each_text_gets_its_vector_and_the_entry_says_what_happened() -> None:
    texts = ["a b", "", "a long text", "\u3000", "nan"]
    done = embedded([Record(text, "x", 1) for text in texts[:2]], [], [Record(text, "x", 1) for text in texts[2:]])
    assert [record.text for record in done] == texts
    assert [record.results.get("embedding") for record in done] == [b"[3.0,1.0]", b"null", b"[9.0,2.0]", b"null", None]
    assert done[0].entry == {"model": "fake", "n_tokens": 3, "truncated": False}
    assert done[1].entry == {"model": "fake", "reason": "empty text"}
    assert done[2].entry["truncated"] is True
    assert done[4].error is not None
    assert done[4].error.type == "NotFinite"


def test_a_long_text_can_be_an_error() -> None:
    done = embedded([Record("a long text", "x", 1), Record("short", "x", 2)], on_long="error")
    assert [record.error and record.error.type for record in done] == ["TooLong", None]


def test_floats_are_the_shortest_that_read_back() -> None:
    vector = np.random.default_rng(1).standard_normal(1000).astype(np.float32)
    ((value, _),) = Precision("float32", 1000, "json").write(vector[None])
    written = json.loads(value)
    assert np.array_equal(np.array(written, np.float32), vector)
    assert max(len(str(value)) for value in written) < 17  # a float64's digits would be longer


def test_sentences_that_mean_the_same_are_nearest() -> None:
    found = records(run(str(SENTENCES)))[:16]
    vectors = np.array([record["embedding"] for record in found], np.float32)
    assert vectors.shape == (16, 256)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    similarity = vectors @ vectors.T - np.eye(16)
    assert [int(row.argmax()) for row in similarity] == [i + 1 if i % 2 == 0 else i - 1 for i in range(16)]
    assert found[0]["nlptool"] == {"embed": {"model": "sbert-mini-ja-en", "n_tokens": 7, "truncated": False}}


def test_the_first_floats_of_a_vector_do_not_change() -> None:
    """Those that sentence-transformers gives: a change of engine or tokenizer is noticed here."""
    (record,) = records(run("-m", "all-MiniLM-L6-v2", stdin="A plane is taking off.\n"))
    expected = [0.06539202, 0.02813001, -0.05756514, 0.06391828, 0.02305639]
    assert np.allclose(record["embedding"][:5], expected, atol=1e-5)  # type: ignore[index]


def test_formats_hold_the_same_numbers() -> None:
    text = "A plane is taking off.\n\nThe cat sleeps.\n"
    plain = records(run("--deterministic", stdin=text))
    coded = records(run("--deterministic", "-f", "base64", stdin=text))
    done = run("--deterministic", "-f", "npy", stdin=text)
    matrix = np.load(io.BytesIO(done.stdout_bytes))
    assert matrix.dtype == np.float32
    assert matrix.shape == (3, 256)
    assert np.isnan(matrix[1]).all()
    assert "failed: 1" in done.stderr
    assert plain[1]["embedding"] is None
    assert coded[1]["embedding"] is None
    for row in (0, 2):
        assert np.array_equal(np.array(plain[row]["embedding"], np.float32), matrix[row])
        decoded = np.frombuffer(base64.b64decode(coded[row]["embedding"]), "<f4")  # type: ignore[arg-type]
        assert np.array_equal(decoded, matrix[row])


def test_npy_into_a_file_and_with_nothing_in_it(tmp_path: Path) -> None:
    target = tmp_path / "vectors.npy"
    assert run("-f", "npy", "-o", str(target), str(SENTENCES)).exit_code == 0
    assert np.load(target).shape == (20, 256)
    assert run("-f", "npy", "-o", str(target), stdin="").exit_code == 0
    assert np.load(target).shape == (0, 256)
    assert run("-f", "npz", "-o", str(target), "--resume", stdin="").exit_code == 2


def test_neighbours_in_a_batch_change_little_and_deterministic_nothing() -> None:
    lines = SENTENCES.read_text(encoding="utf-8").split("\n")[:-1]
    whole = [record["embedding"] for record in records(run(stdin="\n".join(lines)))]
    alone = [records(run(stdin=line))[0]["embedding"] for line in lines[:4]]
    assert np.abs(np.array(whole[:4]) - np.array(alone)).max() < 1e-5
    exact = run("--deterministic", "--batch-tokens", "64", stdin="\n".join(lines)).stdout
    assert exact == run("--deterministic", stdin="\n".join(lines)).stdout
    assert exact.split("\n")[0] == run("--deterministic", stdin=lines[0]).stdout.split("\n")[0]


def test_a_cut_text_is_said_in_the_record_and_counted() -> None:
    done = run("-m", MINILM, "--max-length", "8", stdin="one two three four five six seven eight nine\nshort\n")
    long, short = records(done)
    assert long["nlptool"] == {"embed": {"model": MINILM, "n_tokens": 8, "truncated": True}}
    assert short["nlptool"]["embed"]["truncated"] is False  # type: ignore[index]
    assert "texts longer than the model takes, of which it read a part: 1" in done.stderr
    failed = run(
        "-m", MINILM, "--max-length", "8", "--on-long", "error", stdin="one two three four five six seven eight nine\n"
    )
    assert failed.exit_code == 3
    assert json.loads(failed.stdout)["nlptool"]["error"]["type"] == "TooLong"


def test_without_normalising_the_length_is_free() -> None:
    (record,) = records(run("--no-normalize", stdin="A plane is taking off.\n"))
    raw = np.array(record["embedding"])
    (unit,) = records(run(stdin="A plane is taking off.\n"))
    assert not np.isclose(np.linalg.norm(raw), 1, atol=0.1)
    assert np.allclose(raw / np.linalg.norm(raw), unit["embedding"], atol=1e-6)


def test_tokenize_and_embed_compose() -> None:
    tokenized = CliRunner().invoke(root, ["tokenize"], input="吾輩は猫である。\n").stdout
    (record,) = records(run(stdin=tokenized))
    assert list(record) == ["text", "tokens", "embedding", "nlptool"]
    assert set(record["nlptool"]) == {"tokenize", "embed"}  # type: ignore[call-overload]


@pytest.mark.parametrize("name", ["all-MiniLM-L6", "no-such-model", "./nowhere"])
def test_a_model_that_is_not_there_ends_with_4(name: str) -> None:
    done = run("-m", name, stdin="x\n")
    assert done.exit_code == 4
    assert name in done.stderr
    assert ("did you mean all-MiniLM-L6-v2?" in done.stderr) == (name == "all-MiniLM-L6")


def test_a_hub_model_that_is_not_cached_ends_with_4_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    done = run("-m", "nobody/nothing", "--offline", stdin="x\n")
    assert done.exit_code == 4
    assert "nlptool models pull nobody/nothing" in done.stderr


def test_onnxruntime_tells_nobody_and_leaves_nothing_at_home(tmp_path: Path) -> None:
    """Since 1.29 it keeps a device's id in the user's cache, and reports, unless ORT_DISABLE_TELEMETRY is set."""
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}  # no CI, which silences it too
    command = [sys.executable, "-m", "nlptool", "embed"]
    done = subprocess.run(command, input=b"x\n", capture_output=True, env=home, timeout=120, check=True)
    assert done.stderr == b""
    assert list(tmp_path.rglob("*")) == []


def test_several_processes_give_the_same_records_in_order() -> None:
    lines = "".join(f"{line}\n\n" for line in SENTENCES.read_text(encoding="utf-8").split("\n")[:-1] * 30)
    alone = run("--deterministic", "--dim", "8", stdin=lines)
    shared = subprocess.run([sys.executable, "-m", "nlptool", "embed", "--deterministic", "--dim", "8", "-j", "2"],
                            input=lines.encode(), capture_output=True, timeout=120, check=True)  # fmt: skip
    assert shared.stdout.decode() == alone.stdout
    assert shared.stderr == b""


def test_with_several_processes_a_line_is_answered_while_the_input_stays_open(start: Start) -> None:
    child = start("embed", "-j", "2", "--dim", "2", "--threads", "1")
    assert child.stdin is not None
    assert child.stdout is not None
    for text in (b"one\n", b"two\n"):
        child.stdin.write(text)
        assert json.loads(child.stdout.readline())["text"] == text.decode().strip()


def test_a_long_text_in_chunks_says_so() -> None:
    done = run(
        "-m",
        MINILM,
        "--max-length",
        "8",
        "--on-long",
        "chunk",
        stdin="one two three four five six seven eight nine\nshort\n",
    )
    long, short = records(done)
    assert long["nlptool"]["embed"] == {"model": MINILM, "n_tokens": 13, "truncated": False, "n_chunks": 2}  # type: ignore[index]
    assert "n_chunks" not in short["nlptool"]["embed"]  # type: ignore[index]
    assert "chunks in which longer texts were taken: 2" in done.stderr


def test_a_prompt_is_named_in_the_record() -> None:
    (record,) = records(run("-m", MINILM, "--prompt", "query: ", stdin="x\n"))
    assert record["nlptool"] == {"embed": {"model": MINILM, "prompt": "query: ", "n_tokens": 5, "truncated": False}}
    (plain,) = records(run("-m", MINILM, stdin="query: x\n"))
    assert np.allclose(record["embedding"], plain["embedding"], atol=1e-6)  # type: ignore[arg-type]


def test_the_cost_of_8_bits_is_measured_on_the_input_and_said() -> None:
    done = run("--quantize", "int8", stdin="A plane is taking off.\n\nThe cat sleeps.\n")
    assert done.exit_code == 0
    first, _, _ = (json.loads(line) for line in done.stdout.split("\n")[:-1])
    assert first["nlptool"]["embed"]["quantize"] == "int8"
    said = done.stderr.split("\n")[-2]
    assert said.startswith("nlptool embed: int8 against float32, the first 2 texts: cosine 0.9")
    average = float(said.split("cosine ")[1].split(" ")[0])
    (exact,) = records(run(stdin="A plane is taking off.\n"))
    assert abs(np.dot(first["embedding"], exact["embedding"]) - average) < 0.03  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--as", "query", "--prompt", "x"), 2, "two ways"),
        (("--dim", "257"), 1, "has 256 dimensions, fewer than 257"),
        (("--dim", "0"), 2, "0 is not in the range"),
        (("--prompt", "word " * 300), 1, "the prompt has"),
        (("--device", "cuda"), 1, "torch finds no cuda device here"),
        (("--device", "cuda", "--engine", "onnx"), 1, "needs --engine torch or auto"),
        (("--quantize", "int8", "--engine", "torch"), 1, "works in onnxruntime"),
        (("--precision", "int4"), 2, "is not one of"),
        (("--on-long", "chunks"), 2, "is not one of"),
        (("-f", "parquet", "--resume", "-o", "x"), 2, "--resume does not go"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: tuple[str, ...], code: int, message: str) -> None:
    done = run(*arguments, stdin="x\n")
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr


@pytest.mark.parametrize("end", ["kill", "close"])
def test_workers_end_with_their_parent_in_the_middle_of_a_window(tmp_path: Path, start: Start, end: str) -> None:
    text = tmp_path / "long.txt"
    text.write_text("".join(f"{'A plane is taking off from the runway. ' * 8}{i}\n" for i in range(20_000)))
    child = start("embed", "-j", "2", "--threads", "1", "--dim", "2", str(text))
    assert child.stdout is not None
    assert child.stderr is not None
    assert child.stdout.readline()
    if end == "kill":
        child.kill()
    else:
        child.stdout.close()
    child.wait()
    since = time.monotonic()
    assert child.stderr.read() == b""  # its end comes when the last process that holds it is gone
    assert time.monotonic() - since < 20  # a window takes minutes


def test_what_is_typed_wins_over_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLPTOOL_EMBED_AS", "query")
    (record,) = records(run("--prompt", "", stdin="x\n"))
    assert "prompt" not in record["nlptool"]["embed"]  # type: ignore[operator,index]
    monkeypatch.delenv("NLPTOOL_EMBED_AS")
    monkeypatch.setenv("NLPTOOL_EMBED_PROMPT", "x: ")
    (record,) = records(run("--as", "query", stdin="x\n"))
    assert "prompt" not in record["nlptool"]["embed"]  # type: ignore[operator,index]
    (record,) = records(run(stdin="x\n"))
    assert record["nlptool"]["embed"]["prompt"] == "x: "  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "message"),
    [("unidic-lite", "is a model for tokenize"), (".", "holds no model"), ("", "no model"), ("~/nowhere", "no model")],
)
def test_what_is_no_encoder_is_said(name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("-m", name, stdin="x\n")
    assert (done.exit_code, done.stdout) == (4, "")
    assert message in done.stderr


def test_the_first_8_bits_are_made_without_a_word_of_the_libraries(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nlptool", "embed", "--quantize", "int8"], input=b"x\n", capture_output=True,
        env=os.environ | {"NLPTOOL_CACHE": str(tmp_path)}, timeout=120, check=True,
    )  # fmt: skip
    assert [line.partition(":")[0] for line in done.stderr.decode().split("\n")[:-1]] == ["nlptool embed"] * 2
