"""``nlptool similarity``: what comes out, in which order, in which format, and what is said of bad input."""

from __future__ import annotations

import base64
import csv
import io
import itertools
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interruptions import interrupted, resumed_after_every_list
from program import Invoke, Run, parse_records, records

TEXTS = "猫が窓辺で眠っている。\n窓のそばでネコが寝ています。\nA cat sleeps by the window.\n株価が急に下がった。\n"
RIGHT, AT_45 = '{"embedding":[2,0]}', '{"embedding":[1,1]}'
PLANE = f'{RIGHT}\n{AT_45}\n{{"embedding":[0,3]}}\n{{"embedding":[-1,0]}}\n'.encode()


def matrix(data: bytes) -> np.ndarray[Any, Any]:
    return np.array([record["similarities"] for record in parse_records(data)])


def test_texts_are_compared_with_each_other(invoke: Invoke) -> None:
    done = invoke("similarity", stdin=TEXTS.encode())
    found = parse_records(done.stdout_bytes)
    assert [record["index"] for record in found] == [0, 1, 2, 3]
    assert [record["text"] for record in found] == TEXTS.splitlines()
    values = matrix(done.stdout_bytes)
    np.testing.assert_allclose(values, values.T, atol=1e-6)
    np.testing.assert_allclose(np.diag(values), 1, atol=1e-6)
    assert values[0, 1] > 0.8
    assert values[0, 2] > 0.8
    assert values[0, 3] < 0.3
    assert found[0]["nlptool"]["similarity"] == {"model": "sbert-mini-ja-en", "measure": "cosine"}


def test_the_similarities_are_those_of_embeds_vectors(invoke: Invoke) -> None:
    vectors = np.array([r["embedding"] for r in parse_records(invoke("embed", stdin=TEXTS.encode()).stdout_bytes)])
    np.testing.assert_allclose(
        matrix(invoke("similarity", stdin=TEXTS.encode()).stdout_bytes), vectors @ vectors.T, atol=1e-5
    )


@pytest.mark.parametrize(
    ("measure", "expected"),
    [("cosine", [1, 0.70710677, 0, -1]), ("dot", [4, 2, 0, -2]), ("euclidean", [0, -1.4142135, -3.6055512, -3]),
     ("pearson", [1, 0, -1, -1])],
)  # fmt: skip
def test_embeddings_are_compared_by_the_measure(invoke: Invoke, measure: str, expected: list[float]) -> None:
    done = invoke("similarity", "--measure", measure, stdin=PLANE)
    np.testing.assert_allclose(matrix(done.stdout_bytes)[0], expected, atol=1e-6)
    assert parse_records(done.stdout_bytes)[0]["nlptool"]["similarity"]["measure"] == measure


@pytest.mark.parametrize(
    "given", [["--format", "jsonl"], ["-f", "base64"], ["--precision", "float16"], ["--precision", "int8"]]
)
def test_embeddings_of_every_form_are_read(invoke: Invoke, given: list[str]) -> None:
    embedded = invoke("embed", *given, stdin=TEXTS.encode()).stdout_bytes
    plain = matrix(invoke("similarity", stdin=TEXTS.encode()).stdout_bytes)
    found = invoke("similarity", stdin=embedded)
    assert found.exit_code == 0
    np.testing.assert_allclose(matrix(found.stdout_bytes), plain, atol=2e-2 if "int8" in given else 2e-3)
    assert parse_records(found.stdout_bytes)[0]["nlptool"]["similarity"]["model"] == "sbert-mini-ja-en"


def test_the_scale_of_int8_counts_where_length_does(invoke: Invoke) -> None:
    embedded = invoke("embed", "--precision", "int8", "-f", "base64", stdin=TEXTS.encode()).stdout_bytes
    found = matrix(invoke("similarity", "--measure", "dot", stdin=embedded).stdout_bytes)
    np.testing.assert_allclose(np.diag(found), 1, atol=0.02)


def test_signs_alone_are_no_vectors(invoke: Invoke) -> None:
    embedded = invoke("embed", "--precision", "binary", stdin=TEXTS.encode()).stdout_bytes
    done = invoke("similarity", stdin=embedded)
    assert done.exit_code == 3
    assert parse_records(done.stdout_bytes)[0]["nlptool"]["error"]["type"] == "BinaryEmbedding"


