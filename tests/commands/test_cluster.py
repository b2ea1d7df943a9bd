"""``nlptool cluster``: the cluster of each record, what the clusters are about, and pictures of them."""

from __future__ import annotations

import json
import math
import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from program import Invoke, Run, records
from sklearn.metrics import silhouette_score

METHODS = ["kmeans", "agglomerative", "hdbscan", "communities"]
TOPICS = {
    0: ["猫が魚を食べる", "猫がミルクを飲む", "猫が庭で寝る", "白い猫がいる", "猫の写真を撮る"],
    1: ["株価が下がった", "株価が急に上がる", "投資家は株価を見る"],
    2: ["台風が九州に近づく", "台風で電車が止まる"],
}
DIRECTIONS = np.eye(3)


def embedded(*, shuffled: bool = True) -> list[dict[str, Any]]:
    """The texts of the topics, with vectors near the direction of each."""
    numbers = np.random.default_rng(1)
    rows = [
        {
            "id": f"{topic}{index}",
            "text": text,
            "embedding": (DIRECTIONS[topic] + 0.05 * numbers.normal(size=3)).tolist(),
        }
        for topic, texts in TOPICS.items()
        for index, text in enumerate(texts)
    ]
    return [rows[index] for index in numbers.permutation(len(rows))] if shuffled else rows


def jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def unit(rows: list[dict[str, Any]]) -> NDArray[np.float64]:
    vectors = np.array([row["embedding"] for row in rows])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize(
    "options",
    [
        ["-k", "3"],
        [],
        ["--method", "agglomerative", "-k", "3"],
        ["--method", "agglomerative", "--threshold", "0.5"],
        ["--method", "agglomerative", "--linkage", "ward"],
        ["--method", "hdbscan", "--min-size", "2"],
        ["--method", "communities", "--min-size", "2"],
    ],
)
def test_records_keep_their_fields_and_their_order_and_get_cluster_and_distance(
    options: list[str], invoke: Invoke
) -> None:
    rows = embedded()
    found = records(invoke("cluster", *options, stdin=jsonl(rows)))
    assert [{name: record[name] for name in ("id", "text", "embedding")} for record in found] == rows
    assert [record["cluster"] for record in found] == [int(row["id"][0]) for row in rows]
    vectors = unit(rows)
    for cluster in range(3):
        members = [index for index, record in enumerate(found) if record["cluster"] == cluster]
        centre = vectors[members].mean(0) / np.linalg.norm(vectors[members].mean(0))
        if "communities" in options:
            centre = vectors[next(index for index in members if found[index]["distance"] == 0)]
        for index in members:
            assert found[index]["distance"] == pytest.approx(1 - vectors[index] @ centre, abs=2e-6)
    method = options[options.index("--method") + 1] if "--method" in options else "kmeans"
    entry = found[0]["nlptool"]["cluster"]
    assert entry["method"] == method
    assert entry["model"] is None
    assert entry["k"] == 3


def test_the_silhouette_is_that_of_the_clusters_that_are_written(invoke: Invoke) -> None:
    rows = np.random.default_rng(1).normal(size=(150, 8))
    rows[:50, 0] += 4
    rows[50:100, 1] += 4
    lines = [json.dumps({"text": str(number), "embedding": row.tolist()}) for number, row in enumerate(rows)]
    found = records(invoke("cluster", stdin="\n".join(lines)))
    expected = silhouette_score(rows, [record["cluster"] for record in found], metric="cosine")
    assert found[0]["nlptool"]["cluster"]["silhouette"] == pytest.approx(expected, abs=6e-5)


def test_the_silhouettes_of_k_auto_are_said(invoke: Invoke) -> None:
    done = invoke("cluster", stdin=jsonl(embedded()))
    assert "-k 3, with the highest silhouette (2: 0." in done.stderr
    entry = records(done)[0]["nlptool"]["cluster"]
    assert f"3: {entry['silhouette']:.3f}" in done.stderr
    assert entry == {"model": None, "method": "kmeans", "k": 3, "silhouette": entry["silhouette"], "seed": 1}


