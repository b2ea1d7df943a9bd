"""The precisions and formats of vectors, against numpy's own arithmetic and the libraries that read the files."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from program import Run, invoke

from nlptool.records.formats.vectors import Precision

SENTENCES = Path(__file__).parent.parent / "data" / "sentences.txt"
INPUT = (
    b'{"id": "a", "text": "A plane is taking off."}\n{"id": 7, "text": ""}\n{"text": "The cat sleeps."}\n{"id": "x"}\n'
)
PRECISIONS = ("float32", "float16", "int8", "binary")
finite = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 20)),
    elements=st.floats(-60_000, 60_000, width=32, allow_subnormal=False),
)


def run(*arguments: str, stdin: str | bytes = INPUT) -> Result:
    return invoke("embed", *arguments, stdin=stdin)


@given(finite)
def test_float16_is_the_nearest_and_the_shortest(vectors: np.ndarray) -> None:  # type: ignore[type-arg]
    for (value, _), vector in zip(Precision("float16", vectors.shape[1], "json").write(vectors), vectors, strict=True):
        read = np.array(json.loads(value), np.float16)
        assert np.array_equal(read, vector.astype(np.float16))
        assert max(len(text) for text in value.decode().strip("[]").split(",")) <= 12


@given(finite)
def test_int8_times_its_scale_is_the_vector(vectors: np.ndarray) -> None:  # type: ignore[type-arg]
    for (value, said), vector in zip(Precision("int8", vectors.shape[1], "json").write(vectors), vectors, strict=True):
        levels = np.array(json.loads(value))
        assert levels.dtype.kind == "i"
        assert np.abs(levels).max() <= 127
        assert np.allclose(levels * said["scale"], vector, atol=said["scale"] * 0.501 + 1e-30)


@given(finite)
def test_binary_is_the_signs(vectors: np.ndarray) -> None:  # type: ignore[type-arg]
    dimension = vectors.shape[1]
    written = Precision("binary", dimension, "json")
    assert written.n_columns == (dimension + 7) // 8
    for (value, _), vector in zip(written.write(vectors), vectors, strict=True):
        bits = np.unpackbits(np.array(json.loads(value), np.uint8))[:dimension]
        assert np.array_equal(bits.astype(bool), vector > 0)


def test_what_is_too_large_for_float16_is_not_written_as_infinity() -> None:
    vectors = np.array([[1, 2], [70_000, 0], [np.nan, 0], [np.inf, 1]], np.float32)
    assert Precision("float16", 2, "json").finite(vectors).tolist() == [True, False, False, False]
    assert Precision("float32", 2, "json").finite(vectors).tolist() == [True, True, False, False]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_all_formats_hold_the_same_numbers(tmp_path: Path, precision: str) -> None:
    options = ("--precision", precision, "--dim", "20", "--id-field", "id")
    lines = [json.loads(line) for line in run(*options).stdout.split("\n")[:-1]]
    assert [line.get("id") for line in lines] == ["a", 7, None, "x"]
    assert "error" in lines[3]["nlptool"]
    assert lines[1]["embedding"] is None
    entry = lines[0]["nlptool"]["embed"]
    assert entry["dim"] == 20
    assert entry.get("precision", "float32") == precision
    dtype = {"float32": "<f4", "float16": "<f2", "int8": "i1", "binary": "u1"}[precision]
    expected = [np.array(lines[row]["embedding"], dtype) for row in (0, 2)]
    assert expected[0].shape == ((3,) if precision == "binary" else (20,))

    coded = [json.loads(line) for line in run(*options, "-f", "base64").stdout.split("\n")[:-1]]
    matrix = np.load(io.BytesIO(run(*options, "-f", "npy").stdout_bytes))
    archive = np.load(io.BytesIO(run(*options, "-f", "npz").stdout_bytes))
    table = pq.read_table(io.BytesIO(run(*options, "-f", "parquet").stdout_bytes))
    assert matrix.dtype == archive["embeddings"].dtype == np.dtype(dtype)
    assert archive["ids"].tolist() == ["a", "7", "", "x"]
    assert table["id"].to_pylist() == ["a", "7", None, "x"]
    assert table["text"].to_pylist() == ["A plane is taking off.", "", "The cat sleeps.", None]
    assert [error and error.split(":")[0] for error in table["error"].to_pylist()] == [None, None, None, "MissingField"]
    for row, vector in zip((0, 2), expected, strict=True):
        assert np.array_equal(np.frombuffer(base64.b64decode(coded[row]["embedding"]), dtype), vector)
        assert np.array_equal(matrix[row], vector)
        assert np.array_equal(archive["embeddings"][row], vector)
        assert np.array_equal(np.array(table["embedding"][row].as_py(), dtype), vector)
    for row in (1, 3):
        assert table["embedding"][row].as_py() is None
        nothing = matrix[row]
        assert np.isnan(nothing).all() if precision.startswith("float") else not nothing.any()
    if precision == "int8":
        assert archive["scales"][0] == table["scale"][0].as_py() == np.float32(entry["scale"])


def _matrix(format: str, source: object) -> np.ndarray:  # type: ignore[type-arg]
    if format == "parquet":
        return np.array(pq.read_table(source)["embedding"].to_pylist())
    loaded = np.load(source)  # type: ignore[arg-type]
    return loaded if format == "npy" else loaded["embeddings"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("format", ["npy", "npz", "parquet"])
def test_a_file_a_pipe_and_several_groups_give_the_same(tmp_path: Path, run: Run, format: str) -> None:
    text = tmp_path / "lines.txt"
    text.write_text("".join(f"line {number}\n" for number in range(9000)))
    options = ("embed", "-q", "-m", "static-ja-en", "-f", format, "--dim", "4", "--precision", "int8")
    piped = run(*options, str(text), "--drop-input").stdout
    target = tmp_path / f"x.{format}"
    assert run(*options, "--drop-input", "-o", str(target), str(text)).returncode == 0
    whole = _matrix(format, target)
    assert whole.shape == (9000, 4)
    assert np.array_equal(_matrix(format, io.BytesIO(piped)), whole)
    if format == "parquet":
        assert pq.ParquetFile(target).num_row_groups == 3
        assert pq.read_table(target).column_names == ["embedding", "scale", "error"]


@pytest.mark.parametrize("format", ["npy", "npz", "parquet"])
def test_no_records_make_an_empty_file(format: str) -> None:
    done = run("-f", format, stdin="")
    assert done.exit_code == 0
    assert len(_matrix(format, io.BytesIO(done.stdout_bytes))) == 0


def test_a_row_without_the_id_field_is_never_called_as_another_one() -> None:
    table = b"a\tb\tc\n1\tcats\tneko\n2\tdogs\n3\tx\tinu\n"
    done = run("-I", "tsv", "--field", "1", "--id-field", "3", "-f", "npz", "--dim", "2", stdin=table)
    assert done.exit_code == 0
    assert np.load(io.BytesIO(done.stdout_bytes))["ids"].tolist() == ["c", "neko", "", "inu"]
    assert "rows without a name, whose records lack the --id-field: 1" in done.stderr


@pytest.mark.parametrize("format", ["npz", "parquet"])
def test_what_cannot_be_resumed_leaves_no_part(tmp_path: Path, format: str) -> None:
    done = run("-f", format, "--on-error", "fail", "-o", str(tmp_path / "x"))
    assert done.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_rows_of_several_files_are_named_by_file_and_line(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text(f"{name} one\n{name} two\n")
    done = run("-f", "npz", str(tmp_path / "a"), str(tmp_path / "b"))
    ids = np.load(io.BytesIO(done.stdout_bytes))["ids"].tolist()
    assert ids == [f"{tmp_path / name}:{line}" for name in "ab" for line in (1, 2)]


def test_a_lone_surrogate_and_a_nul_are_kept_as_far_as_the_format_can() -> None:
    done = run(
        "-f",
        "parquet",
        "--id-field",
        "id",
        stdin=b'{"id":"a\\u0000b","text":"x\\u0000y"}\n{"id":"\\ud800","text":"z"}\n',
    )
    table = pq.read_table(io.BytesIO(done.stdout_bytes))
    assert table["text"].to_pylist() == ["x\0y", "z"]
    assert table["id"].to_pylist() == ["a\0b", "\ufffd"]