def test_no_model_is_loaded_for_vectors_that_are_there(run: Run) -> None:
    done = run("similarity", stdin=PLANE, env={"PYTHONPROFILEIMPORTTIME": "1"})
    imported = done.stderr.decode()
    assert matrix(done.stdout).shape == (4, 4)
    assert not any(name in imported for name in ("onnxruntime", "tokenizers", "torch", "sklearn", "matplotlib"))


def test_the_nearest_of_each(invoke: Invoke) -> None:
    found = parse_records(invoke("similarity", "-k", "2", stdin=PLANE).stdout_bytes)
    assert [[each["index"] for each in record["neighbors"]] for record in found] == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert found[0]["neighbors"][0] == {"index": 1, "line": 2, "similarity": pytest.approx(0.70710677)}


def test_more_neighbors_than_there_are(invoke: Invoke) -> None:
    found = parse_records(invoke("similarity", "--top-k", "99999", stdin=PLANE).stdout_bytes)
    assert [len(record["neighbors"]) for record in found] == [3] * 4


def test_neighbors_above_a_threshold(invoke: Invoke) -> None:
    found = parse_records(invoke("similarity", "-k", "3", "--threshold", "0.5", stdin=PLANE).stdout_bytes)
    assert [[each["index"] for each in record["neighbors"]] for record in found] == [[1], [0, 2], [1], []]


def test_pairs_above_a_threshold(invoke: Invoke) -> None:
    found = parse_records(invoke("similarity", "--threshold", "0.5", "--id-field", "id", stdin=(
        b'{"id":"a","embedding":[2,0],"text":"x"}\n{"id":"b","embedding":[1,1],"text":"y"}\n{"id":"c","embedding":[-1,0]}\n'
    )).stdout_bytes)  # fmt: skip
    said = {"nlptool": {"similarity": {"model": None, "measure": "cosine"}}}
    assert found == [{"first_index": 0, "second_index": 1, "first_line": 1, "second_line": 2, "first_id": "a", "second_id": "b",
                      "first": "x", "second": "y", "similarity": pytest.approx(0.70710677), **said}]  # fmt: skip


def test_a_pair_of_two_files_names_both_and_has_no_origin_of_its_own(invoke: Invoke, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b'{"embedding":[2,0],"text":"x"}\n')
    two.write_bytes(b'{"embedding":[1,1],"text":"y"}\n')
    for files in ([str(one), str(two)], [str(one), str(two), "--source"]):
        (found,) = parse_records(invoke("similarity", "--threshold", "0.5", *files).stdout_bytes)
        assert (found["first_file"], found["first_line"], found["second_file"], found["second_line"]) == (
            str(one),
            1,
            str(two),
            1,
        )
        assert list(found["nlptool"]) == ["similarity"]


CAT = "猫が鳴く。"


@pytest.mark.parametrize(
    ("given", "more", "places"),
    [
        (f"{CAT}\n\n\n犬が走る。\n\n{CAT}\n", [], [(0, 1), (5, 6)]),
        (f"\n{CAT}\r\n\r\n犬が走る。\r\n{CAT}", [], [(1, 2), (4, 5)]),
        (f'{{"text":"{CAT}"}}\n\n{{"text":"犬"}}\n\n\n{{"text":"{CAT}"}}\n', [], [(0, 1), (2, 6)]),
        (f"n,text\n1,{CAT}\n\n2,犬\n3,{CAT}\n", ["-I", "csv", "--field", "text"], [(0, 2), (2, 5)]),
        (f"{CAT}\n鳥だ。\n\n\n犬が走る。\n\n{CAT}\n鳥だ。\n", ["--unit", "paragraph"], [(0, 1), (2, 7)]),
    ],
    ids=["text", "CRLF", "JSONL", "CSV", "paragraphs"],
)
def test_blank_lines_count_as_lines_and_blank_texts_as_records(
    invoke: Invoke, given: str, more: list[str], places: list[tuple[int, int]]
) -> None:
    ((first, first_line), (second, second_line)) = places
    (pair,) = records(invoke("similarity", "--threshold", "0.99", *more, stdin=given))
    assert (pair["first_index"], pair["first_line"]) == (first, first_line)
    assert (pair["second_index"], pair["second_line"]) == (second, second_line)
    nearest = {
        each["index"]: each["neighbors"][0] for each in records(invoke("similarity", "-k", "1", *more, stdin=given))
    }
    assert (nearest[first]["index"], nearest[first]["line"]) == (second, second_line)
    assert (nearest[second]["index"], nearest[second]["line"]) == (first, first_line)


