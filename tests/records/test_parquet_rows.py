"""Parquet as input: rows become records."""

from __future__ import annotations

import datetime
import gzip
import io
import json
import math
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import Invoke, Run, parse_records, records

from nlptool.errors import RunError
from nlptool.records.parquet_rows import parquet_rows


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()


def lines(data: bytes) -> list[bytes]:
    return [line for found, _ in parquet_rows(io.BytesIO(data), "x") for line in found]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.parquet"
    path.write_bytes(parquet({"id": [1, 2, 3], "body": ["猫", None, "犬"]}))
    return path


def test_rows_are_records_whatever_way_they_come(run: Run, invoke: Invoke, texts: Path) -> None:
    expected = [{"id": 1, "text": "猫"}, {"id": 2}, {"id": 3, "text": "犬"}]
    compressed = texts.with_suffix(".gz")
    compressed.write_bytes(gzip.compress(texts.read_bytes()))
    for arguments, stdin in (
        ([str(texts)], b""),
        ([str(compressed)], b""),
        ([], texts.read_bytes()),
        (["-I", "parquet"], texts.read_bytes()),
        ([], gzip.compress(texts.read_bytes())),
    ):
        done = run("tokenize", "--field", "body", "-q", *arguments, stdin=stdin)
        assert done.returncode == 3
        found = parse_records(done.stdout)
        assert [record["id"] for record in found] == [1, 2, 3]
        assert [record.get("body") for record in found] == ["猫", None, "犬"]
        assert found[1]["nlptool"]["error"]["line"] == 2
        assert "tokens" in found[2]
    with texts.open("rb") as file:
        assert len(parse_records(run("tokenize", "--field", "body", stdin=file).stdout)) == len(expected)
    text_is_missing = invoke("tokenize", str(texts))
    assert text_is_missing.exit_code == 3
    assert "the record has no field `text`; its fields: `id`, `body`" in text_is_missing.stderr


def test_values_are_what_they_are_in_json(tmp_path: Path) -> None:
    moment = datetime.datetime(2024, 1, 2, 3, 4, 5, 678)
    data = parquet(
        {
            "ns": pa.array([moment], pa.timestamp("ns")),
            "zoned": pa.array([datetime.datetime(2024, 1, 2)], pa.timestamp("ms", tz="UTC")),
            "day": [datetime.date(2024, 1, 2)],
            "price": [Decimal("1.10")],
            "bytes": [b"\xff\x00"],
            "nested": [{"a": [1, None], "b": {"c": "x"}}],
            "vector": pa.array([[0.1, 0.2]], pa.list_(pa.float32(), 2)),
            "gaps": pa.array([[0.1, None]], pa.list_(pa.float32())),
            "small": pa.array([0.1], pa.float32()),
            "nan": [math.nan],
            "large": pa.array([2**64 - 1], pa.uint64()),
            "category": pa.array(["x"]).dictionary_encode(),
        }
    )
    (line,) = lines(data)
    assert line.decode() == (
        '{"ns":"2024-01-02T03:04:05.000678000","zoned":"2024-01-02T00:00:00.000Z","day":"2024-01-02","price":"1.10",'
        '"bytes":"/wA=","nested":{"a":[1,null],"b":{"c":"x"}},"vector":[0.1,0.2],"gaps":[0.10000000149011612,null],'
        '"small":0.1,"nan":null,"large":18446744073709551615,"category":"x"}'
    )


VALUES = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=5))
TABLES = st.integers(0, 9).flatmap(
    lambda n: st.fixed_dictionaries(
        {
            "text": st.lists(VALUES, min_size=n, max_size=n),
            "n": st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=n, max_size=n),
            "x": st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), min_size=n, max_size=n),
            "v": st.lists(st.one_of(st.none(), st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=3)),
                          min_size=n, max_size=n),
        }
    )
)  # fmt: skip
TYPES = {"text": pa.string(), "n": pa.int64(), "x": pa.float64(), "v": pa.list_(pa.float32())}


@given(columns=TABLES)
def test_every_table_is_read_as_it_was_written(columns: dict[str, list[Any]]) -> None:
    data = parquet({name: pa.array(values, TYPES[name]) for name, values in columns.items()}, row_group_size=4)
    found = [orjson.loads(line) for line in lines(data)]
    expected = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for record, original in zip(found, expected, strict=True):
        assert (record["text"], record["n"], record["x"]) == (original["text"], original["n"], original["x"])
        assert (record["v"] is None) == (original["v"] is None)
        assert np.array_equal(np.float32(record["v"] or []), np.float32(original["v"] or []))