def test_a_summary_has_a_record_for_each_cluster(invoke: Invoke, tmp_path: Path) -> None:
    rows = embedded()
    (tmp_path / "in.jsonl").write_text(jsonl(rows))
    options = ["-k", "3", "--summary", "--central", "2", "--id-field", "id", str(tmp_path / "in.jsonl")]
    found = records(invoke("cluster", *options))
    assert [(record["cluster"], record["size"]) for record in found] == [(0, 5), (1, 3), (2, 2)]
    assert [record["words"][0]["word"] for record in found] == ["猫", "株価", "台風"]
    assert [record["label"].split(", ")[0] for record in found] == ["猫", "株価", "台風"]
    each = {record["id"]: record for record in records(invoke("cluster", "-k", "3", str(tmp_path / "in.jsonl")))}
    for record in found:
        members = sorted((row["distance"], name) for name, row in each.items() if row["cluster"] == record["cluster"])
        assert [(central["distance"], central["id"]) for central in record["central"]] == members[:2]
        for central in record["central"]:
            index = central["index"]
            assert rows[index]["id"] == central["id"] and rows[index]["text"] == central["text"]
            assert (central["file"], central["line"]) == (str(tmp_path / "in.jsonl"), index + 1)


def test_the_weights_of_words_are_c_tf_idf_of_the_tokens(invoke: Invoke) -> None:
    """By brute force over words that are given."""
    numbers = np.random.default_rng(7)
    rows = []
    for index in range(60):
        topic = index % 3
        words = [f"word{numbers.integers(0, 4)}x{topic}" for _ in range(5)] + [
            "everywhere",
            f"some{numbers.integers(0, 3)}",
        ]
        rows.append(
            {"text": " ".join(words), "tokens": words, "embedding": (DIRECTIONS[topic] + 0.01 * index / 60).tolist()}
        )
    found = records(invoke("cluster", "-k", "3", "--summary", "--words", "6", stdin=jsonl(rows)))
    labels = [record["cluster"] for record in records(invoke("cluster", "-k", "3", stdin=jsonl(rows)))]
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for row, label in zip(rows, labels, strict=True):
        counts[label].update(row["tokens"])
    total: Counter[str] = sum(counts.values(), Counter())
    mean = total.total() / 3
    for record in found:
        mine = counts[record["cluster"]]
        size = mine.total()
        weights = {
            word: n / size * math.log(1 + mean / total[word])
            for word, n in mine.items()
            if n / size >= 2 * (total[word] - n) / (total.total() - size)
        }
        best = sorted(weights, key=lambda word: -weights[word])[:6]
        assert "everywhere" in mine and "everywhere" not in weights
        assert {each["word"]: each["weight"] for each in record["words"]} == {
            word: pytest.approx(weights[word], rel=1e-4) for word in best
        }


def test_labels_of_japanese_are_no_words_of_grammar(invoke: Invoke) -> None:
    stdin = (
        "これは猫の本です。\n猫はそこにいるのです。\n株価は上がって下がるものでした。\n株価のことはよくわからない。\n"
    )
    found = records(invoke("cluster", "-k", "2", "--summary", stdin=stdin))
    words = {each["word"] for record in found for each in record["words"]}
    assert {"猫", "株価"} <= words
    assert not words & {"は", "の", "です", "いる", "居る", "これ", "こと", "もの", "て", "た", "。"}


def test_labels_of_languages_without_a_list_are_no_words_that_are_everywhere(invoke: Invoke) -> None:
    cats = ["le chat dort sur la chaise", "la dame et le chat", "le chat est dans la maison"]
    shares = ["le cours de la bourse", "la bourse et le banquier", "le marché est dans la bourse"]
    rows = [
        {"text": text, "embedding": DIRECTIONS[topic].tolist()}
        for topic, texts in enumerate((cats, shares))
        for text in texts
    ]
    found = records(invoke("cluster", "-k", "2", "--summary", "--words", "1", stdin=jsonl(rows)))
    assert [record["words"][0]["word"] for record in found] == ["chat", "bourse"]


def test_a_table_is_one_of_clusters(invoke: Invoke) -> None:
    lines = invoke("cluster", "-k", "3", "-f", "table", stdin=jsonl(embedded())).stdout.splitlines()
    assert lines[0].split() == ["cluster", "size", "label", "text"]
    assert [line.split()[:3] for line in lines[1:]] == [["0", "5", "猫,"], ["1", "3", "株価,"], ["2", "2", "台風,"]]