IDS = ["1", "1.10", "12345678901234567890123", '"1"', '"a\\u0041"', "[1,2]", "false"]


def test_an_id_in_an_answer_is_as_it_came(invoke: Invoke, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(f'{{"id":{value},"embedding":[{n},1]}}\n' for n, value in enumerate(IDS)))
    options = ["--id-field", "id", "--drop-input"]
    own = invoke("similarity", "-k", "9", *options, str(corpus)).stdout.splitlines()
    for line, value in zip(own, IDS, strict=True):
        assert line.startswith(f'{{"id":{value},"index":')
        assert sorted(re.findall(r'"line":\d+,"id":(.+?),"similarity"', line)) == sorted(i for i in IDS if i != value)
    pairs = invoke("similarity", "--threshold", "-1", "--id-field", "id", str(corpus)).stdout.splitlines()
    found = [re.search(r'"first_id":(.+?),"second_id":(.+?),"', line) for line in pairs]
    assert sorted(match.groups() for match in found if match) == sorted(itertools.combinations(IDS, 2))
    for ask in (["similarity", "-k", "9", "--against", str(corpus)], ["search", "-k", "9", "--corpus", str(corpus)]):
        (line,) = invoke(*ask, "--id-field", "id", stdin='{"embedding":[1,1]}\n').stdout.splitlines()
        assert sorted(re.findall(r'"id":(.+?),"similarity"', line)) == sorted(IDS)


def test_two_equal_records_are_a_pair_at_threshold_1(invoke: Invoke) -> None:
    found = parse_records(invoke("similarity", "--threshold", "1", stdin=(TEXTS + TEXTS).encode()).stdout_bytes)
    assert [(pair["first_index"], pair["second_index"]) for pair in found] == [(0, 4), (1, 5), (2, 6), (3, 7)]