def test_what_is_damaged_is_named_and_the_others_are_read(invoke: Invoke, texts: Path, tmp_path: Path) -> None:
    whole = texts.read_bytes()
    damaged = tmp_path / "damaged.parquet"
    for data in (whole[:-1], whole[:40], b"PAR1", whole[:4] + b"\xff" * (len(whole) - 12) + whole[-8:]):
        damaged.write_bytes(data)
        done = invoke("tokenize", "--field", "body", str(damaged), str(texts))
        assert done.exit_code == 1
        assert f"{damaged}: this Parquet file cannot be read: " in done.stderr
        assert "internal" not in done.stderr
        assert len(parse_records(done.stdout_bytes)) >= 3


def test_a_page_that_is_damaged_ends_its_file_alone(texts: Path) -> None:
    whole = bytearray(parquet({"text": [f"{n:09}" for n in range(3000)]}, compression="gzip", use_dictionary=False))
    whole[60:2000] = bytes(1940)
    with pytest.raises(RunError, match=r"x: this Parquet file cannot be read: "):
        lines(bytes(whole))


def test_what_is_no_parquet_and_two_columns_of_one_name(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("tokenize", "-I", "parquet", stdin=b"abc\n")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "<stdin>: this is no Parquet file" in done.stderr
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pyarrow.parquet.write_table(twice, tmp_path / "twice.parquet")
    done = invoke("tokenize", str(tmp_path / "twice.parquet"))
    assert done.exit_code == 1
    assert "two columns are called `text`" in done.stderr


def test_a_short_first_line_is_no_parquet(invoke: Invoke) -> None:
    for stdin in (b"", b"P", b"PAR", b"PA\nR1\n"):
        assert len(records(invoke("tokenize", stdin=stdin))) == len(stdin.splitlines())


def test_a_folder_of_parquet(invoke: Invoke, texts: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a\n")
    done = invoke("tokenize", "-I", "parquet", "--field", "body", str(tmp_path))
    assert [record["id"] for record in parse_records(done.stdout_bytes)] == [1, 2, 3]
    assert "1 files that are no Parquet were left out" in done.stderr
    as_text = invoke("tokenize", str(tmp_path))
    assert "1 binary files were left out, the first:" in as_text.stderr
    assert [record["text"] for record in records(as_text)] == ["a"]


def test_vectors_go_out_and_in(invoke: Invoke, tmp_path: Path) -> None:
    stdin = '{"id":1,"text":"猫"}\n{"id":2,"text":""}\n{"id":3,"text":"犬"}\n'.encode()
    vectors = tmp_path / "v.parquet"
    assert invoke("embed", "-m", "static-ja-en", "-o", str(vectors), stdin=stdin).exit_code == 0
    whole = invoke("embed", "-m", "static-ja-en", stdin=stdin).stdout_bytes
    expected = [
        [neighbor["similarity"] for neighbor in record["neighbors"]]
        for record in records(invoke("similarity", "-k", "1", stdin=whole))
    ]
    found = records(invoke("similarity", "-k", "1", str(vectors)))
    assert [[neighbor["similarity"] for neighbor in record["neighbors"]] for record in found] == expected
    assert [record["id"] for record in found] == [1, 3]
    assert [record["embedding"] for record in found] == [
        record["embedding"] for record in map(json.loads, whole.splitlines()) if record["embedding"]
    ]
    done = invoke("search", "-m", "static-ja-en", "猫", "--corpus", str(vectors), "-k", "1")
    assert records(done)[0]["neighbors"][0]["text"] == "猫"


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    code = (
        "import pathlib, re, sys\n"
        "from nlptool.records.parquet_rows import parquet_rows\n"
        "n = sum(len(found) for found, _ in parquet_rows(open(sys.argv[1], 'rb'), 'x'))\n"
        "print(n, re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])"
    )
    peaks = []
    for n in (2_000, 200_000):
        path = tmp_path / f"{n}.parquet"
        path.write_bytes(parquet({"text": [f"{i:0500}" for i in range(n)]}, use_dictionary=False, compression="none"))
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=True)
        n_read, peak = map(int, done.stdout.split())
        assert n_read == n
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 40_000  # kB; the larger file has 100 MB