def test_csv_keeps_the_columns(invoke: Invoke) -> None:
    stdin = "id,text\n7,猫がいる。\n8,猫が鳴く。\n9,\n"
    lines = invoke("cluster", "-I", "csv", "-f", "csv", "-k", "1", stdin=stdin).stdout.splitlines()
    assert lines[0] == "id,text,cluster,distance,error"
    assert [line.split(",")[:3] for line in lines[1:3]] == [["7", "猫がいる。", "0"], ["8", "猫が鳴く。", "0"]]
    assert lines[3] == "9,,,,"


@pytest.mark.parametrize("method", METHODS)
def test_records_without_a_vector_and_failed_ones_stay_in_their_places(method: str, invoke: Invoke) -> None:
    rows = [
        '{"embedding":[0,0]}', '{"embedding":[1,0]}', '{"embedding":[1,0,0]}', '{"text":""}', '{"embedding":null}',
        '{"embedding":[NaN,1]}', '{"embedding":[1e30,0]}', '{"embedding":[0,1]}', '{"embedding":[0,2]}',
    ]  # fmt: skip
    options = ["-k", "2"] if method in ("kmeans", "agglomerative") else ["--min-size", "2"]
    done = invoke("cluster", "--method", method, *options, stdin="\n".join(rows))
    found = records(done, 3)
    assert len(found) == len(rows)
    errors = [record["nlptool"].get("error", {}).get("type") for record in found]
    assert errors == [None, None, "OtherDimension", None, None, "InvalidJSON", None, None, None]
    clusters = [record.get("cluster", "failed") for record in found]
    assert clusters == [None, 0, "failed", None, None, "failed", 0, 1, 1]
    reasons = [record["nlptool"].get("cluster", {}).get("reason") for record in found]
    assert reasons[0] == "a vector of zeros, which has no direction"
    assert reasons[3] == reasons[4] == "no text and no vector"
    assert found[0]["distance"] is None
    assert "vectors of zeros, which are in no cluster: 1" in done.stderr
    summary = records(invoke("cluster", "--method", method, *options, "--summary", stdin="\n".join(rows)), 3)
    assert [record.get("size") for record in summary] == [None, None, 2, 2]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stdin", ["", "\n\n", "one\n", "one\ntwo\n", "same\n" * 30])
@pytest.mark.parametrize("more", [[], ["--summary"]])
def test_small_and_uniform_inputs(method: str, stdin: str, more: list[str], invoke: Invoke) -> None:
    found = records(invoke("cluster", "--method", method, *more, "-m", "static-ja-en", stdin=stdin))
    n_found = {"": 0, "\n\n": 0, "one\n": 1, "one\ntwo\n": 1, "same\n" * 30: 1}[stdin]
    if more:
        assert len(found) == (
            n_found if method in ("kmeans", "agglomerative") or (method == "communities" and len(stdin) > 20) else 0
        )
    else:
        assert len(found) == stdin.count("\n")
        assert {record["cluster"] for record in found} <= {0, None}


def test_an_npy_of_vectors(invoke: Invoke, tmp_path: Path) -> None:
    rows = embedded()
    np.save(tmp_path / "v.npy", 7 * np.array([row["embedding"] for row in rows], np.float32))
    found = records(invoke("cluster", "-k", "3", str(tmp_path / "v.npy")))
    assert [record["cluster"] for record in found] == [int(row["id"][0]) for row in rows]
    summary = records(invoke("cluster", "-k", "3", "--summary", str(tmp_path / "v.npy")))
    assert [(record["size"], record["label"], record["words"]) for record in summary] == [
        (5, "", []),
        (3, "", []),
        (2, "", []),
    ]


@pytest.mark.parametrize("method", METHODS)
def test_the_same_input_and_seed_give_the_same_bytes(method: str, invoke: Invoke) -> None:
    numbers = np.random.default_rng(3)
    rows = [
        {"text": str(index), "embedding": vector.tolist()} for index, vector in enumerate(numbers.normal(size=(300, 8)))
    ]
    options = ["--min-size", "3"] if method in ("hdbscan", "communities") else ["-k", "9"]
    one, same = (invoke("cluster", "--method", method, *options, stdin=jsonl(rows)).stdout_bytes for _ in range(2))
    assert one == same
    if method == "kmeans":
        other = records(invoke("cluster", "-k", "9", "--seed", "2", stdin=jsonl(rows)))
        assert [each["cluster"] for each in other] != [each["cluster"] for each in map(json.loads, one.splitlines())]