def test_one_file_against_another(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(b'{"embedding":[0,1],"text":"up"}\n{"embedding":[1,0],"text":"right"}\n')
    found = parse_records(
        invoke("similarity", "-k", "1", "--against", str(tmp_path / "b.jsonl"), stdin=PLANE).stdout_bytes
    )
    assert [record["neighbors"][0]["text"] for record in found] == ["right", "up", "up", "up"]
    assert matrix(invoke("similarity", "--against", str(tmp_path / "b.jsonl"), stdin=PLANE).stdout_bytes).shape == (
        4,
        2,
    )
    pairs = parse_records(
        invoke("similarity", "--threshold", "0.9", "--against", str(tmp_path / "b.jsonl"), stdin=PLANE).stdout_bytes
    )
    assert [(pair["first_index"], pair["second_index"]) for pair in pairs] == [(0, 1), (2, 0)]


def test_the_models_of_both_sides_must_be_one(invoke: Invoke, tmp_path: Path) -> None:
    other = invoke("embed", "-m", "static-ja-en", stdin=TEXTS.encode()).stdout_bytes
    (tmp_path / "b.jsonl").write_bytes(other)
    done = invoke("similarity", "--against", str(tmp_path / "b.jsonl"), stdin=TEXTS.encode())
    assert done.exit_code == 1
    assert "the embedding is of static-ja-en, the others are of sbert-mini-ja-en" in done.stderr


def test_texts_take_the_model_of_the_embeddings(invoke: Invoke) -> None:
    mixed = invoke("embed", "-m", "static-ja-en", stdin=TEXTS.encode()).stdout_bytes + b'{"text":"\xe7\x8a\xac"}\n'
    done = invoke("similarity", stdin=mixed)
    assert done.exit_code == 0
    assert {record["nlptool"]["similarity"]["model"] for record in parse_records(done.stdout_bytes)} == {"static-ja-en"}
    assert matrix(done.stdout_bytes).shape == (5, 5)


def test_embeddings_of_two_models_do_not_mix(invoke: Invoke) -> None:
    mixed = b"".join(
        invoke("embed", "-m", name, stdin=TEXTS.encode()).stdout_bytes for name in ("static-ja-en", "sbert-mini-ja-en")
    )
    done = invoke("similarity", stdin=mixed)
    assert done.exit_code == 3
    found = parse_records(done.stdout_bytes)
    assert [record["nlptool"].get("error", {}).get("type") for record in found] == [None] * 4 + ["OtherModel"] * 4
    assert len(found[0]["similarities"]) == 4
    typed = invoke("similarity", "-m", "sbert-mini-ja-en", stdin=mixed)
    assert [record["nlptool"].get("error", {}).get("type") for record in parse_records(typed.stdout_bytes)] == [
        "OtherModel"
    ] * 4 + [None] * 4


def test_what_has_no_vector_is_left_out_and_what_fails_stays_in_its_place(invoke: Invoke) -> None:
    done = invoke("similarity", "--drop-input", stdin=(
        b'{"embedding":[1,0]}\n{"embedding":[1,null]}\n{"embedding":null,"text":""}\n{"embedding":[1,0,0]}\n'
        b'{"embedding":"?"}\n{"embedding":["1","2"]}\n{"embedding":[1e300,1]}\n{"text":"x"}\n{"embedding":[0,1]}\n{"embedding":[]}\n'
    ))  # fmt: skip
    assert done.exit_code == 3
    found = parse_records(done.stdout_bytes)
    kinds = [record["nlptool"].get("error", {}).get("type", record.get("index")) for record in found]
    assert kinds == [
        0,
        "NotAVector",
        "OtherDimension",
        "NotAVector",
        "NotAVector",
        "NotFinite",
        "NoEmbedding",
        8,
        "NotAVector",
    ]
    assert found[0]["similarities"] == [1, 0]
    assert "which have no vector and were left out: 1" in done.stderr


def test_an_empty_line_among_texts_is_left_out(invoke: Invoke) -> None:
    done = invoke("similarity", stdin="猫\n\n\u3000\n犬\n".encode())
    assert done.exit_code == 0
    assert matrix(done.stdout_bytes).shape == (2, 2)
    assert "left out: 2" in done.stderr


def test_vectors_of_zeros_have_similarity_0_and_are_counted(invoke: Invoke) -> None:
    zero = b'{"embedding":[0,0]}\n'
    done = invoke("similarity", stdin=PLANE + zero)
    assert matrix(done.stdout_bytes)[4].tolist() == [0] * 5
    assert "vectors of zeros, which have no direction, so that their similarities are 0: 1" in done.stderr
    assert "vectors" not in invoke("similarity", "--measure", "dot", stdin=PLANE + zero).stderr


def test_one_record_and_none(invoke: Invoke) -> None:
    assert matrix(invoke("similarity", stdin=b"a\n").stdout_bytes).tolist() == [[pytest.approx(1)]]
    assert parse_records(invoke("similarity", "-k", "3", stdin=b"a\n").stdout_bytes)[0]["neighbors"] == []
    assert invoke("similarity", "--threshold", "0", stdin=b"a\n").stdout_bytes == b""
    for more in ([], ["-k", "1"], ["--threshold", "0"], ["--pairs"], ["-f", "csv"], ["-f", "table"]):
        done = invoke("similarity", *more, stdin=b"")
        assert (done.exit_code, done.stdout_bytes) == (0, b"")


def test_an_npy_of_vectors(invoke: Invoke, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array([[2, 0], [1, 1]], np.float64))
    found = parse_records(invoke("similarity", str(tmp_path / "v.npy")).stdout_bytes)
    assert found[0] == {"index": 0, "similarities": [1, pytest.approx(0.70710677)],
                        "nlptool": {"similarity": {"model": None, "measure": "cosine"}}}  # fmt: skip
    assert parse_records(invoke("similarity", "-k", "1", str(tmp_path / "v.npy")).stdout_bytes)[0]["neighbors"] == [
        {"index": 1, "similarity": pytest.approx(0.70710677)}
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [(np.array([[1, np.nan]]), "row 0 (from 0) holds NaN"), (np.zeros(3), "no matrix of numbers"),
     (np.array([["a"]]), "no matrix of numbers"), (np.zeros((3, 0)), "no matrix of numbers"),
     (np.array([[1, 1e39]]), "row 0 (from 0) holds NaN, infinity or a number beyond float32"),
     (np.array([[0, 1], [1, -np.inf]], np.float16), "row 1 (from 0) holds NaN")],
)  # fmt: skip
def test_an_npy_that_is_no_matrix_of_vectors(invoke: Invoke, tmp_path: Path, content: Any, message: str) -> None:
    np.save(tmp_path / "v.npy", content)
    done = invoke("similarity", str(tmp_path / "v.npy"))
    assert done.exit_code == 1
    assert message in done.stderr
    cut = (tmp_path / "v.npy").read_bytes()[:-3]
    (tmp_path / "cut.npy").write_bytes(cut)
    assert invoke("similarity", str(tmp_path / "cut.npy")).exit_code == 1
    assert "is read alone" in invoke("similarity", str(tmp_path / "v.npy"), str(tmp_path / "cut.npy")).stderr


def test_the_matrix_as_npy(invoke: Invoke, tmp_path: Path) -> None:
    plain = matrix(invoke("similarity", stdin=PLANE).stdout_bytes)
    through_a_pipe = np.load(
        io.BytesIO(invoke("similarity", "-f", "npy", stdin=PLANE + b'{"embedding":[1]}\n').stdout_bytes)
    )
    assert through_a_pipe.dtype == np.float32
    np.testing.assert_array_equal(through_a_pipe, plain.astype(np.float32))
    assert invoke("similarity", "-f", "npy", "-o", str(tmp_path / "m.npy"), stdin=PLANE).exit_code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "m.npy"), through_a_pipe)


