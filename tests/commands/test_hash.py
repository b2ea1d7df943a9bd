"""``nlptool hash`` without a model of its own, and ``nlptool search --hamming``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interruptions import resumed_after_every_list
from program import Invoke, parse_records

from nlptool.geometry import binary_codes, hyperplanes

STATIC = ("-m", "static-ja-en")
TEXTS = "夕暮れの港に汽船が浮かんでいる\n港に船が泊まっている\n\n株価が三日続けて下がった\n彼女は毎朝パンを焼く\n"


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


@pytest.fixture
def codes(invoke: Invoke, tmp_path: Path) -> Path:
    path = tmp_path / "codes.jsonl"
    assert invoke("hash", *STATIC, "-o", str(path), stdin=TEXTS.encode()).exit_code == 0
    return path


def test_a_code_says_on_which_sides_of_the_hyperplanes_the_vector_lies(invoke: Invoke) -> None:
    vectors = [[1.0, 2.0, -0.5], [-3.0, 0.25, 1.0]]
    done = invoke(
        "hash", "--bits", "21", "--seed", "5",
        stdin=lines(*({"embedding": vector, "nlptool": {"embed": {"model": "m"}}} for vector in vectors)),
    )  # fmt: skip
    bits = hyperplanes.bits(np.array(vectors, np.float32), hyperplanes.normals(21, 3, 5))
    found = parse_records(done.stdout_bytes)
    assert [record["code"] for record in found] == binary_codes.as_hex(binary_codes.packed(bits), 21)
    assert found[0]["embedding"] == vectors[0]
    assert found[0]["nlptool"]["hash"] == {
        "method": "hyperplanes", "model": "m", "dimension": 3, "bits": 21, "seed": 5,
    }  # fmt: skip


def test_a_given_embedding_and_the_text_get_the_same_code(invoke: Invoke) -> None:
    embedded = invoke("embed", *STATIC, stdin=TEXTS.encode()).stdout_bytes
    first, second = invoke("hash", *STATIC, stdin=TEXTS.encode()), invoke("hash", stdin=embedded)
    assert first.exit_code == second.exit_code == 0
    found = [parse_records(done.stdout_bytes) for done in (first, second)]
    assert [record["code"] for record in found[0]] == [record["code"] for record in found[1]]
    assert found[0][0]["nlptool"]["hash"] == found[1][0]["nlptool"]["hash"]


def test_more_bits_begin_with_those_of_fewer(invoke: Invoke) -> None:
    few, many = (
        parse_records(invoke("hash", *STATIC, "--bits", bits, stdin=TEXTS.encode()).stdout_bytes)
        for bits in ("64", "96")
    )
    assert [record["code"] for record in few] == [record["code"] and record["code"][:16] for record in many]


def test_what_has_no_vector_has_no_code(invoke: Invoke) -> None:
    done = invoke(
        "hash",
        stdin=lines(
            {"text": "a", "embedding": [0, 0]}, {"text": "", "embedding": None}, {"text": "b", "embedding": None},
            {"text": "c", "embedding": [1, 2]}, {"text": "d", "embedding": [1, 2, 3]}, {"text": "e", "embedding": "x"},
        ),
    )  # fmt: skip
    found = parse_records(done.stdout_bytes)
    assert [record.get("code") for record in found[:3]] == [None] * 3
    reasons = ["the vector is zero", "empty text", "no vector"]
    assert [record["nlptool"]["hash"]["reason"] for record in found[:3]] == reasons
    assert "code" not in found[5]
    assert found[4]["nlptool"]["error"]["type"] == "OtherDimension"
    assert done.exit_code == 3
    assert "records without a code: 3 (the vector is zero 1, empty text 1, no vector 1)" in done.stderr


@pytest.mark.parametrize("bits", ["0", "-8", "4097", "x"])
def test_a_number_of_bits_that_no_code_has(invoke: Invoke, bits: str) -> None:
    done = invoke("hash", "--bits", bits, stdin=b"a\n")
    assert done.exit_code == 2
    assert "--bits" in done.stderr


def test_a_run_goes_on_where_it_was_interrupted(invoke: Invoke, tmp_path: Path) -> None:
    path, out = tmp_path / "texts.txt", tmp_path / "out"
    path.write_text(TEXTS, encoding="utf-8")

    def run(*options: str) -> Any:
        return invoke("hash", *STATIC, "-o", str(out), str(path), *options)

    assert resumed_after_every_list(run, out) == 2


def test_search_gives_what_is_within_the_radius_nearest_first(invoke: Invoke, codes: Path) -> None:
    done = invoke("search", "港の船", "--hamming", "64", "--corpus", str(codes))
    [record] = parse_records(done.stdout_bytes)
    query = parse_records(invoke("hash", *STATIC, stdin="港の船\n".encode()).stdout_bytes)[0]["code"]
    corpus = [each["code"] for each in parse_records(codes.read_bytes())]
    distances = {
        number: (int(code, 16) ^ int(query, 16)).bit_count() for number, code in enumerate(corpus) if code is not None
    }
    expected = sorted((distance, number) for number, distance in distances.items() if distance <= 64)
    assert [(answer["distance"], answer["index"]) for answer in record["neighbors"]] == expected
    assert record["nlptool"]["search"] == {
        "model": "static-ja-en", "method": "hyperplanes", "bits": 128, "hamming": 64, "n_within": len(expected),
    }  # fmt: skip
    first = record["neighbors"][0]
    assert (first["file"], first["line"]) == (str(codes), expected[0][1] + 1)
    assert first["text"] == TEXTS.split("\n")[expected[0][1]]
    assert "similarity" not in first
    assert "records without a code, which were left out: 1" in done.stderr


def test_with_embeddings_the_answers_are_in_the_order_of_the_cosine(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "codes.jsonl"
    embedded = invoke("embed", *STATIC, stdin=TEXTS.encode()).stdout_bytes
    path.write_bytes(invoke("hash", stdin=embedded).stdout_bytes)
    [by_code] = parse_records(invoke("search", "港の船", "--hamming", "128", "--corpus", str(path)).stdout_bytes)
    [exact] = parse_records(invoke("search", "港の船", "--corpus", str(path)).stdout_bytes)
    names = ("index", "file", "line", "text")
    assert [[each[name] for name in names] for each in by_code["neighbors"]] == [
        [each[name] for name in names] for each in exact["neighbors"]
    ]
    for found, expected in zip(by_code["neighbors"], exact["neighbors"], strict=True):
        assert found["similarity"] == pytest.approx(expected["similarity"], abs=1e-6)


def test_a_code_of_its_own_is_used(invoke: Invoke, codes: Path) -> None:
    own = parse_records(codes.read_bytes())[1]
    done = invoke("search", "--hamming", "0", "--corpus", str(codes), stdin=lines(own, {"code": own["code"]}))
    first, second = parse_records(done.stdout_bytes)
    assert [answer["index"] for answer in first["neighbors"]] == [1]
    assert second["neighbors"] == first["neighbors"]
    assert done.exit_code == 0


def test_codes_of_another_kind_are_refused(invoke: Invoke, codes: Path) -> None:
    own = parse_records(codes.read_bytes())[0]
    made = own["nlptool"]["hash"]
    others = [
        {**own, "nlptool": {"hash": {**made, "seed": 2}}},
        {**own, "nlptool": {"hash": {**made, "model": "sbert-mini-ja-en"}}},
        {"code": own["code"][:30]},
        {"code": own["code"][:30] + "g0"},
        {"code": 7},
    ]
    done = invoke("search", "--hamming", "9", "--corpus", str(codes), stdin=lines(*others))
    errors = [record["nlptool"]["error"] for record in parse_records(done.stdout_bytes)]
    assert [error["type"] for error in errors] == ["OtherCode"] * 3 + ["NotACode"] * 2
    assert "another seed, 2, than the others, 1" in errors[0]["message"]
    assert "another model, 'sbert-mini-ja-en'" in errors[1]["message"]
    assert "30 digits, and those before it have 32" in errors[2]["message"]
    assert done.exit_code == 3


def test_codes_of_a_corpus_that_were_made_in_two_ways(invoke: Invoke, codes: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(invoke("hash", *STATIC, "--seed", "2", stdin="猫\n".encode()).stdout_bytes)
    done = invoke("search", "港", "--hamming", "128", "--corpus", str(codes), "--corpus", str(other))
    assert done.exit_code == 3
    assert f"{other}:1: the code was made with another seed" in done.stderr
    [record] = parse_records(done.stdout_bytes)
    assert {answer["file"] for answer in record["neighbors"]} == {str(codes)}


def test_the_same_code_in_another_spelling_of_the_model(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "codes.jsonl"
    made = {"method": "hyperplanes", "dimension": 3, "bits": 8, "seed": 1}
    hub, short = "cl-nagoya/ruri-v3-30m", "ruri-v3-30m"
    path.write_bytes(lines(*({"code": "0f", "nlptool": {"hash": {**made, "model": model}}} for model in (hub, short))))
    done = invoke("search", "--hamming", "1", "--corpus", str(path), stdin=lines({"code": "0e"}))
    assert [answer["distance"] for answer in parse_records(done.stdout_bytes)[0]["neighbors"]] == [1, 1]


def test_a_radius_that_no_search_has(invoke: Invoke, codes: Path) -> None:
    for radius, message in (("-1", "--hamming"), ("5000", "--hamming"), ("129", "more than the 128 bits of a code")):
        done = invoke("search", "港", "--hamming", radius, "--corpus", str(codes))
        assert done.exit_code == 2
        assert message in done.stderr


def test_a_corpus_without_codes(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text(TEXTS, encoding="utf-8")
    done = invoke("search", "港", "--hamming", "9", "--corpus", str(path))
    assert done.exit_code == 1
    assert "no record of" in done.stderr
    assert "nlptool hash" in done.stderr


def test_an_index_has_no_codes(invoke: Invoke, tmp_path: Path) -> None:
    folder = str(tmp_path / "index")
    assert invoke("index", "build", *STATIC, "-o", folder, stdin=TEXTS.encode()).exit_code == 0
    done = invoke("search", "港", "--hamming", "9", "--corpus", folder)
    assert done.exit_code == 1
    assert "is an index of vectors, and has no codes" in done.stderr


def test_a_text_cannot_be_compared_with_codes_that_do_not_say_how_they_were_made(
    invoke: Invoke, tmp_path: Path
) -> None:
    path = tmp_path / "codes.jsonl"
    path.write_bytes(lines({"code": "0f"}, {"code": "0e"}))
    done = invoke("search", "--hamming", "1", "--corpus", str(path), stdin=lines({"code": "0d"}))
    assert [answer["index"] for answer in parse_records(done.stdout_bytes)[0]["neighbors"]] == [0]
    done = invoke("search", "港", "--hamming", "1", "--corpus", str(path))
    assert done.exit_code == 1
    assert "do not say how their codes were made" in done.stderr


def test_options_that_go_with_vectors_alone(invoke: Invoke, codes: Path) -> None:
    for option in (["--measure", "dot"], ["--threshold", "0.5"], ["--tokens"]):
        done = invoke("search", "港", "--hamming", "9", *option, "--corpus", str(codes))
        assert done.exit_code == 2
        assert "makes no use of" in done.stderr


def test_a_search_goes_on_where_it_was_interrupted(invoke: Invoke, codes: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "queries.txt", tmp_path / "out"
    path.write_text(TEXTS, encoding="utf-8")

    def run(*options: str) -> Any:
        return invoke(
            "search", "--hamming", "60", "--corpus", str(codes), "-o", str(out), *options, stdin=path.read_bytes()
        )

    assert resumed_after_every_list(run, out) == 2