@pytest.mark.parametrize("suffix", ["png", "svg", "html"])
def test_a_picture_with_the_labels(suffix: str, invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / f"map.{suffix}"
    found = records(invoke("cluster", "-k", "3", "--plot", str(path), stdin=jsonl(embedded())))
    assert len(found) == 10
    data = path.read_bytes()
    assert data[:14].lower().startswith({"png": b"\x89png", "svg": b"<?xml", "html": b"<!doctype html"}[suffix])
    if suffix == "html":
        text = data.decode()
        start = text.index('<script type="application/json" id="data">') + 42
        drawn = json.loads(text[start : text.index("</script>", start)])
        assert [name.split(",")[0] for name in drawn["groups"]["names"]] == ["0: 猫", "1: 株価", "2: 台風"]
        assert [caption[2] for caption in drawn["captions"]] == drawn["groups"]["names"]
        places = np.array(drawn["points"]).reshape(-1, 2)
        for number, (x, y, _) in enumerate(drawn["captions"]):
            mine = places[np.array(drawn["groups"]["codes"]) == number]
            np.testing.assert_allclose((x, y), np.median(mine, axis=0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("stdin", ["", "\n", "one\n"])
def test_a_picture_of_nothing_or_one(stdin: str, invoke: Invoke, tmp_path: Path) -> None:
    for name in ("a.svg", "a.html"):
        assert invoke("cluster", "--plot", str(tmp_path / name), stdin=stdin).exit_code == 0
        assert (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["-k", "11"], 1, "-k 11 clusters, and there are 10 records with a vector"),
        (["-k", "0"], 2, "is not in the range 1<=x<=100000"),
        (["-k", "two"], 2, "'two' is not a valid"),
        (["--threshold", "0.5"], 2, "--method kmeans makes no use of --threshold"),
        (["--min-size", "3"], 2, "--method kmeans makes no use of --min-size"),
        (["--linkage", "ward"], 2, "--method kmeans makes no use of --linkage"),
        (["--method", "hdbscan", "-k", "3"], 2, "--method hdbscan makes no use of --clusters"),
        (["--method", "communities", "--threshold", "-0.5"], 2, "-0.5 is not in the range 0<x<=1"),
        (["--method", "communities", "--threshold", "nan"], 2, "nan is no number"),
        (["--method", "communities", "--min-size", "1"], 2, "1 is not in the range x>=2"),
        (["--method", "agglomerative", "-k", "2", "--threshold", "0.5"], 2, "give one of them"),
        (["--method", "agglomerative", "--linkage", "ward", "--threshold", "0.5"], 2, "give -k"),
        (["--method", "agglomerative", "--memory", "500"], 1, "--memory 500 is enough for 7"),
        (["--method", "hdbscan", "--memory", "500"], 1, "--method kmeans or communities, which need little"),
        (["--words", "3"], 2, "--words goes with --summary alone"),
        (["--projection", "tsne"], 2, "--projection goes with --plot alone"),
        (["--plot", "map.txt"], 1, "a picture is a .png, .svg, .pdf, .html file"),
        (["-o", os.devnull, "--resume"], 2, "--resume"),
    ],
)
def test_what_is_refused(options: list[str], code: int, message: str, invoke: Invoke) -> None:
    done = invoke("cluster", *options, stdin=jsonl(embedded()))
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr


def test_an_npy_of_nan_and_one_of_no_matrix_are_refused(invoke: Invoke, tmp_path: Path) -> None:
    for array, message in (
        (np.full((3, 2), np.nan), "row 0 (from 0) holds NaN"),
        (np.zeros(4), "is no matrix of numbers"),
    ):
        np.save(tmp_path / "v.npy", array)
        done = invoke("cluster", str(tmp_path / "v.npy"))
        assert (done.exit_code, done.stdout) == (1, "")
        assert message in done.stderr


def test_on_stdin_of_a_process_without_options(run: Run) -> None:
    done = run("cluster", "-q", stdin="猫がいる。\n犬がいる。\n株価が下がった。\n株が売られた。\n".encode())
    assert [record["cluster"] for record in records(done)] == [0, 0, 1, 1]
    assert done.stderr == b""