def test_csv_reads_back(invoke: Invoke) -> None:
    given = b'{"text":"a, \\"b\\"","embedding":[1,0]}\n{"text":"c","embedding":[0,1]}\n'
    rows = list(csv.reader(io.StringIO(invoke("similarity", "-f", "csv", stdin=given).stdout_bytes.decode())))
    assert rows == [["", 'a, "b"', "c"], ['a, "b"', "1.0", "0.0"], ["c", "0.0", "1.0"]]
    rows = list(
        csv.reader(io.StringIO(invoke("similarity", "-k", "1", "-f", "csv", stdin=given).stdout_bytes.decode()))
    )
    assert rows == [["text", "embedding", "index", "neighbor_index", "neighbor_line", "neighbor", "similarity", "error"],
                    ['a, "b"', "[1,0]", "0", "1", "2", "c", "0.0", ""],
                    ["c", "[0,1]", "1", "0", "1", 'a, "b"', "0.0", ""]]  # fmt: skip


def test_both_ids_and_every_line_end_are_in_the_csv(invoke: Invoke) -> None:
    given = b'{"id":"p","text":"a\\rb","embedding":[1,0]}\n{"text":"c\\nd","embedding":[1,1]}\n'
    done = invoke("similarity", "-k", "1", "--id-field", "id", "-f", "csv", stdin=given)
    rows = list(csv.reader(io.StringIO(done.stdout_bytes.decode(), newline="")))
    names = ["id", "text", "embedding", "index", "neighbor_index", "neighbor_line", "neighbor_id", "neighbor"]
    assert rows[0] == [*names, "similarity", "error"]
    assert [[*row[:2], *row[3:8]] for row in rows[1:]] == [
        ["p", "a\rb", "0", "1", "2", "", "c\nd"],
        ["", "c\nd", "1", "0", "1", "p", "a\rb"],
    ]
    table = invoke("similarity", "-k", "1", "--id-field", "id", "-f", "table", stdin=given).stdout
    assert table.splitlines()[1].split() == ["0", "1", "p", "a", "b", "c", "d", "0.7071"]


def test_parquet_reads_back(invoke: Invoke) -> None:
    import pyarrow.parquet

    def table(*arguments: str) -> Any:
        return pyarrow.parquet.read_table(
            io.BytesIO(invoke("similarity", "-f", "parquet", *arguments, stdin=PLANE).stdout_bytes)
        )

    assert table()["similarities"].to_pylist()[0] == pytest.approx([1, 0.70710677, 0, -1])
    assert table("-k", "2")["neighbor_index"].to_pylist() == [1, 2, 0, 2, 1, 0, 2, 1]
    pairs = table("--threshold", "0.5")
    assert pairs["first_index"].to_pylist() == [0, 1]
    assert pairs["similarity"].to_pylist() == pytest.approx([0.70710677] * 2)


def test_a_table_has_two_digits_and_no_more_columns_than_a_person_reads(invoke: Invoke) -> None:
    assert invoke("similarity", "-f", "table", stdin=PLANE).stdout.split("\n")[1].split() == [
        "0",
        "0",
        "1.00",
        "0.71",
        "0.00",
        "-1.00",
    ]
    done = invoke("similarity", "-f", "table", stdin=f"{RIGHT}\n".encode() * 51)
    assert done.exit_code == 1
    assert "a table of 51 columns is not for a person" in done.stderr


def test_fields_stay_and_nothing_stays(invoke: Invoke) -> None:
    given = b'{"price": 1.10, "embedding": [1, 0]}\n'
    assert invoke("similarity", stdin=given).stdout_bytes.startswith(b'{"price": 1.10, "embedding": [1, 0],"index":0,')
    assert invoke("similarity", "--drop-input", stdin=given).stdout_bytes.startswith(
        b'{"index":0,"similarities":[1.0],'
    )


@pytest.mark.parametrize("format", ["jsonl", "csv", "npy"])
@pytest.mark.parametrize("more", [[], ["-k", "2"], ["--threshold", "0.1"], ["--against", "in.jsonl"]])
def test_resume_goes_on_where_the_file_ends(
    invoke: Invoke, tmp_path: Path, more: list[str], format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if format == "npy" and more:
        more = ["--measure", "dot"]
    monkeypatch.chdir(tmp_path)
    lines = [f'{{"embedding":[{i % 5},{i % 3},1]}}' for i in range(12)]
    lines[3] = '{"embedding":7}'
    Path("in.jsonl").write_text("\n".join(lines) + "\n")
    memory = "3000" if "--threshold" in more else "300" if "-k" in more else "100"
    run = ["similarity", *more, "--memory", memory, "in.jsonl", "-f", format, "-o", "out"]
    assert resumed_after_every_list(lambda *resume: invoke(*run, *resume), tmp_path / "out") >= 4


@pytest.mark.parametrize("more", [[], ["-k", "2"], ["--threshold", "0.1"]])
def test_another_runs_output_is_not_gone_on_with(invoke: Invoke, tmp_path: Path, more: list[str]) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out"
    run = ["similarity", *more, "--memory", "3000", "-o", str(out), str(source)]
    source.write_bytes(PLANE)
    interrupted(lambda: invoke(*run), out)
    for other, said in ((PLANE[:-20], "another input"), (PLANE.replace(b"1", b"2", 1), "another input")):
        source.write_bytes(other)
        done = invoke(*run, "--resume")
        assert done.exit_code == 2
        assert said in done.stderr
    source.write_bytes(PLANE)
    done = invoke(*run, "--measure", "dot", "--resume")
    assert done.exit_code == 2
    assert "--measure was not given, is now dot" in done.stderr
    assert invoke(*run, "--resume").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [["--pairs", "-k", "1"], ["--pairs", "--threshold", "1"], ["--plot", "x.png", "-k", "1"], ["-f", "npy", "-k", "1"],
     ["--threshold", "nan"], ["--memory", "lots"], ["--memory", "0"], ["-k", "0"], ["--measure", "loudness"],
     ["--pairs", "--against", "x"], ["-f", "npy", "--pairs"], ["--against", "-"], ["--against", "-", "-"]],
)  # fmt: skip
def test_wrong_usage(invoke: Invoke, arguments: list[str]) -> None:
    assert invoke("similarity", *arguments, stdin=PLANE).exit_code == 2


def test_memory_for_less_than_a_row(invoke: Invoke) -> None:
    done = invoke("similarity", "--memory", "10", stdin=PLANE)
    assert done.exit_code == 1
    assert "one row of 4 similarities takes 16" in done.stderr
    assert matrix(invoke("similarity", "--memory", "16", stdin=PLANE).stdout_bytes).shape == (4, 4)


def test_a_matrix_that_does_not_fit_on_the_disk(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 60})())
    done = invoke("similarity", "-f", "npy", "-o", str(tmp_path / "m.npy"), stdin=PLANE)
    assert done.exit_code == 1
    assert "4 x 4 similarities of 4 bytes are 64" in done.stderr
    assert not (tmp_path / "m.npy").exists()


def test_the_room_of_a_redirected_stdout_is_known(tmp_path: Path) -> None:
    from nlptool.tasks import comparison

    kept = os.dup(1)
    try:
        with (tmp_path / "out").open("wb") as file:
            os.dup2(file.fileno(), 1)
        free = comparison._free(None)
    finally:
        os.dup2(kept, 1)
        os.close(kept)
    assert free is not None
    assert free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.5)
    assert comparison._free("/dev/null") is None


def test_very_many_pairs_are_foretold(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlptool.tasks.similarity.MANY", 1000)
    done = invoke("similarity", "--threshold", "0.9", "--memory", "40K", stdin=f"{RIGHT}\n".encode() * 200)
    assert "pairs are to be expected; a higher --threshold, or -k, gives fewer" in done.stderr
    assert len(done.stdout_bytes.splitlines()) == 200 * 199 // 2


def test_two_sentences_a_line(invoke: Invoke) -> None:
    done = invoke("similarity", "--pairs", stdin="犬が走る。\tA dog runs.\n犬が走る。\t株価が下がった。\n".encode())
    found = parse_records(done.stdout_bytes)
    assert found[0]["first"] == "犬が走る。"
    assert found[0]["second"] == "A dog runs."
    assert found[0]["similarity"] > 0.8 > 0.3 > found[1]["similarity"]


@pytest.mark.parametrize(
    ("command", "result"), [("similarity --pairs", "similarity"), ("nsp", "is_next"), ("attention --pair", "attention")]
)
@pytest.mark.parametrize("more", [["4.8"], [""], ["4.8", "a b", "5"], ['"4,8']])
def test_further_columns_of_a_pair_are_kept(invoke: Invoke, command: str, result: str, more: list[str]) -> None:
    line = "\t".join(["犬が走る。", "犬が走っている。", *more])
    (found,) = records(invoke(*command.split(), stdin=f"{line}\n"))
    names = [str(number) for number in range(3, 3 + len(more))]
    assert list(found)[: len(more) + 3] == ["first", "second", *names, result]
    assert [found[name] for name in ("first", "second", *names)] == ["犬が走る。", "犬が走っている。", *more]
    assert found[result] is not None


@pytest.mark.parametrize("names", [("first", "second"), ("sentence1", "sentence2"), ("text1", "text2")])
def test_pairs_in_jsonl_keep_their_fields(invoke: Invoke, names: tuple[str, str]) -> None:
    given = json.dumps({"n": 1, names[0]: "犬", names[1]: "犬"}, ensure_ascii=False).encode()
    found = invoke("similarity", "--pairs", stdin=given).stdout_bytes
    assert found.startswith(given[:-1] + b',"similarity":')
    assert parse_records(found)[0]["similarity"] == pytest.approx(1, abs=1e-6)


def test_bad_pairs_fail_and_empty_ones_have_no_similarity(invoke: Invoke) -> None:
    done = invoke("similarity", "--pairs", stdin=b"a\n\nb\tc\td\n\tx\ne\tf\n")
    assert done.exit_code == 3
    found = parse_records(done.stdout_bytes)
    assert list(found[2]) == ["first", "second", "3", "similarity", "nlptool"]  # no column is lost
    assert [record["nlptool"].get("error", {}).get("type") for record in found] == ["NotAPair"] * 2 + [None] * 3
    assert found[3]["similarity"] is None
    assert found[3]["nlptool"]["similarity"]["reason"] == "one of the texts has no vector"
    assert isinstance(found[4]["similarity"], float)
    wrong = invoke(
        "similarity", "--pairs", stdin=b'{"first":"a"}\n{"first":"a","second":3}\n{"sentence1":"a","sentence2":"b"}\n'
    )
    assert [record["nlptool"].get("error", {}).get("type") for record in parse_records(wrong.stdout_bytes)] == [
        "NotAPair",
        "NotAPair",
        None,
    ]


def test_a_header_that_is_read_as_a_pair_is_said(invoke: Invoke) -> None:
    table = b"first\tsecond\tn\nA dog runs.\tA dog is running.\t4.8\n"
    done = invoke("similarity", "--pairs", stdin=table)
    assert len(parse_records(done.stdout_bytes)) == 2
    assert "<stdin>: the first line is taken for a pair; -I tsv --header reads it as a header" in done.stderr
    (found,) = parse_records(invoke("similarity", "--pairs", "-I", "tsv", "--header", stdin=table).stdout_bytes)
    assert (found["n"], "3" in found) == ("4.8", False)
    assert "header" not in invoke("similarity", "--pairs", stdin=b"1\t2\nfirst\tsecond\n").stderr


def test_pairs_are_those_of_the_matrix(invoke: Invoke) -> None:
    lines = TEXTS.splitlines()
    values = matrix(invoke("similarity", "--measure", "euclidean", stdin=TEXTS.encode()).stdout_bytes)
    pairs = "".join(f"{a}\t{b}\n" for a in lines for b in lines)
    found = [
        record["similarity"]
        for record in parse_records(
            invoke("similarity", "--pairs", "--measure", "euclidean", stdin=pairs.encode()).stdout_bytes
        )
    ]
    np.testing.assert_allclose(np.array(found).reshape(4, 4), values, atol=1e-3)


@pytest.mark.parametrize(
    ("given", "more"),
    [('{"sentence1":"a","sentence2":"b"}\n', []), ("a\tb\n", ["-I", "tsv"]), ("text1\ttext2\na\tb\n", ["-I", "tsv", "--header"]),
     ("a\tb\n", [])],
)  # fmt: skip
def test_pairs_have_their_texts_in_csv_as_they_are_called(invoke: Invoke, given: str, more: list[str]) -> None:
    done = invoke("similarity", "--pairs", "-f", "csv", *more, stdin=given.encode())
    assert done.exit_code == 0
    names = (
        "sentence1,sentence2"
        if "{" in given
        else "text1,text2"
        if "text1" in given
        else "1,2"
        if more
        else "first,second"
    )
    assert done.stdout.splitlines()[0] == f"{names},similarity,error"
    assert invoke("similarity", "--pairs", "-f", "table", *more, stdin=given.encode()).stdout.startswith(
        "first  second"
    )
    assert done.stdout.splitlines()[1].startswith("a,b,0.")


def test_pairs_in_csv(invoke: Invoke) -> None:
    done = invoke("similarity", "--pairs", "-f", "csv", stdin=b"a\ta\n")
    assert done.stdout.splitlines()[0] == "first,second,similarity,error"
    assert done.stdout.splitlines()[1].startswith("a,a,")


def test_word_vectors_are_an_encoder_and_take_tokens(invoke: Invoke) -> None:
    given = b'{"tokens":["king"]}\n{"tokens":["queen"]}\n{"tokens":["cabbage"]}\n{"text":"zzzqq"}\n'
    done = invoke("similarity", "-m", "glove-6b-50d", stdin=given)
    values = matrix(done.stdout_bytes)
    assert values.shape == (3, 3)
    assert values[0, 1] == pytest.approx(0.7839, abs=1e-3)
    assert values[0, 2] < 0.3
    assert "without a known word, which have no vector and were left out: 1" in done.stderr


def test_cut_texts_are_said_and_counted(invoke: Invoke) -> None:
    done = invoke("similarity", stdin=("猫と犬。" * 2000 + "\n猫\n").encode())
    found = parse_records(done.stdout_bytes)
    assert found[0]["nlptool"]["similarity"]["truncated"] is True
    assert "truncated" not in found[1]["nlptool"]["similarity"]
    assert "texts longer than the model takes, of which it read a part: 1" in done.stderr


def test_base64_that_is_none(invoke: Invoke) -> None:
    odd = base64.b64encode(b"abcde").decode()
    done = invoke("similarity", stdin=f'{{"embedding":"{odd}"}}\n'.encode())
    assert parse_records(done.stdout_bytes)[0]["nlptool"]["error"]["type"] == "NotAVector"


def test_a_heat_map_is_drawn_beside_the_records(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("similarity", "--plot", str(tmp_path / "m.png"), stdin=PLANE)
    assert matrix(done.stdout_bytes).shape == (4, 4)
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")
    assert invoke("similarity", "--plot", str(tmp_path / "m.gif"), stdin=PLANE).exit_code == 1


def test_nothing_is_not_drawn(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("similarity", "--plot", str(tmp_path / "m.png"), stdin=b"")
    assert done.exit_code == 0
    assert "there is nothing to draw" in done.stderr
    assert not (tmp_path / "m.png").exists()


def test_a_table_names_places_as_grep_does(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("a", "猫が鳴く。\n\n犬が走る。\n"), ("b", "猫が鳴く。\n")):
        Path(name).write_text(text, encoding="utf-8")
    rows = [line.split() for line in invoke("similarity", "a", "b", "-k", "1", "-f", "table").stdout.splitlines()]
    assert rows[0] == ["place", "neighbor_place", "text", "neighbor", "similarity"]
    assert [row[:2] for row in rows[1:]] == [["a:1", "b:1"], ["a:3", "a:1"], ["b:1", "a:1"]]
    rows = [
        line.split()
        for line in invoke("similarity", "a", "b", "--threshold", "0.99", "-f", "table").stdout.splitlines()
    ]
    assert rows == [
        ["first_place", "second_place", "first", "second", "similarity"], ["a:1", "b:1", "猫が鳴く。", "猫が鳴く。", "1.0000"],
    ]  # fmt: skip
    rows = [line.split() for line in invoke("similarity", "a", "-k", "1", "-f", "table").stdout.splitlines()]
    assert rows[0][:2] == ["index", "neighbor_index"]
